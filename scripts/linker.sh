#!/usr/bin/env bash
# cc for the release build: lays what the supervisor touches side by side, where the linker can.
#
# scripts/startup-order names the functions and constants in the order of their first use, without the
# hash that ends Rust's symbols and changes with every edit; what has gone is passed over. LINK_MAP
# names a file for the linker's map.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

[[ -z ${LINK_MAP:-} ]] || set -- "$@" "-Wl,-Map=$LINK_MAP"
# rustc names the linker it wants; only lld orders by symbol.
[[ " $* " == *" -fuse-ld=lld "* && -s $here/startup-order ]] || exec cc "$@"

order=$(mktemp "${TMPDIR:-/tmp}/app-init-order.XXXXXX")
trap 'rm -f "$order"' EXIT
objects=()
for word in "$@"; do
    [[ $word != *.o || ! -f $word ]] || objects+=("$word")
done
# `SYMBOL KEY` of every symbol, then those whose key is in the list, as the list has them.
nm --format=posix "${objects[@]}" 2>/dev/null | awk '
    NR == FNR { if ($0 !~ /^#/) { wanted[$1] = ++count; key[count] = $1 }; next }
    { short = $1; sub(/17h[0-9a-f]+E.*$/, "", short); gsub(/Cs[0-9A-Za-z]+_/, "C", short) }
    short in wanted && short != $1 && !($1 in seen) { seen[$1]; names[short] = names[short] "\n" $1 }
    END { for (n = 1; n <= count; n++) print key[n] names[key[n]] }
' "$here/startup-order" - >"$order"
cc "$@" "-Wl,--symbol-ordering-file=$order" -Wl,--no-warn-symbol-ordering || exec cc "$@"
