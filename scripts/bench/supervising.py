"""PID 1 while the server runs: what it costs, and how fast it is."""

import collections
import contextlib
import os
import shutil
import statistics
import subprocess
import time

from programs import as_pid_1, helper, missing_peers, need_namespaces, output, popen, supervisors
from report import STATISTICS, Skip, ratio_row, row, table, verdict

# Seconds over which wake-ups are counted.
IDLE = 10
# One CPU: what is measured is the work and the switches, not which CPU happened to sleep.
PINNED = ["taskset", "--cpu-list", "0"]


def served(bench, ends, argv):
    """Starts a supervisor with a server as PID 1; its pid and the server's output, once it answers."""
    server, pid = ends.enter_context(as_pid_1([*argv, helper(bench, "signals"), "serve"], stdout=subprocess.PIPE))
    if server.stdout.read(1) != b"r":
        raise Skip(f"`{argv[0]}` does not run its server")
    time.sleep(1.5)  # until it has nothing more to do: a pass-through renews itself after a second
    return pid, server.stdout.fileno()


def as_from_an_image(name):
    """Takes a program out of the page cache, so that it is read anew, as after a pull of its image.

    A file just written counts as dirty until it is on the disk, and lies in the cache in larger
    pieces, of which the kernel (6.18) maps the whole where a small one is touched.
    """
    program = os.open(shutil.which(name), os.O_RDONLY)
    os.fsync(program)
    os.posix_fadvise(program, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(program)


def kilobytes(pid):
    """Private dirty and resident memory; the kernel counts pages (proc(5), smaps_rollup)."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file.readlines()[1:])
    return [int(fields[name].split()[0]) for name in ("Private_Dirty", "Rss")]


def status(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith(name + ":")).split()[1])


def judged(values):
    """The budget and which of the values are over it."""
    limits = {"private dirty": 128, "RSS": 2048, "threads": 1, "wake-ups": 0}
    over = [name for (name, limit), value in zip(limits.items(), values) if value > limit]
    budget = "≤ " + ", ".join(map(str, limits.values()))
    return budget, f"**over**: {', '.join(over)}" if over else "within"


@table(
    f"PID 1 beside its server: memory, threads, wake-ups in {IDLE} s",
    *("", "private dirty KiB", "RSS KiB", "threads", "wake-ups", "budget", "verdict"),
)
def memory(bench):
    need_namespaces()
    for argv in supervisors().values():
        as_from_an_image(argv[0])
    with contextlib.ExitStack() as ends:
        pids = {name: served(bench, ends, argv)[0] for name, argv in supervisors().items()}
        before = {name: status(pid, "voluntary_ctxt_switches") for name, pid in pids.items()}
        time.sleep(IDLE)
        for name, pid in pids.items():
            wakes = status(pid, "voluntary_ctxt_switches") - before[name]
            values = [*kilobytes(pid), status(pid, "Threads"), wakes]
            yield [name, *map(str, values), *(judged(values) if name == "`init`" else ("", ""))]
    yield from ([text] + [""] * 6 for text in missing_peers())


@table("Signal: sent to PID 1 → answered by the server, all on one CPU", "µs", "minimum", "median", "p99", "budget", "verdict")
def signals(bench):
    need_namespaces()
    rounds = 100 * bench.repetitions
    with contextlib.ExitStack() as ends:
        subjects = {**supervisors(), "no init": []}
        started = [served(bench, ends, [*PINNED, *argv]) for argv in subjects.values()]
        drive = [*PINNED, helper(bench, "signals"), "drive", str(rounds), *(f"{pid}:{fd}" for pid, fd in started)]
        process = popen(drive, stdout=subprocess.PIPE, text=True, pass_fds=[fd for _, fd in started])
        samples = by_subject(process.communicate()[0], subjects)
    medians = {name: statistics.median(values) for name, values in samples.items()}
    for name, values in samples.items():
        yield [name, *(f"{value / 1000:.1f}" for value in (min(values), medians[name], quantile(values, 0.99))), "", ""]
    peers = [value for name, value in medians.items() if name not in ("`init`", "no init")]
    if peers:
        yield ratio_row("median, to the best peer's", medians["`init`"] / min(peers), 1.1)
    yield from ([text] + [""] * 5 for text in missing_peers())


def by_subject(text, subjects):
    """What a helper printed as `INDEX NUMBER`, by the name of the subject."""
    samples = collections.defaultdict(list)
    names = list(subjects)
    for line in text.splitlines():
        index, value = line.split()
        samples[names[int(index)]].append(int(value))
    return samples


def quantile(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


@table("Pass-through: `init true`, from fork to its end", "ms", *STATISTICS)
def passthrough(bench):
    rounds = str(10 * bench.repetitions)
    programs = {**supervisors(), "the bare command": []}
    commands = [[*argv, "/bin/true"] for argv in programs.values()]
    words = [word for command in commands for word in [*command, ";"]][:-1]
    for how, where in (("namespace", "as PID 1"), ("plain", "not as PID 1")):
        if how == "namespace":
            need_namespaces()
        samples = by_subject(output([*PINNED, helper(bench, "starts"), rounds, how, *words]), programs)
        medians = {name: statistics.median(values) for name, values in samples.items()}
        for name, values in samples.items():
            yield row(f"{name}, {where}", [value / 1e6 for value in values], 2)
        if "`tini`" in medians:
            bare = medians["the bare command"]
            over = (medians["`init`"] - bare) / (medians["`tini`"] - bare)
            yield ratio_row(f"what it adds, to what tini adds, {where}", over, 1.2)
    yield from ([text] + [""] * 5 for text in missing_peers())


@table(
    "Orphans: CPU time of PID 1 for each; zombies left 10 ms after a burst",
    *("", "µs, bursts of 100", "µs, one by one", "zombies, median", "zombies, maximum", "budget", "verdict"),
)
def orphans(bench):
    need_namespaces()
    bursts, singles, left = (collections.defaultdict(list) for _ in range(3))
    subjects = supervisors()
    for n in range(bench.repetitions):
        bench.progress(f"orphans {n}/{bench.repetitions}")
        for name, argv in subjects.items():
            for cpu, zombies in adopted(bench, argv, 100, 10):
                bursts[name].append(cpu / 100_000)
                left[name].append(zombies)
            singles[name] += [cpu / 1000 for cpu, _ in adopted(bench, argv, 1, 20)]
    several, single = ({name: statistics.median(v) for name, v in of.items()} for of in (bursts, singles))
    for name in subjects:
        cells = [f"{several[name]:.1f}", f"{single[name]:.1f}", f"{statistics.median(left[name]):.0f}", str(max(left[name]))]
        yield [name, *cells, "", ""]
    if "`tini`" in subjects:
        ratios = [of["`init`"] / of["`tini`"] for of in (several, single)]
        held = verdict(max(ratios), 1)
        yield ["ratio to tini's", *(f"{ratio:.2f}" for ratio in ratios), "", "", "≤ 1", held]
    yield from ([text] + [""] * 6 for text in missing_peers())


def adopted(bench, argv, size, count):
    """Pairs of nanoseconds and zombies, one for each burst."""
    with as_pid_1([*PINNED, *argv, helper(bench, "orphans"), str(size), str(count)], stdout=subprocess.PIPE) as (process, _):
        lines = process.stdout.read().decode().splitlines()
    if len(lines) != count:
        raise Skip(f"`{argv[0]}` ended before its orphans did")
    return [tuple(map(int, line.split())) for line in lines]
