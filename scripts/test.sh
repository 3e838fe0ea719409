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
