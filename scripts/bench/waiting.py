"""Waiting: how late, how early, how expensive."""

import os
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time

from database import cluster, first_query
from names import Names
from programs import HERE, INIT, checked, free_port, popen
from report import STATISTICS, Skip, ratio_row, row, table, verdict


class Waiter:
    """A program that prints a line once the database is ready; notes when that line comes.

    What it starts then asks the database one question and ends with 0 if that was answered.
    """

    def __init__(self, bench, argv, variables):
        self.moment = None
        self.process = popen(argv, variables, stdout=subprocess.PIPE)
        bench.ends.callback(self.process.kill)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        if self.process.stdout.readline():
            self.moment = time.perf_counter()

    def was_early(self):
        """Whether the first query of what it started failed."""
        self.thread.join()
        return self.process.wait() != 0

    def lag(self, ready):
        """Milliseconds from the moment `ready` to the line."""
        self.thread.join()
        self.process.wait()
        if self.moment is None:
            sys.exit("bench: a waiter ended without the database being ready")
        return 1000 * (self.moment - ready)


# Two loops in use today. `$0` is the URL, `$1` the port; what they start asks one question.
SERVER = 'echo up; exec psql -XAtqd "$0" -c "SELECT 1"'
ASKED = 'until pg_isready -q -h 127.0.0.1 -p "$1"; do sleep 1; done; ' + SERVER
TRIED = 'until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 1; done; ' + SERVER


class Race:
    """init and two loops waiting for the same start of the same server, once for each round."""

    WAITERS = ("`init api`", "`pg_isready` once a second", "a TCP connect once a second")

    def __init__(self, bench, postgres, port):
        self.bench, self.port = bench, port
        self.url = postgres.url.replace(f":{postgres.port}/", f":{port}/")
        self.path = {"PATH": f"{postgres.bin}:{os.environ['PATH']}"}
        self.lags = {name: [] for name in self.WAITERS}
        self.early = {name: 0 for name in self.WAITERS}

    def begin(self):
        settings = {**self.path, "DATABASE_URL": self.url, "APP_INIT_MIGRATIONS": "migrations", "APP_INIT_HANDOFF": "exec"}
        commands = (
            [INIT, "api", "--", "sh", "-c", SERVER, self.url],
            ["bash", "-c", ASKED, self.url, str(self.port)],
            ["bash", "-c", TRIED, self.url, str(self.port)],
        )
        self.waiters = [Waiter(self.bench, argv, settings if argv[0] == INIT else self.path) for argv in commands]

    def finish(self, ready):
        for name, waiter in zip(self.WAITERS, self.waiters):
            self.early[name] += waiter.was_early()
            self.lags[name].append(waiter.lag(ready))


def behind_proxy(bench, postgres):
    """The port of a proxy in front of the server, up before anything else."""
    port = free_port()
    proxy = popen([sys.executable, HERE / "proxy.py", str(port), str(postgres.port)], stdout=subprocess.PIPE)
    bench.ends.callback(proxy.kill)
    proxy.stdout.readline()
    return port


LOAD = "DROP TABLE IF EXISTS load; CREATE TABLE load AS SELECT n, md5(n::text) AS text FROM generate_series(1, 400000) n"


@table("Postgres answers its first query → the server runs", "ms", *STATISTICS, "early")
def lag(bench):
    postgres = cluster(bench)
    with postgres.running():
        # From here on nothing is pending, as in most starts.
        checked([INIT, "migrate"], {"DATABASE_URL": postgres.url, "APP_INIT_MIGRATIONS": "migrations"})
    clean = Race(bench, postgres, postgres.port)
    crash = Race(bench, postgres, postgres.port)
    proxied = Race(bench, postgres, behind_proxy(bench, postgres))
    for n in range(bench.repetitions):
        bench.progress(f"lag {n}/{bench.repetitions}")
        for race in (clean, proxied, crash):
            if race is crash:
                with postgres.running(crash=True):
                    checked([postgres.bin / "psql", "-XAtqd", postgres.url, "-c", LOAD])
            race.begin()
            time.sleep(1 + random.random())  # Postgres comes at any instant of the loops' second
            postgres.launch()
            race.finish(first_query(postgres.port))
            postgres.stop()
    for where, race in (("clean start", clean), ("crash recovery", crash), ("behind a proxy", proxied)):
        yield from lag_rows(where, race)
    ratio = statistics.median(clean.lags["`init api`"]) / statistics.median(clean.lags["`pg_isready` once a second"])
    yield [*ratio_row("clean start, ratio to `pg_isready`", ratio, 0.05, 3), ""]


def lag_rows(where, race):
    for name, lags in race.lags.items():
        early = f"{race.early[name]} of {len(lags)}"
        if name == "`init api`":
            held = statistics.median(lags) <= 25 and max(lags) <= 80 and race.early[name] == 0
            yield [*row(f"{where}: {name}", lags, 1, "median ≤ 25, maximum ≤ 80, early 0", verdict(not held, 0)), early]
        else:
            yield [*row(f"{where}: {name}", lags, 1), early]


CONFINED = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@table("A name appears in the DNS → the server runs", "ms", *STATISTICS)
def names(bench):
    try:
        server = Names()
    except OSError as error:
        raise Skip(f"cannot serve names on {Names.ADDRESS}: {error.strerror}") from error
    resolv = pathlib.Path(bench.directory, "resolv.conf")
    resolv.write_text(f"nameserver {Names.ADDRESS}\n")
    confined = ["unshare", "--mount", "--", "sh", "-c", CONFINED, str(resolv)]
    postgres, theirs = cluster(bench), []
    ours = {"no such name": [], "its server failed": [], "its server was silent": []}
    path = {"PATH": f"{postgres.bin}:{os.environ['PATH']}"}
    settings = {"DATABASE_URL": postgres.url.replace("127.0.0.1", "database.bench.test"), "APP_INIT_MIGRATIONS": "migrations"}
    loop = f"until pg_isready -q -h database.bench.test -p {postgres.port}; do sleep 1; done; echo up"
    with postgres.running():
        checked([INIT, "migrate"], {**settings, "DATABASE_URL": postgres.url})
        for n in range(bench.repetitions):
            bench.progress(f"names {n}/{bench.repetitions}")
            for lags, before in zip(ours.values(), (Names.NXDOMAIN, Names.SERVFAIL, Names.SILENT)):
                server.exists, server.before = False, before
                waiters = [(lags, Waiter(bench, [*confined, INIT, "api", "--", "/bin/echo", "up"], settings))]
                if before == Names.NXDOMAIN:
                    waiters.append((theirs, Waiter(bench, [*confined, "sh", "-c", loop], path)))
                time.sleep(1 + random.random())
                server.exists, appeared = True, time.perf_counter()
                for lags, waiter in waiters:
                    lags.append(waiter.lag(appeared))
    for before, lags in ours.items():
        yield row(f"before: {before}: `init api`", lags, 1, "median ≤ 100", verdict(statistics.median(lags), 100))
    yield row("before: no such name: `pg_isready` once a second", theirs, 1)


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
