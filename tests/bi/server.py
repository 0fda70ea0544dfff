"""A Postgres of the test's own, on loopback, with nothing but what its test put there."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def programs() -> Path | None:
    """The folder of initdb and pg_ctl."""
    found = shutil.which("initdb")
    candidates = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "pg_ctl").exists()), None)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Its address; the server ends with the block. Skips where there is none."""
    programs_ = programs()
    if programs_ is None:
        pytest.skip("no Postgres server here (Debian: apt-get install postgresql)")
    user = None
    if os.geteuid() == 0:  # it refuses to run as root
        user = pwd.getpwnam("nobody").pw_name
        folder.mkdir(exist_ok=True)
        shutil.chown(folder, user)
        for parent in folder.parents:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "user": user, "cwd": "/", "env": {"LC_ALL": "C", "TZ": "UTC"}}
    subprocess.run([programs_ / "initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "-N"], **quiet)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    subprocess.run([programs_ / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **quiet)
    try:
        yield f"postgresql://owner@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([programs_ / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)
