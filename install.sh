#!/bin/sh
# Builds ampt-ws and puts it on PATH; or takes it away again.
set -eu

usage() {
    cat <<'TEXT'
usage: ./install.sh [--prefix DIR] [--uninstall] [--help]

Builds ampt-ws from this folder and installs the one file it is: DIR/bin/ampt-ws.
It may be run again: an older version is replaced.

  --prefix DIR   where to install; otherwise the first of these that is on PATH and
                 can be written: ~/.local, ~/.cargo, /usr/local; else ~/.local
  --uninstall    removes ampt-ws from there (apps' data in .ampt-ws stays)
  --help         shows this
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
    exit 1
}

# The name of this machine's package manager's command, or nothing.
packages() {
    for tool in apt-get dnf pacman apk brew; do
        if command -v "$tool" >/dev/null 2>&1; then
            case $tool in
            apt-get) echo 'apt-get install' ;;
            dnf) echo 'dnf install' ;;
            pacman) echo 'pacman -S' ;;
            apk) echo 'apk add' ;;
            brew) echo 'brew install' ;;
            esac
            return
        fi
    done
}

on_path() {
    case ":$PATH:" in
    *":$1:"*) return 0 ;;
    *) return 1 ;;
    esac
}

writable() {
    dir=$1
    while [ ! -e "$dir" ] && [ "$dir" != / ]; do dir=$(dirname "$dir"); done
    [ -d "$dir" ] && [ -w "$dir" ]
}

choose_prefix() {
    for dir in "$HOME/.local" "${CARGO_HOME:-$HOME/.cargo}" /usr/local; do
        if on_path "$dir/bin" && writable "$dir/bin"; then
            echo "$dir"
            return
        fi
    done
    echo "$HOME/.local"
}

need_rust() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$here/Cargo.toml")
    command -v cargo >/dev/null 2>&1 ||
        fail 'cargo is not on PATH; building needs Rust' \
            "install Rust $wanted or newer, for example with rustup, and start again"
    have=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    oldest=$(printf '%s\n%s\n' "$wanted" "$have" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)
    [ "$oldest" = "$wanted" ] || [ "$oldest" = "$wanted.0" ] ||
        fail "this Rust is $have; building needs $wanted or newer" 'rustup update stable'
    command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 ||
        fail 'there is no C compiler, which Rust links with' \
            "install one: $(packages) gcc (on macOS: xcode-select --install)"
}

# Node runs the apps; ampt-ws itself installs without it.
want_node() {
    if ! command -v node >/dev/null 2>&1; then
        say 'note: node is not on PATH; to run an app, ampt-ws needs Node 20 or newer'
        [ -z "$(packages)" ] || say "  for example: $(packages) nodejs"
        return
    fi
    major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
    [ "$major" -ge 20 ] 2>/dev/null ||
        say "note: this Node is $(node --version); to run an app, ampt-ws needs 20 or newer"
}

install_it() {
    need_rust
    want_node
    say "building ampt-ws (a few minutes the first time)"
    target=${CARGO_TARGET_DIR:-$here/target}
    cargo build --release --locked --manifest-path "$here/Cargo.toml" --target-dir "$target" ||
        fail 'the build failed' 'the lines above say why'
    mkdir -p "$prefix/bin" 2>/dev/null || true
    [ -w "$prefix/bin" ] ||
        fail "\`$prefix/bin\` cannot be written" 'choose another place with --prefix DIR'
    # Renamed into place, so that a running ampt-ws is not disturbed.
    cp "$target/release/ampt-ws" "$prefix/bin/.ampt-ws.new"
    mv -f "$prefix/bin/.ampt-ws.new" "$prefix/bin/ampt-ws"
    say "installed $("$prefix/bin/ampt-ws" --version) as $prefix/bin/ampt-ws"
    if on_path "$prefix/bin"; then
        say 'try it: ampt-ws dev fixtures/chat'
    else
        say "note: $prefix/bin is not on PATH; add it: export PATH=\"$prefix/bin:\$PATH\""
    fi
}

uninstall_it() {
    if [ -e "$prefix/bin/ampt-ws" ]; then
        rm -f "$prefix/bin/ampt-ws" || fail "\`$prefix/bin/ampt-ws\` cannot be removed"
        say "removed $prefix/bin/ampt-ws"
    else
        say "there is no $prefix/bin/ampt-ws"
    fi
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=''
action=install_it
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        usage
        exit 0
        ;;
    --uninstall) action=uninstall_it ;;
    --prefix)
        [ $# -ge 2 ] || fail '--prefix needs a folder' 'for example: ./install.sh --prefix ~/.local'
        prefix=$2
        shift
        ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    *)
        usage >&2
        fail "\`$1\` is not an option of this script"
        ;;
    esac
    shift
done
if [ -z "$prefix" ]; then
    installed=$(command -v ampt-ws || true)
    if [ -n "$installed" ]; then prefix=$(dirname "$(dirname "$installed")"); else prefix=$(choose_prefix); fi
fi
case $prefix in
/*) ;;
*) prefix=$PWD/$prefix ;;
esac
$action
