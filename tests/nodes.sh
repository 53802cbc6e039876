#!/bin/sh
# Installs the Nodes that the tests run on, and prints the value of AMPT_WS_TEST_NODES:
#
#   AMPT_WS_TEST_NODES=$(tests/nodes.sh) cargo test
#
# The arguments are versions as npm understands them; without any: every release line in support.
# What is installed already is used as it is.
set -eu

[ $# -gt 0 ] || set -- 20 22 24 26
cache=$(cd "$(dirname "$0")/.." && pwd)/target/nodes

fail() {
  echo "nodes.sh: $*" >&2
  exit 1
}

command -v npm >/dev/null || fail "npm is not on PATH; it comes with Node: https://nodejs.org"

case $(uname -s) in
  Linux) system=linux ;;
  Darwin) system=darwin ;;
  *) fail "no Node packages for $(uname -s)" ;;
esac
case $(uname -m) in
  x86_64 | amd64) machine=x64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) fail "no Node packages for $(uname -m)" ;;
esac

nodes=
for version in "$@"; do
  folder=$cache/$version
  node=$folder/node_modules/node-$system-$machine/bin/node
  if [ ! -x "$node" ]; then
    mkdir -p "$folder"
    # A package.json of its own keeps npm from installing into a folder above.
    echo '{ "private": true }' >"$folder/package.json"
    npm install --prefix "$folder" --no-audit --no-fund --loglevel error \
      "node-$system-$machine@$version" >&2 || fail "npm could not install Node $version"
  fi
  "$node" --version >/dev/null || fail "$node does not run"
  nodes=$nodes${nodes:+:}$node
done
echo "$nodes"
