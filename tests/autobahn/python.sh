#!/bin/sh
# Prints a Python 2.7 that has the Autobahn test suite, as the command to call it with:
#
#   python=$(tests/autobahn/python.sh)
#
# It is the one that PYTHON2 names, or one on PATH that runs; else it is fetched from Debian 11, the
# last release that had it, with apt's own means and without root. Everything lands below
# target/autobahn and is used again the next time.
set -eu

tests=$(cd "$(dirname "$0")" && pwd)
place=$(cd "$tests/../.." && pwd)/target/autobahn

fail() {
  echo "autobahn.sh: $*" >&2
  exit 1
}

# Gives a command some seconds; without `timeout` (macOS) it gets as many as it wants.
within() {
  seconds=$1
  shift
  if command -v timeout >/dev/null; then timeout "$seconds" "$@"; else "$@"; fi
}

# Whether $1 is a Python 2.7 in which what the suite needs works.
is_python2() {
  "$1" -c 'import sys, zlib, hashlib, ctypes, ssl, pyexpat; sys.exit(sys.version_info[:2] != (2, 7))' \
    2>/dev/null
}

# Where this system gets Debian from: the mirror in apt's own sources.
mirror() {
  codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  apt-get --print-uris update 2>/dev/null |
    sed -n "s|^'\([^']*\)/dists/$codename/InRelease'.*|\1|p" | head -n 1
}

# An apt of our own: the system's sources, lists and cache are neither used nor touched. Of the
# system's settings it keeps how to reach the network.
private_apt() {
  rm -rf "$1"
  mkdir -p "$1/parts" "$1/state/lists/partial" "$1/cache/archives/partial"
  : >"$1/status"
  echo "deb [arch=$(dpkg --print-architecture) signed-by=$keyring] $2 bullseye main" >"$1/sources.list"
  {
    apt-config dump | grep -E '^Acquire::(https?|Retries|ForceIPv)' || true
    cat <<CONF
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "$1/parts";
Dir::Etc::main "$1/none";
Dir::Etc::parts "$1/parts";
Dir::Etc::preferences "$1/none";
Dir::Etc::preferencesparts "$1/parts";
Dir::State "$1/state";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
  } >"$1/apt.conf"
}

# Python 2.7 and the libraries it wants, unpacked into $1.
fetch() {
  instead="name a Python 2.7: PYTHON2=/path/to/python2.7 tests/autobahn.sh"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  for tool in apt-get apt-config dpkg; do
    command -v $tool >/dev/null || fail "there is no Python 2.7, and no $tool to fetch it with; $instead"
  done
  [ -e $keyring ] || fail "there is no Python 2.7, and no $keyring to fetch it with; $instead"
  mirror=$(mirror)
  [ -n "$mirror" ] || fail "there is no Python 2.7, and apt's sources name no mirror of Debian to fetch it from; $instead"

  apt=$place/apt
  private_apt "$apt" "$mirror"
  APT_CONFIG=$apt/apt.conf
  export APT_CONFIG
  echo "autobahn.sh: fetching Python 2.7 of Debian 11 from $mirror" >&2
  log=$place/apt.log
  within 180 apt-get update -qq --error-on=any >"$log" 2>&1 ||
    fail "apt could not read the lists of Debian 11 (bullseye): see $log; try again with a network, or $instead"
  mkdir "$apt/debs"
  (
    cd "$apt/debs"
    within 180 apt-get download -q \
      python2.7-minimal=2.7.18-8+deb11u1 \
      libpython2.7-minimal=2.7.18-8+deb11u1 \
      libpython2.7-stdlib=2.7.18-8+deb11u1 \
      libssl1.1=1.1.1w-0+deb11u1 \
      libffi7=3.3-6 \
      libexpat1=2.2.10-2+deb11u5 \
      zlib1g=1:1.2.11.dfsg-2+deb11u2
  ) >>"$log" 2>&1 || fail "apt could not fetch Python 2.7: see $log; try again, or $instead"

  rm -rf "$1.staged"
  for deb in "$apt"/debs/*.deb; do
    dpkg -x "$deb" "$1.staged" || fail "dpkg could not unpack $deb; is the disk full?"
  done
  cat >"$1.staged/python" <<'RUN'
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$(echo "$here"/lib/*-linux-*):$(echo "$here"/usr/lib/*-linux-*)
export LD_LIBRARY_PATH
exec "$here/usr/bin/python2.7" "$@"
RUN
  chmod +x "$1.staged/python"
  is_python2 "$1.staged/python" || {
    "$1.staged/python" -c 'import zlib, hashlib, ctypes, ssl, pyexpat' >>"$log" 2>&1 || true
    fail "the Python 2.7 of Debian 11 does not run here: see $log; $instead"
  }
  rm -rf "$1" "$apt"
  mv "$1.staged" "$1"
}

# The first of these that runs; a shim that only says what it lacks does not.
find_python() {
  if [ -n "${PYTHON2-}" ]; then
    is_python2 "$PYTHON2" || fail "PYTHON2=$PYTHON2 is no Python 2.7 with zlib, ctypes and ssl"
    echo "$PYTHON2"
    return
  fi
  for python in python2.7 python2 "$place/python2.7/python"; do
    if is_python2 "$python"; then
      echo "$python"
      return
    fi
  done
  fetch "$place/python2.7"
  echo "$place/python2.7/python"
}

# Installs the suite for $1 into $2. Its pip is the last one for Python 2.7, run from its wheel,
# which any pip of Python 3 can fetch.
install() {
  python3 -m pip --version >/dev/null 2>&1 || fail "Python 3 with pip is needed (Debian: apt install python3-pip)"
  log=$place/pip.log
  echo "autobahn.sh: installing the test suite from PyPI" >&2
  staged=$2.staged
  rm -rf "$staged" "$place/pip"
  within 120 python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --dest "$place/pip" pip==20.3.4 >"$log" 2>&1 || fail "pip could not fetch itself for Python 2.7: see $log; is there a network?"
  pip=$place/pip/pip-20.3.4-py2.py3-none-any.whl/pip
  # Those without a wheel are built with these.
  within 120 "$1" -W ignore "$pip" install --quiet --no-deps --target "$place/pip/tools" \
    setuptools==44.1.1 wheel==0.37.1 >"$log" 2>&1 || fail "pip could not install setuptools: see $log"
  PYTHONPATH=$place/pip/tools within 300 "$1" -W ignore "$pip" install --quiet --no-deps --target "$staged" \
    --requirement "$tests/requirements.txt" >"$log" 2>&1 || fail "pip could not install autobahntestsuite: see $log"
  rm -rf "$2" "$place/pip"
  cp "$tests/requirements.txt" "$staged"
  echo "$1" >"$staged/python.txt"
  mv "$staged" "$2"
}

mkdir -p "$place"
python=$(find_python)
site=$place/site
if ! cmp -s "$tests/requirements.txt" "$site/requirements.txt" ||
  [ "$(cat "$site/python.txt" 2>/dev/null)" != "$python" ]; then
  install "$python" "$site"
fi
echo "$python"
