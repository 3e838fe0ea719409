#!/usr/bin/env bash
# A throw-away Postgres: finds the server's programs (or gets them) and runs clusters with them.
#
#   postgres.sh bin             print the directory of initdb, postgres, psql, …; get them if missing
#   postgres.sh init DIR PORT   make a cluster in DIR, which must not exist; print its URL. Not started
#   postgres.sh run DIR         be the server, in the foreground, until SIGINT (fast stop)
#   postgres.sh start DIR       start it in the background; returns when it answers
#   postgres.sh stop DIR        stop it (fast); nothing to do if it does not run, an error if it does not end
#
# POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB name what `init` makes (default: demo).
# PG_BIN names a directory to use as it is. The server refuses to run as root (PostgreSQL manual,
# 18.1), so root's clusters belong to `postgres` or `nobody`.
set -euo pipefail

readonly image=postgres:17 programs=(initdb postgres psql pg_isready)

fail() {
    echo "postgres.sh: $*" >&2
    exit 1
}

# --- the programs -------------------------------------------------------------------------------

complete() {
    local program
    for program in "${programs[@]}"; do [[ -x $1/$program ]] || return 1; done
}

# Prints the directory: PG_BIN, Debian's (newest first), then whatever PATH leads to.
find_bin() {
    local postgres directory
    if [[ -n ${PG_BIN:-} ]]; then
        complete "$PG_BIN" || fail "PG_BIN is \`$PG_BIN\`, where not all of ${programs[*]} are"
        echo "$PG_BIN"
        return
    fi
    while read -r directory; do
        complete "$directory" && echo "$directory" && return
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV)
    # Through the link: Debian keeps psql elsewhere on PATH than the server.
    postgres=$(readlink -f "$(command -v postgres)" 2>/dev/null) || return 1
    complete "${postgres%/*}" && echo "${postgres%/*}"
}

bin() {
    find_bin && return
    [[ -z ${PG_BIN:-} ]] || exit 1
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        install_package >&2
        find_bin || fail "the package \`postgresql\` is installed, but not all of ${programs[*]} are there"
    elif [[ $(id -u) != 0 ]] && docker info >/dev/null 2>&1; then
        docker_bin
    else
        fail "no Postgres server programs here: install them (Debian, Ubuntu: \`apt-get install postgresql\`)," \
            "or set PG_BIN to their directory, or run as an ordinary user who may use Docker"
    fi
}

# apt-get, patient with a slow mirror and with another apt that holds the lock.
apt() { apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=300 "$@"; }

# Installs Debian's package without the cluster and the service that it would start.
install_package() {
    local settings=/etc/postgresql-common/createcluster.conf log installed=yes
    log=$(mktemp)
    echo "postgres.sh: installing the package \`postgresql\` (no cluster is made or started)"
    export DEBIAN_FRONTEND=noninteractive
    {
        apt update && apt install -y --no-install-recommends postgresql-common &&
            cp "$settings" "$settings.before" &&
            sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' "$settings" &&
            apt install -y --no-install-recommends postgresql
    } >"$log" 2>&1 </dev/null || installed=no
    # As the package ships it: a later cluster is the user's choice.
    [[ ! -e $settings.before ]] || mv "$settings.before" "$settings"
    if [[ $installed == no ]]; then
        tail -n 20 "$log"
        fail "cannot install the package \`postgresql\`; the whole log is in $log"
    fi
    rm -f "$log"
}

# Prints a directory of programs that run in a container of the official image, as the caller and
# on the caller's /tmp and network, so that they look like installed ones.
docker_bin() {
    local directory program
    directory="${TMPDIR:-/tmp}/postgres-in-docker-$(id -u)"
    mkdir -p "$directory"
    for program in "${programs[@]}"; do
        cat >"$directory/$program.new" <<END
#!/bin/sh
exec docker run --rm --interactive --network host --user "\$(id -u):\$(id -g)" \\
    --volume /etc/passwd:/etc/passwd:ro --volume /tmp:/tmp --volume "$directory:$directory" \\
    --entrypoint "" --env PGPASSWORD --workdir /tmp $image $program "\$@"
END
        chmod +x "$directory/$program.new"
        mv "$directory/$program.new" "$directory/$program"
    done
    docker image inspect $image >/dev/null 2>&1 || docker pull $image >&2 ||
        fail "cannot pull the image \`$image\`, and no Postgres server programs are installed"
    echo "$directory"
}

