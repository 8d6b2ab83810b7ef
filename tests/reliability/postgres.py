"""A PostgreSQL server of a test, on loopback, as an ordinary user."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

_PROGRAMS = Path("/usr/lib/postgresql")
USER = "nobody"  # PostgreSQL refuses to run as root


def programs() -> Path | None:
    """The folder of PostgreSQL's newest programs; None if it is not installed."""
    found = sorted(_PROGRAMS.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return None if initdb is None else Path(initdb).resolve().parent


class Server:
    """A server with a database of its own, in a folder that the test removes.

    Attributes:
        url: The database, for SQLAlchemy.
    """

    def __init__(self, folder: Path) -> None:
        found = programs()
        if found is None:
            pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
        self._bin, self._folder = found, folder
        self._user = {"user": USER} if os.geteuid() == 0 else {}
        if self._user:
            shutil.chown(folder, USER)
            folder.chmod(0o700)
        self._run("initdb", "-D", folder / "data", "-U", "test", "-A", "trust", "-N")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://test@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self._folder} -F"
        self._run("pg_ctl", "-D", self._folder / "data", "-w", "-o", options, "start")

    def stop(self, how: str = "immediate") -> None:
        """Stop it: immediate is a crash for all that are connected."""
        self._run("pg_ctl", "-D", self._folder / "data", "-w", "-m", how, "stop")

    def _run(self, program: str, *words: object) -> None:
        log = self._folder.parent / "postgres.log"
        with log.open("ab") as output:
            done = subprocess.run(
                [self._bin / program, *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                **self._user,  # type: ignore[call-overload]
            )
        assert done.returncode == 0, log.read_text()
