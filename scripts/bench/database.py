"""A throw-away Postgres, and the moment at which it answers its first query."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import time

from programs import ROOT, children, free_port

POSTGRES = ROOT / "scripts/postgres.sh"


class Postgres:
    """A throw-away cluster with password login, except from 127.0.0.2, where the probe comes from."""

    def __init__(self, directory):
        self.directory, self.port, self.server = directory, free_port(), None
        self.url = self.script("init", directory, str(self.port))
        hba = pathlib.Path(directory, "data/pg_hba.conf")
        hba.write_text("host all all 127.0.0.2/32 trust\n" + hba.read_text())
        self.bin = pathlib.Path(self.script("bin"))

    @staticmethod
    def script(*words):
        done = subprocess.run([POSTGRES, *words], stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def launch(self):
        """Starts the server without waiting for it."""
        self.server = subprocess.Popen(
            [POSTGRES, "run", self.directory], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def stop(self):
        if self.server:
            self.server.send_signal(signal.SIGINT)
            self.server.wait()
            self.server = None

    def crash(self):
        """Kills the server and all its processes at once, as a power cut or an OOM kill would."""
        everybody = [*children(self.server.pid), self.server.pid]
        for pid in everybody:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.wait()
        self.server = None

    @contextlib.contextmanager
    def running(self, crash=False):
        """The server up to the end of the block, then stopped or, if that is wanted, killed."""
        self.launch()
        try:
            first_query(self.port)
            yield
        finally:
            if crash:
                self.crash()
            else:
                self.stop()


def query_answers(port):
    """Whether a login without a password and one query succeed: the wire protocol, nothing else."""
    address, source = ("127.0.0.1", port), ("127.0.0.2", 0)
    with contextlib.suppress(OSError), socket.create_connection(address, 1, source) as server:
        words = b"user\0demo\0database\0demo\0\0"
        server.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        if read_until(server, b"Z"):
            server.sendall(b"Q" + struct.pack("!i", 13) + b"SELECT 1\0")
            answers = read_until(server, b"Z")
            server.sendall(b"X" + struct.pack("!i", 4))
            return answers
    return False


def read_until(server, wanted):
    """Reads messages up to one of the wanted type; False on an error or the end of the stream."""
    stream = server.makefile("rb")
    while len(header := stream.read(5)) == 5 and header[:1] != b"E":
        stream.read(struct.unpack("!i", header[1:])[0] - 4)
        if header[:1] == wanted:
            return True
    return False


def first_query(port):
    """Tries in a tight loop; the moment at which the first query has been answered."""
    deadline = time.monotonic() + 60
    while not query_answers(port):
        if time.monotonic() > deadline:
            sys.exit("bench: Postgres did not answer within a minute")
        time.sleep(0.0005)
    return time.perf_counter()


def cluster(bench):
    """A cluster of its own for a table; its server is stopped at the table's end."""
    postgres = Postgres(os.path.join(bench.directory, f"cluster-{free_port()}"))
    bench.ends.callback(postgres.stop)
    return postgres