# --- clusters -----------------------------------------------------------------------------------

# Whom the server runs as; empty if that is the caller.
server_user() {
    [[ $(id -u) == 0 ]] || return 0
    if id postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

# Replaces this process with a program run as the server's user; call it in a subshell, or at the end.
as_server() {
    local user
    user=$(server_user)
    cd /
    if [[ -z $user ]]; then
        exec "$@"
    elif setpriv --version 2>/dev/null | grep -q util-linux; then
        exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups -- "$@"
    else
        fail "the server refuses to run as root, and util-linux' \`setpriv\` is not here: run as an ordinary user"
    fi
}

init() {
    local directory=$1 port=$2 user=${POSTGRES_USER:-demo} password=${POSTGRES_PASSWORD:-demo}
    local database=${POSTGRES_DB:-demo} owner
    [[ ! -e $directory ]] || fail "\`$directory\` is there already"
    mkdir -m 700 "$directory"
    directory=$(cd "$directory" && pwd)
    (umask 077 && printf '%s\n' "$password" >"$directory/password")
    owner=$(server_user)
    [[ -z $owner ]] || chown -R "$owner" "$directory"
    (as_server "$PG_BIN/initdb" --pgdata="$directory/data" --username="$user" --pwfile="$directory/password" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync) >"$directory/initdb.log" 2>&1 ||
        fail "initdb failed: $(tail -n 3 "$directory/initdb.log")"
    rm "$directory/password"
    cat >>"$directory/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = off
END
    # Single-user mode: the only way to make a database without a server that someone could find ready.
    echo "CREATE DATABASE \"$database\"" |
        (as_server "$PG_BIN/postgres" --single -D "$directory/data" postgres) >>"$directory/initdb.log" 2>&1 ||
        fail "cannot create the database: $(tail -n 3 "$directory/initdb.log")"
    echo "postgres://$user:$password@127.0.0.1:$port/$database"
}

# The pid is the server's, or that of the Docker client that passes signals on to it.
run() {
    echo $$ >"$1/pid"
    as_server "$PG_BIN/postgres" -D "$1/data"
}

start() {
    local port patience=$((SECONDS + 60))
    port=$(sed -n 's/^port = //p' "$1/data/postgresql.conf")
    "$0" run "$1" </dev/null >"$1/log" 2>&1 &
    until "$PG_BIN/pg_isready" --quiet --host=127.0.0.1 --port="$port"; do
        kill -0 $! 2>/dev/null || fail "Postgres does not start: $(tail -n 3 "$1/log")"
        ((SECONDS < patience)) || fail "Postgres does not answer: $(tail -n 3 "$1/log")"
        sleep 0.1
    done
}

# SIGINT: roll back what runs and close the connections (PostgreSQL manual, 18.5).
stop() {
    local pid patience=$((SECONDS + 60))
    pid=$(cat "$1/pid" 2>/dev/null) && kill -INT "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do
        ((SECONDS < patience)) ||
            fail "Postgres (pid $pid) still runs a minute after SIGINT: $(tail -n 3 "$1/log" 2>/dev/null)"
        sleep 0.05
    done
    rm -f "$1/pid"
}

main() {
    case "${1:-} $#" in
    "bin 1") bin ;;
    "init 3" | "run 2" | "start 2" | "stop 2")
        PG_BIN=$(bin)
        export PG_BIN
        if [[ $1 == init ]]; then
            init "$2" "$3"
        else
            local directory
            directory=$(cd "$2" 2>/dev/null && pwd) || fail "there is no cluster in \`$2\`"
            "$1" "$directory"
        fi
        ;;
    *)
        sed -n '2,13s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
    esac
}

main "$@"
