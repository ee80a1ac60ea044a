"""A real PostgreSQL (Debian's) in a private folder: only a socket there, a password, and a user other than root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.operations.rollout_database import RolloutDatabase
from controller.rollout.durable.database import DatabaseServer
from tests.started_processes import find_named_process

USER = "postgres"
ROLE = "tsunagu"
PASSWORD = "a password of the tests"  # noqa: S105 of a server that lives for the tests only
SETTINGS = (
    "fsync=off",  # the machine does not lose its power here
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=200",
    "listen_addresses=",
    "autovacuum=off",
)
START_SECONDS = "60"


def find_programs() -> Path:
    """The folder of the newest PostgreSQL's programs; set-up installs it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    assert found, "PostgreSQL is not installed (Debian: postgresql)"
    return found[-1].parent


@dataclass
class PostgresServer:
    """A running server."""

    programs: Path
    folder: Path
    databases: int = 0

    @property
    def user(self) -> str | None:
        """Whom the server runs as; None: the user of the tests."""
        return USER if os.geteuid() == 0 else None

    def run(self, program: str, *words: str, stdin: bytes | None = None) -> bytes:
        """Run a program of PostgreSQL as the server's user; what it said."""
        group = None if self.user is None else pwd.getpwnam(self.user).pw_gid
        return subprocess.run(
            [str(self.programs / program), *words],
            user=self.user,
            group=group,
            extra_groups=None if group is None else [],
            cwd=self.folder,
            env={"PGPASSWORD": PASSWORD, "PGHOST": str(self.folder), "PGUSER": ROLE, "LC_ALL": "C"},
            input=stdin,
            stdout=subprocess.PIPE,
            check=True,
            timeout=120,
        ).stdout

    def control(self, *words: str) -> None:
        """Start, stop or restart the server, and wait until it has."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-t", START_SECONDS, *words)

    def start(self) -> None:
        options = " ".join(f"-c {one}" if not one.endswith("=") else f"-c {one}''" for one in SETTINGS)
        self.control("-s", "-w", "-o", f"{options} -k {self.folder}", "start")

    def restart(self) -> None:
        """As after a crash: every connection breaks at once."""
        assert self.is_running(), "PostgreSQL has ended by itself"
        self.control("-s", "-w", "-m", "immediate", "restart")

    def stop(self) -> None:
        # pg_ctl sends a signal to whoever has the number in the server's file, which stays when the server is killed.
        if self.is_running():
            self.control("-s", "-w", "-m", "immediate", "stop")

    def is_running(self) -> bool:
        """Whether the process that the server's file names is this server."""
        data = self.folder / "data"
        return find_named_process(data / "postmaster.pid", "-D", str(data)) is not None

    def create_database(self) -> DatabaseServer:
        """A new, empty database, as the operators' file would name it."""
        self.databases += 1
        name = f"rollouts_{self.databases}"
        self.run("psql", "-q", "-d", "postgres", "-c", f"CREATE DATABASE {name} TEMPLATE template0")
        return self.find_database(name)

    def find_database(self, name: str, password: str = PASSWORD) -> DatabaseServer:
        me = pwd.getpwuid(os.geteuid()).pw_name
        settings = RolloutDatabase.model_validate(
            {
                "host": self.folder,
                "name": name,
                "user": ROLE,
                "password": {"env": "NOT_READ_HERE"},
                "server-user": self.user or me,
            }
        )
        return DatabaseServer(settings, lambda: password)


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """A server for as long as the block lasts."""
    # Below /tmp, not below the tests' own folder: that is root's alone, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="tsunagu-pg-"))
    server = PostgresServer(find_programs(), folder)
    try:
        if server.user is not None:
            shutil.chown(folder, server.user)
        secret = folder / "password"
        secret.write_text(PASSWORD + "\n", encoding="ascii")
        secret.chmod(0o644)
        words = (
            "-D",
            str(folder / "data"),
            "-U",
            ROLE,
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "-N",
            "-E",
            "UTF8",
        )
        server.run("initdb", *words, "--locale=C", "-E", "UTF8")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
