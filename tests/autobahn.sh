#!/bin/sh
# Runs the Autobahn test suite's fuzzing client against an echo app: its classes of cases 1 to 7,
# 9 and 10. It fails if a case is not as it should be, and names it.
#
#   tests/autobahn.sh [CASES...]       for example: tests/autobahn.sh '6.*'
#
# AMPT_WS names the program; else it is built. PYTHON2 names a Python 2.7; else one is looked for,
# and fetched if there is none (tests/autobahn/python.sh). The report is
# target/autobahn/reports/index.html. The Rust tests have the same classes of cases in
# tests/it/conformance.rs.
#
# The `ws` interface of an Ampt app sends text only. So there are two echo apps: for texts, and for
# binary messages, which go back through the management API.
set -eu

fail() {
  echo "autobahn.sh: $*" >&2
  exit 1
}

case ${1-} in
  '') set -- '1.*' '2.*' '3.*' '4.*' '5.*' '6.*' '7.*' '9.*' '10.*' ;;
  -*) fail "there is no $1; usage: tests/autobahn.sh [CASES...], for example tests/autobahn.sh '6.*'" ;;
esac

tests=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$tests/.." && pwd)
place=$root/target/autobahn

python=$("$tests/autobahn/python.sh")
if [ -z "${AMPT_WS-}" ]; then
  cargo build --quiet --locked --manifest-path "$root/Cargo.toml"
  AMPT_WS=$root/target/debug/ampt-ws
fi
"$AMPT_WS" --version >/dev/null || fail "AMPT_WS=$AMPT_WS does not run"

sandboxes=
stop() {
  for sandbox in $sandboxes; do
    kill -INT "$sandbox" 2>/dev/null || true
  done
  for sandbox in $sandboxes; do
    wait "$sandbox" || true
  done
}
trap stop EXIT
trap 'exit 130' INT TERM

# Starts an echo app; sets $url to where it is.
start() {
  app=$place/$1
  lines=$place/$1.lines
  rm -rf "$app" "$lines"
  mkdir "$app"
  cp "$tests/autobahn/$1.mjs" "$app/index.mjs"
  mkfifo "$lines"
  "$AMPT_WS" dev "$app" --port 0 --json --no-watch --no-limits \
    --max-message 67108864 --max-frame 67108864 --binary allow >"$lines" 2>"$place/$1.log" </dev/null &
  sandboxes="$sandboxes $!"
  exec 3<"$lines"
  read -r ready <&3 || fail "the sandbox does not start: $(cat "$place/$1.log")"
  # Nobody reads on; what it says must not hold it up.
  cat <&3 >/dev/null &
  exec 3<&-
  url=$(printf '%s\n' "$ready" | sed -n 's/.*"wsUrl":"\([^"]*\)".*/\1/p')
  [ -n "$url" ] || fail "the sandbox did not start the $1 app: $ready"
}

rm -rf "$place/reports"
start text
text=$url
start binary
log=$place/run.log
"$python" -W ignore "$tests/autobahn/run.py" "$place/site" "$place/reports" "$text" "$url" "$@" >"$log" 2>&1 &&
  passed=true || passed=false
grep -E '^[0-9.]+( cases)?: ' "$log" || {
  tail -n 5 "$log" >&2
  fail "the fuzzing client did not come to its end: see $log"
}
$passed || fail "not every case is as it should be: see $place/reports/index.html"
