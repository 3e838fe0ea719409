"""A whole start with everything ready, and the size of what starts."""

import statistics

from database import cluster
from programs import INIT, checked
from report import STATISTICS, row, table, verdict


@table("Whole start, everything ready and nothing pending", "ms", *STATISTICS)
def start(bench):
    postgres = cluster(bench)
    with postgres.running():
        settings = {"DATABASE_URL": postgres.url, "APP_INIT_MIGRATIONS": "migrations", "APP_INIT_HANDOFF": "exec"}
        checked([INIT, "migrate"], settings)
        psql = [postgres.bin / "psql", "-XAtqd", postgres.url, "-c", "SELECT 1"]
        ours, theirs = [], []
        for n in range(bench.repetitions + 1):
            bench.progress(f"start {n}/{bench.repetitions}")
            ours.append(1000 * checked([INIT, "api", "--", "/bin/true"], settings))
            theirs.append(1000 * checked(psql))
        ours, theirs = ours[1:], theirs[1:]  # the first pair fills the caches
    ratio = statistics.median(ours) / statistics.median(theirs)
    yield row("`init api -- true`", ours, 1, "", "")
    yield row("`psql -c 'SELECT 1'`", theirs, 1, "", "")
    yield ["ratio of the medians", "", f"{ratio:.2f}", "", "≤ 2", verdict(ratio, 2)]


@table("Binary, static, stripped", "", "MB", "budget", "verdict")
def size(_bench):
    megabytes = INIT.stat().st_size / 1_000_000
    yield [f"`{INIT.name}`", f"{megabytes:.2f}", "≤ 7", verdict(megabytes, 7)]
