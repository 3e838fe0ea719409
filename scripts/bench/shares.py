"""A share of the processors for each program, as a container with a CPU limit has one: cgroups(7)."""

import os
import pathlib
import subprocess

from report import Skip

# The smallest quota that the kernel takes, in microseconds: programs of a few milliseconds need a fine grain.
QUOTA = 1000


class Shares:
    """So many groups with equal parts of one `part`-th of the machine; the rest is the database's."""

    def __init__(self, bench, count, part):
        self.parent, self.modern = controller()
        period = max(QUOTA, round(part * count * QUOTA / os.cpu_count()))
        names = [f"app-init-bench-{os.getpid()}-{part}-{n}" for n in range(count)]
        self.groups = [self.group(name, period, bench.ends) for name in names]

    def group(self, name, period, ends):
        group = self.parent / name
        try:
            group.mkdir()
            ends.callback(group.rmdir)
            if self.modern:
                (group / "cpu.max").write_text(f"{QUOTA} {period}")
            else:
                (group / "cpu.cfs_period_us").write_text(str(period))
                (group / "cpu.cfs_quota_us").write_text(str(QUOTA))
        except OSError as error:
            raise Skip(f"no group with a share of the processors: {error.strerror}") from error
        return group

    def joining(self, n):
        """What a child must do before its program, to run in group `n`."""
        file = str(self.groups[n] / "cgroup.procs")
        return lambda: pathlib.Path(file).write_text("0")


def controller():
    """Where groups with a limit can be made, and whether that is version 2 of cgroups."""
    found = subprocess.run(["findmnt", "-rno", "TARGET,FSTYPE,OPTIONS"], capture_output=True, text=True, check=False)
    mounts = [line.split() for line in found.stdout.splitlines()]
    for target, kind, options in mounts:
        if kind == "cgroup" and "cpu" in options.split(","):
            return pathlib.Path(target), False
    for target, kind, _ in mounts:
        if kind == "cgroup2" and enabled(pathlib.Path(target)):
            return pathlib.Path(target), True
    raise Skip("there is no CPU controller of cgroups")


def enabled(parent):
    try:
        (parent / "cgroup.subtree_control").write_text("+cpu")
    except OSError:
        return False
    return True
