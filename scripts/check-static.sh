#!/usr/bin/env bash
# Runs dist/init in a root directory that holds nothing else but /etc/resolv.conf and /etc/hosts,
# and shows that names resolve there. As an ordinary user this needs user namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

root=$(mktemp -d "${TMPDIR:-/tmp}/app-init-root.XXXXXX")
listener=''
tear_down() {
    [[ -z $listener ]] || kill "$listener" 2>/dev/null || true
    rm -rf "$root"
}
trap tear_down EXIT

if [[ $(id -u) == 0 ]]; then
    confine=("$(command -v chroot)" "$root" /init)
elif unshare --map-root-user --root=/ true 2>/dev/null; then
    confine=("$(command -v unshare)" --map-root-user --root="$root" /init)
else
    note "dist/init in an empty root: left out, because that needs root or user namespaces here"
    exit 0
fi

# confined PATIENCE ARGUMENTS…: init in the empty root, with a nearly empty environment.
confined() { env -i APP_INIT_WAIT_TIMEOUT="$1" APP_INIT_LOG_LEVEL=error "${confine[@]}" "${@:2}"; }

step "dist/init alone in an empty root"
[[ -x dist/init ]] || fail "there is no dist/init: make build"
[[ -x $target_dir/debug/examples/zones_server ]] || fail "the listener is not built: cargo build --examples"
mkdir "$root/etc"
cp dist/init "$root/init"
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || : >"$root/etc/resolv.conf"
echo "127.0.0.1 localhost only-in-this-root" >"$root/etc/hosts"

# Something that listens: the example server does not touch its database before it is asked.
PORT=0 DATABASE_URL=postgres://nobody@127.0.0.1:1/none \
    "$target_dir/debug/examples/zones_server" 2>"$root/listener.log" &
listener=$!
until port=$(sed -n 's/.*listening on .*://p' "$root/listener.log") && [[ -n $port ]]; do
    kill -0 "$listener" 2>/dev/null || fail "the listener ended: $(cat "$root/listener.log")"
    sleep 0.02
done
rm "$root/listener.log"
note "$(cd "$root" && find . -type f | sort | tr '\n' ' ')"

confined 0 version >/dev/null || fail "it does not run there"
pass "it runs"
for name in localhost only-in-this-root; do
    confined 30s wait "tcp://$name:$port" || fail "it cannot reach \`$name\`, which $root/etc/hosts names"
    pass "\`$name\` resolves by that root's /etc/hosts"
done
# The opposite, so that the checks above mean something. 69: not ready in time.
code=0
confined 2s wait "tcp://not-in-this-root.invalid:$port" 2>/dev/null || code=$?
((code == 69)) || fail "waiting for a name that does not exist ended with $code instead of 69"
pass "a name that does not exist is waited for and given up"

# What runs before Rust's runtime must not have been dropped by the linker.
ignored() (trap '' PIPE && "$@" grep '^SigIgn' /proc/self/status)
[[ $(ignored dist/init) == "$(ignored env)" ]] || fail "an ignored SIGPIPE is not handed on by exec"
pass "an ignored SIGPIPE is handed on by exec"
