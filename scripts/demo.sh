#!/usr/bin/env bash
# The main job of app-init on real data, from a database that comes up late to a clean stop.
#
# Needs a Rust toolchain and bash; scripts/postgres.sh finds or gets Postgres. Everything lives in a
# temporary directory and on free ports, and is gone when the script ends, however it ends.
# INIT=dist/init runs another build of init.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/app-init-demo.XXXXXX")
chmod 711 "$work" # the database's user must be able to pass through
init_pid='' reader_pid='' port='' database_port=''
zones=312 # rows of examples/tzdata/zone1970.tab

# --- the end, on every path ---------------------------------------------------------------------

tear_down() {
    local code=$?
    [[ $BASHPID == "$$" ]] || exit "$code" # a subshell that could not go on
    trap - EXIT
    trap '' INT TERM
    set +e
    if [[ -n $init_pid ]]; then stop_hard "$init_pid"; fi
    [[ ! -e $work/cluster ]] || scripts/postgres.sh stop "$work/cluster"
    rm -rf "$work"
    if ((code != 0)); then
        printf '\n%sdemo failed%s\n' "$red$bold" "$plain" >&2
    fi
    exit "$code"
}
trap tear_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# SIGTERM, five seconds to obey, then SIGKILL.
stop_hard() {
    kill -TERM "$1" 2>/dev/null
    ends_within 5 "$1" || kill -KILL "$1" 2>/dev/null
}

ends_within() {
    local patience=$((SECONDS + $1))
    while kill -0 "$2" 2>/dev/null; do
        ((SECONDS <= patience)) || return 1
        sleep 0.05
    done
}

# --- init ---------------------------------------------------------------------------------------

# Starts init in the background with the environment an image would give it and nothing else, its
# output shown line by line and kept in $log.
start_init() {
    free_port port
    log=$work/$1.log
    mkfifo "$work/$1.fifo"
    tee "$log" <"$work/$1.fifo" | quoted &
    reader_pid=$!
    env -i PATH="$PATH" "${settings[@]}" PORT="$port" "$init" "$1" >"$work/$1.fifo" 2>&1 </dev/null &
    init_pid=$!
}

# Waits until the server answers; it may not, if init has ended.
await_server() {
    local patience=$((SECONDS + 60))
    until http_get "$port" /health >/dev/null; do
        kill -0 "$init_pid" 2>/dev/null || fail "init ended before the server answered"
        ((SECONDS < patience)) || fail "the server does not answer at /health after a minute"
        sleep 0.05
    done
}

# Sends SIGTERM and checks that init ends with the server's exit code, which is 0.
stop_init() {
    local code=0
    kill -TERM "$init_pid"
    ends_within 30 "$init_pid" || fail "init still runs 30 s after SIGTERM"
    wait "$init_pid" || code=$?
    init_pid=''
    wait "$reader_pid" # everything has been printed
    ((code == 0)) || fail "init exited with $code after SIGTERM; the server's own code is 0"
    grep -q 'SIGTERM received' "$log" || fail "the server never got the SIGTERM"
    pass "the server got the signal and finished; init exited with its code, 0"
}

# --- checks -------------------------------------------------------------------------------------

# ask PATH TEXT: shows the request and its answer, which must contain TEXT.
ask() {
    local answer
    printf '  $ curl "http://127.0.0.1:%s%s"\n' "$port" "$1"
    answer=$(http_get "$port" "$1") || fail "the server refuses $1"
    printf '  %s\n' "$answer"
    [[ $answer == *"$2"* ]] || fail "the answer to $1 lacks \`$2\`"
}

# holds WHAT SQL VALUE: the database must answer SQL with VALUE.
holds() {
    local value
    value=$("$PG_BIN/psql" -XAtq -d "$url" -c "$2") || fail "cannot ask the database for $1"
    [[ $value == "$3" ]] || fail "$1: expected $3, found $value"
    pass "$1: $value"
}

# --- the story ----------------------------------------------------------------------------------

step "Build init, the example server and the example job"
note "A debug build: the one that the tests use as well. For the real one: make build, INIT=dist/init make demo"
cargo build --locked --quiet --bins --examples
init=${INIT:-$target_dir/debug/init}
[[ -x $init ]] || fail "there is no program \`$init\`"

step "Make a throw-away Postgres, without starting it"
PG_BIN=$(scripts/postgres.sh bin)
export PG_BIN
free_port database_port
url=$(scripts/postgres.sh init "$work/cluster" "$database_port")
note "$("$PG_BIN/postgres" --version), port $database_port: nothing answers there yet"

settings=(
    DATABASE_URL="$url"
    APP_INIT_MIGRATIONS=migrations
    APP_INIT_SEEDS=examples/seeds
    SEED_ON_START=once
    APP_INIT_ETL_COMMAND="$target_dir/debug/examples/zones_etl examples/tzdata/zone1970.tab"
    ETL_DUPLICATE_HANDLING=replace
    APP_INIT_API_COMMAND="$target_dir/debug/examples/zones_server"
    APP_INIT_HANDOFF=supervise # as in a container; by default only PID 1 stays
)

step "init all: wait, migrate, seed, run the job, then the server"
printf '  %s\n' "${settings[@]/"$url"/postgres://demo:…@127.0.0.1:$database_port/demo}"
echo
start_init all
sleep 2 # long enough to see it wait
kill -0 "$init_pid" 2>/dev/null || fail "init ended although it should wait for the database"

step "Two seconds later Postgres starts, and init goes on by itself"
scripts/postgres.sh start "$work/cluster"
await_server

step "The server answers from the migrated, seeded and loaded database"
ask /health ok
ask '/zones?country=CH' '"name":"Europe/Zurich"'
ask '/zones?country=NZ' '"country":"New Zealand"'
holds "zones loaded" "SELECT count(*) FROM zones" "$zones"
holds "countries seeded" "SELECT count(*) FROM countries" 249
holds "migrations recorded" "SELECT count(*) FROM refinery_schema_history" 3

step "SIGTERM, as from docker stop"
stop_init

step "init api: the same image starts again, and nothing is left to do"
start_init api
await_server
ask '/zones?country=CH' '"name":"Europe/Zurich"'
holds "migrations recorded, still" "SELECT count(*) FROM refinery_schema_history" 3
holds "runs of the job, still" "SELECT count(*) FROM loads" 1

step "SIGTERM again"
stop_init

printf '\n%sdemo passed%s: the database, its directory and both servers are gone\n' "$green$bold" "$plain"
