#!/usr/bin/env python3
"""Makes scripts/startup-order anew: which functions the minimal supervisor runs, in the order of their first use,
and after them those that a pass-through runs before it is one.

    LINK_MAP=/tmp/init.map scripts/build.sh && scripts/startup-order.py /tmp/init.map

Runs dist/init under valgrind's `lackey`, which prints the address of each instruction: as a supervisor, through
start, one forwarded signal, an orphan's end, the end; then `init true` as PID 1, which takes root. Needed only when
that code has changed much: what the list lacks lies elsewhere in the program and costs a page, no more. cargo does
not know of the list: `touch src/main.rs` before the next build.
"""

import bisect
import itertools
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ORDER = ROOT / "scripts/startup-order"
HEAD = """\
# What the minimal supervisor runs in the order of first use, then what `init true` runs besides; made by
# startup-order.py, read by linker.sh.
# C names as they are, Rust's without their hash.
"""
# The C library chooses one of these by the processor when it starts.
VARIANTS = ["sse2", "avx", "avx2", "evex", "evex512", "avx512"]


def functions(link_map):
    """Addresses of all functions, sorted, and a pair of end and name for each."""
    found = {}
    section = None
    for line in link_map.read_text(errors="replace").splitlines()[1:]:
        fields = re.match(r" *([0-9a-f]+) +[0-9a-f]+ +([0-9a-f]+) +\d+( +)(.*)", line)
        if fields is None:
            continue
        at, size, indent, text = int(fields[1], 16), int(fields[2], 16), len(fields[3]), fields[4]
        inside = re.search(r":\((\.text[^)]*)\)$", text)
        if inside:
            # Rust's functions have a section of their own, which bears the whole name.
            section = inside[1].removeprefix(".text.").removeprefix("unlikely.") if re.search(r"\._(ZN|R)", inside[1]) else None
            if section:
                found[at] = (at + size, section)
        elif indent > 9 and size and not section:
            found.setdefault(at, (at + size, text))
    addresses = sorted(found)
    return addresses, [found[at] for at in addresses]


def traced(log):
    """The words of a valgrind that writes them to `log`."""
    return ["valgrind", "--tool=lackey", "--trace-mem=yes", f"--log-file={log}"]


def instructions(log):
    """The addresses of all instructions that ran, in turn."""
    with open(log, encoding="ascii") as lines:
        yield from (int(line[3:].split(",")[0], 16) for line in lines if line.startswith("I "))


def supervising(directory):
    log = directory / "supervising"
    (directory / "init:serve").symlink_to(ROOT / "dist/init")
    words = "delay=0 grace= leftover=5000 target=child map= success= log=warn foreground=false adopts=true age=0 refused=false"
    # The shell's children are the supervisor's: it takes the shell's place.
    script = f"sleep 100 & s=$!; (sleep 3) & exec {' '.join(traced(log))} init:serve server=$s {words}"
    process = subprocess.Popen(["sh", "-c", script], env={"PATH": f"{directory}:/usr/bin:/bin"})
    while not log.exists() or "I " not in log.read_text()[:4000]:
        time.sleep(0.1)
    time.sleep(5)  # the orphan's end
    for number in (signal.SIGCONT, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.5)
    process.wait()
    yield from instructions(log)


def passing_through(directory):
    log = directory / "passing-through"
    as_pid_1 = ["unshare", "--pid", "--fork", "--mount-proc"]
    subprocess.run([*as_pid_1, *traced(log), ROOT / "dist/init", "true"], check=True)
    yield from instructions(log)


def key(name):
    """Without what changes from build to build: the hash of the legacy mangling, the crates' of v0."""
    return re.sub(r"Cs[0-9A-Za-z]+_", "C", re.sub(r"17h[0-9a-f]+E.*$", "", name))


def with_variants(name):
    family = re.match(r"(__\w+?)_(%s)(_.*)?$" % "|".join(VARIANTS), name)
    others = [f"{family[1]}_{variant}{family[3] or ''}" for variant in VARIANTS] if family else []
    return [name, *(other for other in others if other != name)]


def main(link_map):
    addresses, names = functions(pathlib.Path(link_map))
    used = {}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for at in itertools.chain(supervising(directory), passing_through(directory)):
            index = bisect.bisect_right(addresses, at) - 1
            if index >= 0 and at < names[index][0]:
                used.setdefault(index)
    ordered = dict.fromkeys(other for index in used for other in with_variants(key(names[index][1])))
    ORDER.write_text(HEAD + "".join(f"{name}\n" for name in ordered))
    print(f"{len(used)} functions, {sum(names[i][0] - addresses[i] for i in used)} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
