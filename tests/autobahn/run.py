# Runs the fuzzing client, for Python 2.7:
#
#   run.py SITE OUTDIR TEXT_URL BINARY_URL CASE...
#
# SITE is where the test suite is installed, OUTDIR where its report goes; the two servers echo texts
# and binary messages. Prints the cases that are not as they should be, and how many there were;
# fails if there is such a case.
import json
import os
import signal
import site
import sys

# The cases whose echo is to come back in binary frames, and the others.
BINARY = ["1.2.*", "9.2.*", "9.4.*", "9.6.*", "9.8.*"]
TEXT = "1.1.* 2.* 3.* 4.* 5.* 6.* 7.* 9.1.* 9.3.* 9.5.* 9.7.* 10.*".split()

# Echoes that the suite would like to see although what follows them ends the connection. They
# come from the app, another process; what is broken ends the connection at once.
UNSEEN_ECHO = "3.2 3.3 3.4 4.1.3 4.1.4 4.1.5 4.2.3 4.2.4 4.2.5 5.15".split()
# Bad UTF-8 is found when its frame is whole; the suite would like to see it found before.
LATE = "6.4.3 6.4.4".split()
NON_STRICT = set(UNSEEN_ECHO + LATE)

# All cases take about a minute; a server that leaves each waiting must not hold anybody up for good.
MOST_SECONDS = 1800


def wanted(patterns):
    from autobahntestsuite import case as known, caseset

    names = "CaseSetname CaseBasename Cases CaseCategories CaseSubCategories".split()
    cases = caseset.CaseSet(*[getattr(known, name) for name in names])
    chosen = cases.parseSpecCases({"cases": patterns})
    unknown = [case for case in chosen if case not in cases.CasesById]
    if unknown or not chosen:
        sys.exit("there is no case %s" % ", ".join(unknown or patterns))
    return chosen


def run(outdir, text_url, binary_url, cases):
    spec = {
        "outdir": outdir,
        "servers": [
            {"agent": "text", "url": text_url},
            {"agent": "binary", "url": binary_url},
        ],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {"text": BINARY, "binary": TEXT},
    }
    path = outdir + ".json"
    with open(path, "w") as written:
        json.dump(spec, written)
    from autobahntestsuite import wstest

    sys.argv = ["wstest", "--mode", "fuzzingclient", "--spec", path]
    wstest.run()


def verdicts(outdir):
    with open(os.path.join(outdir, "index.json")) as index:
        agents = json.load(index)
    cases = [case for agent in agents.values() for case in agent.items()]
    return sorted(cases, key=lambda case: [int(n) for n in case[0].split(".")])


def is_fine(case, verdict):
    fine = ["OK", "INFORMATIONAL"]
    behaviour = verdict["behavior"]
    is_allowed = behaviour in fine or behaviour == "NON-STRICT" and case in NON_STRICT
    return is_allowed and verdict["behaviorClose"] in fine


def report(cases, wanted):
    # The fuzzing client gives up a server that does not listen any more, without a word.
    missing = [case for case in wanted if case not in dict(cases)]
    for case in missing:
        print("%s: did not run" % case)
    bad = [case for case in cases if not is_fine(*case)]
    for case, verdict in bad:
        print("%s: %s, closing %s" % (case, verdict["behavior"], verdict["behaviorClose"]))
    behaviours = [verdict["behavior"] for _, verdict in cases]
    counts = ["%s %d" % (told, behaviours.count(told)) for told in sorted(set(behaviours))]
    print("%d cases: %s" % (len(cases), ", ".join(counts)))
    return not bad and not missing


folder, outdir, text_url, binary_url = sys.argv[1:5]
patterns = sys.argv[5:]
signal.alarm(MOST_SECONDS)
# Namespace packages are found only in a site directory.
site.addsitedir(folder)
sys.path.insert(0, folder)
cases = wanted(patterns)
run(outdir, text_url, binary_url, cases)
sys.exit(0 if report(verdicts(outdir), cases) else 1)
