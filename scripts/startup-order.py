#!/usr/bin/env python3
"""Makes scripts/startup-order anew: which functions the minimal supervisor runs, in the order of their first use.

    LINK_MAP=/tmp/init.map scripts/build.sh && scripts/startup-order.py /tmp/init.map

Runs dist/init under valgrind's `lackey`, which prints the address of each instruction, with a server that
forwards nothing: start, one forwarded signal, an orphan's end, the end. Needed only when the supervisor's own
code has changed much: what the list lacks lies elsewhere in the program and costs a page, no more.
"""

import bisect
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
# What the minimal supervisor runs, in the order of first use; made by startup-order.py, read by linker.sh.
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


def steps(directory):
    """The addresses that a supervisor's instructions lie at, as lines."""
    (directory / "init:serve").symlink_to(ROOT / "dist/init")
    words = "delay=0 grace= leftover=5000 target=child map= success= log=warn foreground=false adopts=true age=0 refused=false"
    trace = ["valgrind", "--tool=lackey", "--trace-mem=yes", f"--log-file={directory / 'log'}"]
    # The shell's children are the supervisor's: it takes the shell's place.
    script = f"sleep 100 & s=$!; (sleep 3) & exec {' '.join(trace)} init:serve server=$s {words}"
    process = subprocess.Popen(["sh", "-c", script], env={"PATH": f"{directory}:/usr/bin:/bin"})
    while not (directory / "log").exists() or "I " not in (directory / "log").read_text()[:4000]:
        time.sleep(0.1)
    time.sleep(5)  # the orphan's end
    for number in (signal.SIGCONT, signal.SIGTERM):
        process.send_signal(number)
        time.sleep(0.5)
    process.wait()
    with open(directory / "log", encoding="ascii") as log:
        yield from (int(line[3:].split(",")[0], 16) for line in log if line.startswith("I "))


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
        for at in steps(pathlib.Path(directory)):
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
