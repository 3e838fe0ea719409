"""Many replicas at once, with nothing to apply."""

import contextlib
import os
import statistics
import subprocess
import sys
import time

from database import cluster
from programs import INIT, popen
from report import STATISTICS, ratio_row, row, table
from shares import Shares
from stack import Stack, answers

REPLICAS = 20
# Which part of the machine all replicas together may use; the rest is the database's.
PARTS = {"all": 1, "half": 2, "a quarter": 4}
# Milliseconds for all rounds of one subject: where nothing is skipped, one round says enough.
PATIENCE = 60_000


class Echo:
    """A server that is up at once: what is measured is init and nothing else."""

    words = ["/bin/echo", "up"]

    @staticmethod
    def answers(replica):
        return replica.stdout.readline() == b"up\n"


class Uvicorn:
    """The stack's own server, which serves when it has answered a request from the database."""

    def __init__(self, stack):
        self.words = stack.server()

    answers = staticmethod(answers)


def serving(count, variables, server, shares=None):
    """Milliseconds until so many replicas, started at once, all serve."""
    words = [INIT, "api", "--", *server.words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    begin = time.perf_counter()
    with contextlib.ExitStack() as ends:
        replicas = [popen(words, variables, **pipes, preexec_fn=shares and shares.joining(n)) for n in range(count)]
        ends.callback(stop, replicas)
        good = [server.answers(replica) for replica in replicas]
        elapsed = time.perf_counter() - begin
    if not all(good):
        sys.exit(f"bench: only {sum(good)} of {count} replicas came up")
    return 1000 * elapsed


def stop(replicas):
    for replica in replicas:
        replica.kill()
    for replica in replicas:
        replica.communicate()


def measured(bench, postgres, subjects):
    """The times of each subject, a round of all after the other."""
    times = {subject: [] for subject in subjects}
    with postgres.running():
        for _, *rest in subjects.values():
            serving(1, *rest[:2])  # to head, and the caches filled
        for n in range(bench.repetitions):
            bench.progress(f"replicas {n}/{bench.repetitions}")
            for subject, start in subjects.items():
                if sum(times[subject]) < PATIENCE:
                    times[subject].append(serving(*start))
    return times


class Settings:
    """What the replicas are started with: no migrate step, the stack's own tool, native migrations."""

    def __init__(self, postgres, stack):
        plain = {"DATABASE_URL": postgres.url, "PATH": os.environ["PATH"]}
        self.without = {**plain, "AUTORUN_MIGRATIONS": "false"}
        self.watched = {**plain, **stack.watched()}
        self.native = {**plain, "APP_INIT_MIGRATIONS": "migrations"}


def ratio(times, what, subject, other):
    """How many times as long as `other` a subject takes."""
    return ratio_row(what, statistics.median(times[subject]) / statistics.median(times[other]), 2)


@table(f"{REPLICAS} replicas at head, each with its share of the processors: until all serve", "ms", *STATISTICS)
def replicas(bench):
    stack, postgres = Stack(bench.directory), cluster(bench)
    settings, server = Settings(postgres, stack), Uvicorn(stack)
    subjects = {}
    for name, part in PARTS.items():
        shares = Shares(bench, REPLICAS, part)
        subjects[f"{name}: one, no migrate step"] = (1, settings.without, server, shares)
        subjects[f"{name}: {REPLICAS}, Alembic, watched"] = (REPLICAS, settings.watched, server, shares)
    times = measured(bench, postgres, subjects)
    for subject, values in times.items():
        yield row(subject, values, 0)
    for name in PARTS:
        yield ratio(times, f"{name}: ratio of the medians", f"{name}: {REPLICAS}, Alembic, watched", f"{name}: one, no migrate step")


@table(f"{REPLICAS} replicas at head, all on the same processors: until all serve", "ms", *STATISTICS)
def crowd(bench):
    stack, postgres = Stack(bench.directory), cluster(bench)
    settings, subjects = Settings(postgres, stack), {}
    for name, server in {"echo": Echo, "uvicorn": Uvicorn(stack)}.items():
        subjects[f"`{name}`: one, no migrate step"] = (1, settings.without, server)
        subjects[f"`{name}`: {REPLICAS}, no migrate step"] = (REPLICAS, settings.without, server)
        subjects[f"`{name}`: {REPLICAS}, Alembic, watched"] = (REPLICAS, settings.watched, server)
        subjects[f"`{name}`: {REPLICAS}, native migrations"] = (REPLICAS, settings.native, server)
    times = measured(bench, postgres, subjects)
    for subject, values in times.items():
        yield row(subject, values, 0)
    for name in ("echo", "uvicorn"):
        watched = f"`{name}`: {REPLICAS}, Alembic, watched"
        yield ratio(times, f"`{name}`: watched, to one", watched, f"`{name}`: one, no migrate step")
        yield ratio(times, f"`{name}`: watched, to {REPLICAS} without the step", watched, f"`{name}`: {REPLICAS}, no migrate step")
