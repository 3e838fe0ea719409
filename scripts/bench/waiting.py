"""Waiting: how late, how early, how expensive."""

import os
import random
import statistics
import sys
import threading
import time

from database import cluster, first_query
from programs import INIT, checked, free_port, popen
from report import STATISTICS, row, table, verdict


class Waiter:
    """A program that prints a line once the database is ready; notes when that line comes."""

    def __init__(self, bench, argv, variables):
        self.moment = None
        self.process = popen(argv, variables, stdout=subprocess.PIPE)
        bench.ends.callback(self.process.kill)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        if self.process.stdout.readline():
            self.moment = time.perf_counter()

    def lag(self, ready):
        self.thread.join()
        self.process.wait()
        if self.moment is None:
            sys.exit("bench: a waiter ended without the database being ready")
        return 1000 * (self.moment - ready)


LOOP = "until pg_isready -q -h 127.0.0.1 -p {port}; do sleep 1; done; echo up"


@table("Postgres answers its first query → the server runs", "ms", *STATISTICS)
def lag(bench):
    postgres = cluster(bench)
    path = {"PATH": f"{postgres.bin}:{os.environ['PATH']}"}
    settings = {"DATABASE_URL": postgres.url, "APP_INIT_MIGRATIONS": "migrations", "APP_INIT_HANDOFF": "exec"}
    with postgres.running():
        checked([INIT, "migrate"], settings)  # from here on nothing is pending, as in most starts
    ours, theirs = [], []
    for n in range(bench.repetitions):
        bench.progress(f"lag {n}/{bench.repetitions}")
        loop = Waiter(bench, ["sh", "-c", LOOP.format(port=postgres.port)], path)
        init = Waiter(bench, [INIT, "api", "--", "/bin/echo", "up"], settings)
        time.sleep(1 + random.random())  # Postgres comes at any instant of the loop's second
        postgres.launch()
        ready = first_query(postgres.port)
        ours.append(init.lag(ready))
        theirs.append(loop.lag(ready))
        postgres.stop()
    ratio = statistics.median(ours) / statistics.median(theirs)
    yield row("`init api`", ours, 1, "median ≤ 25", verdict(statistics.median(ours), 25))
    yield row("`pg_isready` once a second", theirs, 1, "", "")
    yield ["ratio of the medians", "", f"{ratio:.3f}", "", "≤ 0.05", verdict(ratio, 0.05)]


@table("CPU time of waiting 10 s for a server that is not there", "ms", *STATISTICS)
def idle(bench):
    spent = []
    while len(spent) < bench.repetitions:
        bench.progress(f"idle {len(spent)}/{bench.repetitions}")
        # Five at a time: they sleep, and the kernel counts for each of them.
        for process in [absent_server() for _ in range(5)]:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 69:
                sys.exit(f"bench: waiting for nothing ended with {process.returncode}, not 69 (not ready in time)")
            spent.append(1000 * (usage.ru_utime + usage.ru_stime))
    yield row("`init wait`", spent, 1, "≤ 60", verdict(statistics.median(spent), 60))


def absent_server():
    url = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    return popen([INIT, "wait"], {"DATABASE_URL": url, "APP_INIT_WAIT_TIMEOUT": "10s"})
