#!/bin/sh
# Runs the tests with real SDKs: AWS's for JavaScript and Python, and the published @ampt/sdk.
#
#   tests/sdk.sh [FILTER]
#
# They are installed below target/, once for each set of versions in tests/sdk/.
set -eu

tests=$(cd "$(dirname "$0")" && pwd)
cache=$tests/../target/sdk
AMPT_WS_TEST_SDKS=$cache
export AMPT_WS_TEST_SDKS

fail() {
  echo "sdk.sh: $*" >&2
  exit 1
}

# Whether a list of versions differs from the one that was installed; $1: its name.
outdated() {
  ! cmp -s "$tests/sdk/$1" "$cache/$1"
}

command -v npm >/dev/null || fail "npm is not on PATH; it comes with Node: https://nodejs.org"
python3 -m pip --version >/dev/null 2>&1 || fail "Python 3 with pip is needed (Debian: apt install python3-pip)"

mkdir -p "$cache"
if outdated package.json; then
  rm -rf "$cache/node_modules"
  staged=$cache/staged
  rm -rf "$staged"
  mkdir "$staged"
  cp "$tests/sdk/package.json" "$staged"
  npm install --prefix "$staged" --no-audit --no-fund --loglevel error >&2 || fail "npm could not install the SDKs"
  mv "$staged/node_modules" "$staged/package-lock.json" "$cache"
  mv "$staged/package.json" "$cache"
  rmdir "$staged"
fi
if outdated requirements.txt; then
  rm -rf "$cache/python"
  python3 -m pip install --quiet --disable-pip-version-check \
    --target "$cache/python" --requirement "$tests/sdk/requirements.txt" || fail "pip could not install boto3"
  cp "$tests/sdk/requirements.txt" "$cache"
fi

cd "$tests/.."
exec cargo test --test it -- --ignored "sdk::${1-}"
