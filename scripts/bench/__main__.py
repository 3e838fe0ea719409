"""Measures the budgets of app-init beside what they are compared with, in one interleaved run.

    python3 scripts/bench [--repetitions N] [TABLE…]

Prints Markdown. A number decides nothing here but the word in the last column: no test asserts a
time. docs/bench.md says what each table means. Needs Python 3.9, dist/init (`make build`), Postgres
(scripts/postgres.sh), a C compiler and root; without one of the last two some tables are left out.
To add a table, write a function with `@table`; it yields rows.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile

# In the order in which their tables are printed.
import starting  # noqa: F401
import waiting  # noqa: F401
import supervising  # noqa: F401
import migrating  # noqa: F401
import replicas  # noqa: F401
from programs import INIT
from report import TABLES, Bench, show


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}"


def main():
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=" ".join(TABLES))
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is stopped
    unknown = set(arguments.tables) - set(TABLES)
    if unknown:
        parser.error(f"no table `{unknown.pop()}`; there are: {' '.join(TABLES)}")
    if not os.access(INIT, os.X_OK):
        sys.exit(f"bench: there is no program {INIT}: make build")
    print(f"{machine()}; {arguments.repetitions} repetitions")
    with tempfile.TemporaryDirectory(prefix="app-init-bench-") as directory:
        os.chmod(directory, 0o711)  # the database's user must be able to pass through
        for name in arguments.tables or TABLES:
            with contextlib.ExitStack() as ends:
                show(Bench(directory, arguments.repetitions, ends), name)


if __name__ == "__main__":
    main()
