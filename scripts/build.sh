#!/usr/bin/env bash
# dist/init: stripped, fully static, not position-independent.
#
# For the host's musl target if that can be built (the target and its C compiler are there), else for
# its gnu target, whose glibc has the `files` and `dns` name services built in (since 2.34).
# Non-PIE: nothing is relocated at the start, so those pages stay shared with the file and the
# supervisor's private memory stays small.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

# A target counts as installed if its standard library is there; rustup may not be.
installed() { [[ -d $(rustc --print target-libdir --target "$1" 2>/dev/null) ]]; }

choose_target() {
    local host musl
    host=$(rustc -vV | sed -n 's/^host: //p')
    musl=${host%-*}-musl
    # ring's C code needs a compiler for musl: `musl-gcc`, or cc on a machine that is musl throughout.
    if [[ $host == *-musl ]] || { installed "$musl" && command -v musl-gcc >/dev/null; }; then
        echo "$musl"
    else
        echo "$host"
    fi
}

# No program interpreter: the kernel starts it without a dynamic loader (elf(5), PT_INTERP).
is_static() { ! LC_ALL=C readelf --program-headers "$1" | grep -q INTERP; }

target=${TARGET:-$(choose_target)}
flags="-C target-feature=+crt-static -C relocation-model=static"
# Resident memory is mostly pages of the file: one touch maps 64 KiB around it (fault-around).
[[ $target == *-musl ]] || flags+=" -C linker=$PWD/scripts/linker.sh"
step "Build dist/init for $target: release, static"
# --target keeps these flags from build scripts and procedural macros, which must stay dynamic.
RUSTFLAGS=$flags \
    cargo build --locked --release --bin init --target "$target"
mkdir -p dist
install -m 755 "$target_dir/$target/release/init" dist/init.new
mv dist/init.new dist/init
is_static dist/init || fail "dist/init is not static"
pass "dist/init: static, $(stat -c %s dist/init) bytes"
