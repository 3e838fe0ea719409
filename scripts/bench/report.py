"""Tables: what registers one, and what its rows are made of."""

import dataclasses
import statistics
import sys
from typing import Any

TABLES = {}
STATISTICS = ("minimum", "median", "maximum", "budget", "verdict")


def table(title, *columns):
    """Registers a measurement: `function(bench)` yields rows of cells, one per column."""

    def register(function):
        TABLES[function.__name__] = (title, columns, function)
        return function

    return register


def verdict(value, limit):
    return "within" if value <= limit else "**over**"


def row(subject, values, digits, budget="", held=""):
    """The common row: minimum, median and maximum, then what was asked and whether it held."""
    cells = [f"{f(values):.{digits}f}" for f in (min, statistics.median, max)]
    return [subject, *cells, budget, held]


def ratio_row(what, ratio, limit, digits=2):
    return [what, "", f"{ratio:.{digits}f}", "", f"≤ {limit:g}", verdict(ratio, limit)]


class Skip(Exception):
    """Why a table cannot be measured here."""


@dataclasses.dataclass
class Bench:
    """What a table gets: a directory, the repetitions, and `ends`, which is carried out however it ends."""

    directory: str
    repetitions: int
    ends: Any

    def progress(self, text):
        print(f"\r\x1b[K{text}" if sys.stderr.isatty() else "", end="", file=sys.stderr, flush=True)


def show(bench, name):
    title, columns, function = TABLES[name]
    try:
        rows = list(function(bench))
    except Skip as reason:
        rows = [[f"left out: {reason}"] + [""] * (len(columns) - 1)]
    bench.progress("")
    print(f"\n### {title}\n")
    for cells in [columns, ["---"] + ["---:"] * (len(columns) - 1), *rows]:
        print(f"| {' | '.join(cells)} |", flush=True)
