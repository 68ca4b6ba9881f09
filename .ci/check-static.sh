#!/bin/sh
# Proves that the static binary needs nothing: check-static.sh FILE.
# Runs it in an empty root that holds only itself and a writable /tmp: `serve` answers, `ask` too.
set -eu
file=$1
limit_mb=60

fail() { echo "static: $*" >&2; exit 1; }

ldd "$file" 2>&1 | grep -Eq 'statically linked|not a dynamic executable' || fail "ldd does not call $file statically linked"
size_mb=$(($(stat -c %s "$file") / 1000000))
[ "$size_mb" -lt "$limit_mb" ] || fail "$file has $size_mb MB, and may have less than $limit_mb"

root=$(mktemp -d)
server=
cleanup() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$root"
}
trap cleanup EXIT INT TERM
mkdir -m 1777 "$root/tmp"
: >"$root/tmp/out"
cp "$file" "$root/chatelaine"

# chroot needs root; elsewhere a user namespace gives the same.
inside() {
    if [ "$(id -u)" = 0 ]; then
        exec env -i PATH="$PATH" TMPDIR=/tmp HOME=/tmp chroot "$root" /chatelaine "$@"
    else
        exec env -i PATH="$PATH" TMPDIR=/tmp HOME=/tmp unshare --user --map-root-user --root="$root" /chatelaine "$@"
    fi
}

(inside serve --data /tmp/data --listen 127.0.0.1:0) >"$root/tmp/out" 2>"$root/tmp/err" &
server=$!
address=
for _ in $(seq 100); do
    address=$(sed -n 's/^Listening on //p' "$root/tmp/out")
    [ -z "$address" ] || break
    sleep 0.1
done
[ -n "$address" ] || { cat "$root/tmp/err" >&2; fail "serve did not start in an empty root"; }
python3 - "$address" <<'PY' || fail "/health did not answer in an empty root"
import sys, urllib.request
assert urllib.request.urlopen(sys.argv[1] + "/health", timeout=5).status == 200
PY
answer=$( (inside ask "What is Chatelaine?") 2>"$root/tmp/err") || { cat "$root/tmp/err" >&2; fail "ask failed in an empty root"; }
[ -n "$answer" ] || fail "ask printed nothing in an empty root"
echo "static: $file is statically linked, has $size_mb MB, and serves and answers in an empty root"
echo "static: it said: $answer"
