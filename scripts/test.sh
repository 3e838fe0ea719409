#!/usr/bin/env bash
# Everything that proves the project, cheapest first; stops at the first failure.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

step "Postgres for the tests"
PG_BIN=$(scripts/postgres.sh bin)
export PG_BIN
note "$("$PG_BIN/postgres" --version) in $PG_BIN"

# Services that a user does not need; their tests say so and prove nothing where one is missing.
services=(pgbouncer redis-server nginx ip openssl strace)
missing=()
for program in "${services[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || missing+=("$program")
done
[[ -e /usr/lib/nginx/modules/ngx_stream_module.so ]] || missing+=(libnginx-mod-stream)
if ((${#missing[@]})) && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    step "Services for the tests: ${missing[*]}"
    packages=("${missing[@]/#ip/iproute2}")
    # Debian would start them as services of the machine.
    export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
    # Patient with a slow mirror and with another apt that holds the lock.
    apt=(apt-get -qq -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300)
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${packages[@]/#nginx/nginx-light}"; } >/dev/null ||
        note "not installed: what they prove is not proved here"
elif ((${#missing[@]})); then
    note "without ${missing[*]}, which are not installed: what they prove is not proved here"
fi

step "Format: cargo fmt --check"
cargo fmt --check

step "Lints: cargo clippy, warnings denied"
cargo clippy --locked --quiet --all-targets -- -D warnings

step "Unit and integration tests: cargo test"
cargo test --locked

step "The static binary"
scripts/build.sh
scripts/check-static.sh

printf '\n%stests passed%s\n' "$green$bold" "$plain"
