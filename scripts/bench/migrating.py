"""Many small migrations at once."""

import pathlib
import statistics

from database import cluster
from programs import INIT, checked
from report import STATISTICS, ratio_row, row, table

MANY = 1000


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
