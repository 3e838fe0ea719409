"""Many replicas at once, with nothing to apply."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

from database import cluster
from programs import INIT, ROOT, popen
from report import STATISTICS, ratio_row, row, table
from shares import Shares

REPLICAS = 20
# Milliseconds for all rounds of one subject: where nothing is skipped, one round says enough.
PATIENCE = 20_000


class Alembic:
    """The real tool, in a virtual environment that is made once and kept under target/."""

    MIGRATION = "from alembic import op\nrevision = 'a1'\ndown_revision = None\ndef upgrade(): op.execute('CREATE TABLE zebra (id int)')\n"
    ENVIRONMENT = (
        "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
        "with create_engine(os.environ['DATABASE_URL'].replace('postgres:', 'postgresql+psycopg2:', 1)).connect() as connection:\n"
        "    context.configure(connection=connection)\n"
        "    with context.begin_transaction():\n        context.run_migrations()\n"
    )

    def __init__(self, directory):
        self.program = ROOT / "target/bench-venv/bin/alembic"
        if not self.program.exists():
            venv = self.program.parent.parent
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
            subprocess.run([sys.executable, "-m", "venv", venv], **quiet)
            subprocess.run([venv / "bin/pip", "install", "alembic", "psycopg2-binary"], **quiet)
        self.folder = pathlib.Path(directory, "alembic")
        versions = self.folder / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (self.folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {self.folder}\n")
        (self.folder / "env.py").write_text(self.ENVIRONMENT)
        (versions / "a1.py").write_text(self.MIGRATION)

    def settings(self):
        ini = self.folder / "alembic.ini"
        watched = f"{ini} {self.folder / 'versions'}"
        return {"APP_INIT_MIGRATE_COMMAND": f"{self.program} -c {ini} upgrade head", "APP_INIT_MIGRATE_WATCH": watched}


def tool(bench):
    """The name and settings of a tool of the app's own: Alembic, or `sh` where it cannot be had."""
    try:
        return "Alembic", Alembic(bench.directory).settings()
    except (subprocess.CalledProcessError, OSError):
        watched = pathlib.Path(bench.directory, "watched")
        watched.write_text("1\n")
        return "`sh`", {"APP_INIT_MIGRATE_COMMAND": "sh -c 'sleep 0.5'", "APP_INIT_MIGRATE_WATCH": str(watched)}


ECHO = ("/bin/echo", "up")
# A server that needs a second to come up, most of it waiting, as it does on machines of its own.
REALISTIC = ("/bin/sh", "-c", "sleep 1; echo up")


def serving(count, variables, server=ECHO, shares=None):
    """Milliseconds until so many replicas, started at once, have all said that they serve."""
    server = [INIT, "api", "--", *server]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    begin = time.perf_counter()
    replicas = [popen(server, variables, **pipes, preexec_fn=shares and shares.joining(n)) for n in range(count)]
    answers = [replica.stdout.readline() for replica in replicas]
    elapsed = time.perf_counter() - begin
    said = [replica.communicate()[1] for replica in replicas]
    if answers != [b"up\n"] * count:
        sys.exit(f"bench: only {answers.count(b'up' + bytes([10]))} of {count} replicas came up:\n{said[0].decode()}")
    return 1000 * elapsed


def measured(bench, postgres, subjects, shares=None):
    """The times of each subject, a round of all after the other."""
    times = {subject: [] for subject in subjects}
    with postgres.running():
        for _, *rest in subjects.values():
            serving(1, *rest)  # to head, and the caches filled
        for n in range(bench.repetitions):
            bench.progress(f"replicas {n}/{bench.repetitions}")
            for subject, start in subjects.items():
                if sum(times[subject]) < PATIENCE:
                    times[subject].append(serving(*start, shares=shares))
    return times


class Settings:
    """What the replicas are started with: no migrate step, the app's own tool, native migrations."""

    def __init__(self, bench, postgres):
        plain = {"DATABASE_URL": postgres.url, "PATH": os.environ["PATH"]}
        self.name, watched = tool(bench)
        self.without = {**plain, "AUTORUN_MIGRATIONS": "false"}
        self.watched = {**plain, **watched}
        self.native = {**plain, "APP_INIT_MIGRATIONS": "migrations"}


def subjects(settings):
    return {
        "one, no migrate step": (1, settings.without),
        f"{REPLICAS}, no migrate step": (REPLICAS, settings.without),
        f"{REPLICAS}, {settings.name}, watched": (REPLICAS, settings.watched),
        f"{REPLICAS}, native migrations": (REPLICAS, settings.native),
    }


def ratio(times, name, other, what=None):
    """The last row: how many times as long as `other` the watched tool's replicas take."""
    several, one = (statistics.median(times[subject]) for subject in (f"{REPLICAS}, {name}", other))
    return ratio_row(what or f"{name}, to {other}", several / one, 2)


@table(f"{REPLICAS} replicas at head, each with its share of the processors: until all serve", "ms", *STATISTICS)
def replicas(bench):
    postgres = cluster(bench)
    settings, shares = Settings(bench, postgres), Shares(bench, REPLICAS)
    times = measured(bench, postgres, subjects(settings), shares)
    for subject, values in times.items():
        yield row(subject, values, 0)
    yield ratio(times, f"{settings.name}, watched", "one, no migrate step")


@table(f"{REPLICAS} replicas at head, all on the same processors: until all serve", "ms", *STATISTICS)
def crowd(bench):
    postgres = cluster(bench)
    settings = Settings(bench, postgres)
    slow = {
        "one, no migrate step, server of 1 s": (1, settings.without, REALISTIC),
        f"{REPLICAS}, {settings.name}, watched, server of 1 s": (REPLICAS, settings.watched, REALISTIC),
    }
    times = measured(bench, postgres, {**subjects(settings), **slow})
    for subject, values in times.items():
        yield row(subject, values, 0)
    name = f"{settings.name}, watched"
    yield ratio(times, name, "one, no migrate step")
    yield ratio(times, f"{name}, server of 1 s", "one, no migrate step, server of 1 s", "the same, server of 1 s")
    # What the machine has processors for at all: what the migrate step adds.
    yield ratio(times, name, f"{REPLICAS}, no migrate step")
