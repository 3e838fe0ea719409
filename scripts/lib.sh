# shellcheck shell=bash
# What the scripts share; sourced with the repository as working directory.

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi

# Where cargo puts what it builds.
# shellcheck disable=SC2034 # used by those who source this
target_dir=${CARGO_TARGET_DIR:-target}

# A new part of the story.
step() { printf '\n%s▸ %s%s\n' "$bold" "$*" "$plain"; }

# Why, or what to notice.
note() { printf '  %s%s%s\n' "$dim" "$*" "$plain"; }

# A check that held.
pass() { printf '  %s✓%s %s\n' "$green" "$plain" "$*"; }

# A check that did not hold: one sentence, and the end.
fail() {
    printf '  %s✗ %s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}

# Sets the named variable to a TCP port that nothing listens on: below the range the kernel gives to
# outgoing connections and above the tests' (tests/it/support), so that it stays free until it is used.
free_port() {
    local candidate
    while candidate=$((30500 + RANDOM % 2200)); (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; do :; done
    printf -v "$1" %s "$candidate"
}

# Prints the body of http://127.0.0.1:PORT/PATH; fails unless the answer is 200.
http_get() {
    if command -v curl >/dev/null; then
        curl --silent --fail --max-time 10 "http://127.0.0.1:$1$2"
    else
        http_get_plain "$1" "$2"
    fi
}

# The same without curl. HTTP/1.0: the body ends where the connection does.
http_get_plain() {
    local line status
    {
        exec 3<>"/dev/tcp/127.0.0.1/$1"
    } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&3
    read -r _ status _ <&3 || status=none
    while read -r line <&3 && [[ $line != $'\r' ]]; do :; done
    cat <&3
    exec 3>&-
    [[ $status == 200 ]]
}

# Copies standard input, each line marked as somebody else's words.
quoted() { sed -u "s/^/  $dim│$plain /"; }
