"""The stack whose replicas are measured: Alembic before a FastAPI server under uvicorn, as applications are made of them."""

import http.client
import os
import pathlib
import re
import subprocess
import sys

from programs import ROOT
from report import Skip

PACKAGES = ["alembic", "psycopg2-binary", "fastapi", "uvicorn[standard]"]
ENGINE = "create_engine(os.environ['DATABASE_URL'].replace('postgres:', 'postgresql+psycopg2:', 1))"
MIGRATION = "from alembic import op\nrevision = 'a1'\ndown_revision = None\ndef upgrade(): op.execute('CREATE TABLE zebra (id int)')\n"
ENVIRONMENT = (
    "import os\nfrom alembic import context\nfrom sqlalchemy import create_engine\n"
    f"with {ENGINE}.connect() as connection:\n"
    "    context.configure(connection=connection)\n"
    "    with context.begin_transaction():\n        context.run_migrations()\n"
)
APPLICATION = (
    "import os\nfrom fastapi import FastAPI\nfrom sqlalchemy import create_engine, text\n"
    f"app, engine = FastAPI(), {ENGINE}\n"
    "@app.get('/health')\n"
    "def health():\n    with engine.connect() as connection:\n        return connection.execute(text('SELECT 1')).scalar()\n"
)
LISTENING = re.compile(rb"running on http://127\.0\.0\.1:(\d+)")


class Stack:
    """The real programs, in a virtual environment that is made once and kept under target/."""

    def __init__(self, directory):
        self.programs = environment() / "bin"
        self.folder = pathlib.Path(directory, "stack")
        versions = self.folder / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (self.folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {self.folder}\n")
        (self.folder / "env.py").write_text(ENVIRONMENT)
        (versions / "a1.py").write_text(MIGRATION)
        (self.folder / "app.py").write_text(APPLICATION)

    def watched(self):
        """The settings of the migrate step."""
        ini = self.folder / "alembic.ini"
        command = f"{self.programs / 'alembic'} -c {ini} upgrade head"
        return {"APP_INIT_MIGRATE_COMMAND": command, "APP_INIT_MIGRATE_WATCH": f"{ini} {self.folder / 'versions'}"}

    def server(self):
        """The command line of the server, on a port that the system gives it."""
        return [str(self.programs / "uvicorn"), "--app-dir", str(self.folder), "--port", "0", "app:app"]


def environment():
    """The virtual environment's directory."""
    venv = ROOT / "target/bench-stack"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    try:
        if not (venv / "bin/uvicorn").exists():
            subprocess.run([sys.executable, "-m", "venv", venv], **quiet)
            subprocess.run([venv / "bin/pip", "install", *PACKAGES], **quiet)
    except (subprocess.CalledProcessError, OSError) as error:
        raise Skip(f"no virtual environment with {', '.join(PACKAGES)}: {error}") from error
    return venv


def answers(replica):
    """Waits until the server of a replica says where it listens; whether it answers a request there."""
    for line in replica.stderr:
        if found := LISTENING.search(line):
            server = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
            server.request("GET", "/health")
            return server.getresponse().read() == b"1"
    return False
