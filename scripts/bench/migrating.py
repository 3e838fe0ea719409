"""Migrations: many at once, and many replicas with none to apply."""

import os
import pathlib
import statistics
import subprocess
import sys
import time

from database import cluster
from programs import INIT, ROOT, checked, popen
from report import STATISTICS, ratio_row, row, table

MANY = 1000
REPLICAS = 20
# Milliseconds for all rounds of one subject: where nothing is skipped, one round says enough.
PATIENCE = 20_000


def small_files(directory):
    """A folder of many small migrations: every fourth makes a table, the others fill it."""
    folder = pathlib.Path(directory, "many")
    folder.mkdir(exist_ok=True)
    for n in range(MANY):
        name = f"t{n - n % 4}"
        text = f"INSERT INTO {name} VALUES ({n}, 'x');" if n % 4 else f"CREATE TABLE {name} (id int PRIMARY KEY, name text);"
        (folder / f"V{n + 1}__step_{n + 1}.sql").write_text(text + "\n")
    return folder


def one_transaction_each(folder):
    """A psql script that runs every file in order, each in a transaction."""
    script = folder.parent / "many.psql"
    files = (folder / f"V{n}__step_{n}.sql" for n in range(1, MANY + 1))
    script.write_text("".join(f"BEGIN;\n\\i {file}\nCOMMIT;\n" for file in files))
    return script


def emptied(psql):
    checked([*psql, "-c", "DROP SCHEMA public CASCADE; CREATE SCHEMA public"])
    checked([*psql, "-c", "DROP SCHEMA IF EXISTS app_init CASCADE"])


@table(f"{MANY} small migrations", "s", *STATISTICS)
def migrations(bench):
    folder = small_files(bench.directory)
    script, postgres, ours, theirs = one_transaction_each(folder), cluster(bench), [], []
    settings = {"DATABASE_URL": postgres.url, "APP_INIT_MIGRATIONS": str(folder)}
    with postgres.running():
        psql = [postgres.bin / "psql", "-XAtqd", postgres.url, "-v", "ON_ERROR_STOP=1"]
        for n in range(max(3, bench.repetitions // 3)):
            bench.progress(f"migrations {n}")
            ours.append(checked([INIT, "migrate"], settings))
            emptied(psql)
            theirs.append(checked([*psql, "-f", script]))
            emptied(psql)
    yield row("`init migrate`", ours, 2)
    yield row("`psql`, one transaction each", theirs, 2)
    yield ratio_row("ratio of the medians", statistics.median(ours) / statistics.median(theirs), 1.5)


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
        versions.mkdir(parents=True)
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


# A server that needs a second to come up, most of it waiting, as it does on machines of its own.
REALISTIC = ["/bin/sh", "-c", "sleep 1; echo up"]


def serving(count, variables, server=("/bin/echo", "up")):
    """Milliseconds until so many replicas, started at once, have all said that they serve."""
    server = [INIT, "api", "--", *server]
    begin = time.perf_counter()
    replicas = [popen(server, variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(count)]
    answers = [replica.stdout.readline() for replica in replicas]
    elapsed = time.perf_counter() - begin
    said = [replica.communicate()[1] for replica in replicas]
    if answers != [b"up\n"] * count:
        sys.exit(f"bench: only {answers.count(b'up' + bytes([10]))} of {count} replicas came up:\n{said[0].decode()}")
    return 1000 * elapsed


@table(f"{REPLICAS} replicas at head: until all serve", "ms", *STATISTICS)
def replicas(bench):
    name, watched = tool(bench)
    postgres = cluster(bench)
    plain = {"DATABASE_URL": postgres.url, "PATH": os.environ["PATH"]}
    subjects = {
        "one, no migrate step": (1, {**plain, "AUTORUN_MIGRATIONS": "false"}),
        f"{REPLICAS}, no migrate step": (REPLICAS, {**plain, "AUTORUN_MIGRATIONS": "false"}),
        f"{REPLICAS}, {name}, watched": (REPLICAS, {**plain, **watched}),
        f"{REPLICAS}, native migrations": (REPLICAS, {**plain, "APP_INIT_MIGRATIONS": "migrations"}),
        "one, no migrate step, server of 1 s": (1, {**plain, "AUTORUN_MIGRATIONS": "false"}, REALISTIC),
        f"{REPLICAS}, {name}, watched, server of 1 s": (REPLICAS, {**plain, **watched}, REALISTIC),
    }
    times = {subject: [] for subject in subjects}
    with postgres.running():
        for _, *rest in subjects.values():
            serving(1, *rest)  # to head, and the caches filled
        for n in range(bench.repetitions):
            bench.progress(f"replicas {n}/{bench.repetitions}")
            for subject, start in subjects.items():
                if sum(times[subject]) < PATIENCE:
                    times[subject].append(serving(*start))
    medians = {subject: statistics.median(values) for subject, values in times.items()}
    for subject, values in times.items():
        yield row(subject, values, 0)
    several = medians[f"{REPLICAS}, {name}, watched"]
    yield ratio_row(f"{name}, watched, to one, no migrate step", several / medians["one, no migrate step"], 2)
    slow = medians[f"{REPLICAS}, {name}, watched, server of 1 s"] / medians["one, no migrate step, server of 1 s"]
    yield ratio_row("the same, server of 1 s", slow, 2)
    # What the machine has processors for at all: what the migrate step adds.
    equal = several / medians[f"{REPLICAS}, no migrate step"]
    yield ratio_row(f"{name}, watched, to {REPLICAS}, no migrate step", equal, 2)
