"""The programs that are measured: init, its peers, and our own helpers in C."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from report import Skip

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INIT = pathlib.Path(os.environ.get("INIT", ROOT / "dist/init")).resolve()
# How each is told to run a command; what is not installed is left out, and the table says so.
PEERS = {"tini": ["tini", "--"], "dumb-init": ["dumb-init", "--"], "catatonit": ["catatonit", "--"]}
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--"]


def environment(**variables):
    """What init and its peers get: nothing of the caller's but PATH."""
    return {"PATH": os.environ["PATH"], **variables}


def popen(argv, variables=None, **more):
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(argv, env=environment(**(variables or {})), cwd=ROOT, **{**silent, **more})


def checked(argv, variables=None):
    """Seconds that a program runs; it must succeed, or there is nothing to compare."""
    begin = time.perf_counter()
    code = popen(argv, variables).wait()
    elapsed = time.perf_counter() - begin
    if code != 0:
        shown = subprocess.run(argv, env=environment(**(variables or {})), cwd=ROOT, capture_output=True, text=True)
        sys.exit(f"bench: `{' '.join(map(str, argv))}` exited with {code}:\n{shown.stderr}")
    return elapsed


def output(argv):
    """What a program prints; it must succeed."""
    done = subprocess.run(argv, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: `{' '.join(map(str, argv))}` exited with {done.returncode}:\n{done.stderr}")
    return done.stdout


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def helper(bench, name):
    """Builds `name`.c; its path."""
    program = os.path.join(bench.directory, name)
    if not os.path.exists(program):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise Skip("there is no C compiler")
        subprocess.run([compiler, "-O2", "-o", program, HERE / f"{name}.c"], check=True)
    return program


def supervisors():
    """init and the installed peers by name, each as the words before a command."""
    found = {name: argv for name, argv in PEERS.items() if shutil.which(argv[0])}
    return {"`init`": [str(INIT)], **{f"`{name}`": argv for name, argv in found.items()}}


def missing_peers():
    return [f"`{name}`: not installed" for name, argv in PEERS.items() if not shutil.which(argv[0])]


def need_namespaces():
    tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        raise Skip("a PID namespace needs root")


@contextlib.contextmanager
def as_pid_1(argv, **more):
    """Runs a command as PID 1 of a namespace; yields `unshare`, and its pid out here."""
    unshare = popen([*NAMESPACE, *argv], **more)
    try:
        yield unshare, only_child(unshare.pid)
    finally:
        for pid in [*children(unshare.pid), unshare.pid]:
            with contextlib.suppress(OSError):
                os.kill(pid, 9)
        unshare.wait()


def children(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    return []


def only_child(pid):
    deadline = time.monotonic() + 10
    while not (found := children(pid)):
        if time.monotonic() > deadline:
            sys.exit("bench: `unshare` did not start its command")
        time.sleep(0.001)
    return found[0]
