"""Real PostgreSQL servers, one for each instance of the deployment, in the namespace of its region.

Sources: PostgreSQL's manual, "Log-Shipping Standby Servers", "Failover" and `pg_basebackup`.
"""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from controller.errors import LabError
from controller.lab.network.programs import run_program
from controller.lab.state.processes import wait_until

USER = "postgres"
"""Debian's user of the package; PostgreSQL does not run as root."""
OWNER, SERVICE = "tsunagu", "service"
DATABASE = "drill"
PORT = 5432
PROGRAMS = Path("/usr/lib/postgresql")
_NEEDED = ("initdb", "pg_ctl", "pg_basebackup", "psql", "postgres")
_SETTINGS = {
    "shared_buffers": "16MB",
    "max_connections": "40",
    "autovacuum": "off",
    "wal_level": "replica",
    "wal_keep_size": "64MB",
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
    "wal_retrieve_retry_interval": "200ms",
    # Files of its own folder: a server that is killed leaves none in the machine's.
    "dynamic_shared_memory_type": "mmap",
}
_STANDBY = "standby.signal"
_CATCH_UP_SECONDS = 60.0


def find_postgres_programs(folder: Path = PROGRAMS) -> Path | None:
    """Return the folder with the newest PostgreSQL's programs; None where not all of them are there."""
    found = [one for one in folder.glob("*/bin") if all((one / name).exists() for name in _NEEDED)]
    numbered = [one for one in found if one.parent.name.isdecimal()]
    return max(numbered, key=lambda one: int(one.parent.name), default=None)


@dataclass(frozen=True, slots=True)
class PostgresAccess:
    """The passwords of the owner (replication, too) and of the service; made for one drill."""

    owner: str
    service: str

    @classmethod
    def make(cls) -> PostgresAccess:
        """New ones."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24))


@dataclass(frozen=True, slots=True)
class PostgresInstance:
    """A server: its folder, the namespace it runs in, and its address there."""

    name: str
    folder: Path
    inside: str
    address: str
    programs: Path
    access: PostgresAccess

    @property
    def data(self) -> Path:
        """Where it keeps everything."""
        return self.folder / "data"

    def create_primary(self) -> None:
        """Make it with an empty table of rows, and start it.

        Raises:
            LabError: PostgreSQL refused; with its words.
        """
        self._make_folder()
        secret = self._write_secret("password", self.access.owner + "\n")
        words = ("-D", str(self.data), "-U", OWNER, f"--pwfile={secret}", "--auth=scram-sha-256", "--wal-segsize=1")
        self._run("initdb", *words, "-E", "UTF8", "--locale=C")
        self._write_configuration()
        self.start()
        self.ask("postgres", f"CREATE ROLE {SERVICE} LOGIN PASSWORD '{self.access.service}'")
        self.ask("postgres", f"CREATE DATABASE {DATABASE}")
        self.ask(DATABASE, "CREATE TABLE rows (number bigint PRIMARY KEY, written timestamptz DEFAULT now())")
        self.ask(DATABASE, f"GRANT SELECT, INSERT ON rows TO {SERVICE}")

    def create_standby(self, primary: PostgresInstance) -> None:
        """Copy a running primary (`pg_basebackup`), and start the copy as what follows it.

        Raises:
            LabError: PostgreSQL refused; with its words.
        """
        self._make_folder()
        self._run(
            "pg_basebackup", "-D", str(self.data), "-h", primary.address, "-U", OWNER, "-X", "stream", "-c", "fast"
        )
        self.follow(primary)

    def follow(self, primary: PostgresInstance) -> None:
        """Start it as what follows a primary.

        Raises:
            LabError: PostgreSQL refused; with its words.
        """
        self._write_configuration(primary)
        self._give(self.data / _STANDBY, "")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it takes connections.

        Raises:
            LabError: it does not.
        """
        log = self.folder / "log"
        try:
            self._run("pg_ctl", "-D", str(self.data), "-l", str(log), "-s", "-w", "-t", "60", "start")
        except LabError:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
            message = f"PostgreSQL {self.name} does not start: {' | '.join(said[-3:]) or 'it says nothing'}"
            raise LabError(message) from None

    def stop(self) -> None:
        """Stop it as when the machine is shut down: everything is written and sent to who follows.

        Raises:
            LabError: it does not stop.
        """
        self._run("pg_ctl", "-D", str(self.data), "-s", "-w", "-t", "60", "-m", "fast", "stop")

    def promote(self) -> None:
        """Make a standby one that is written to.

        Raises:
            LabError: it is none, or does not become one.
        """
        self._run("pg_ctl", "-D", str(self.data), "-s", "-w", "-t", "60", "promote")

    def is_standby(self) -> bool:
        """Whether it follows another one: PostgreSQL takes the file away when it is promoted.

        Looked at all the time, so nobody connects for it, who could be in the middle when a region is cut.
        """
        return (self.data / _STANDBY).exists()

    def list_rows(self) -> frozenset[int]:
        """Return the numbers of the rows that are there.

        Raises:
            LabError: it does not answer.
        """
        return frozenset(map(int, self.ask(DATABASE, "SELECT number FROM rows").split()))

    def wait_for_standby(self, standby: PostgresInstance) -> None:
        """Wait until what follows this one has everything that is here now.

        Raises:
            LabError: it does not get it.
        """
        position = self.ask("postgres", "SELECT pg_current_wal_lsn()")
        standby.wait_for_position(position)

    def wait_for_position(self, position: str) -> None:
        """Wait until a standby has replayed the log up to a position.

        Raises:
            LabError: it does not get so far.
        """
        question = f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"
        if not wait_until(lambda: self.ask("postgres", question) == "t", _CATCH_UP_SECONDS, every=0.1):
            message = f"{self.name} does not follow: it has not come to {position} in {_CATCH_UP_SECONDS:.0f} s"
            raise LabError(message)

    def find_last_position(self) -> str:
        """Return the end of a stopped server's log.

        Raises:
            LabError: it cannot be read.
        """
        lines = self._run("pg_controldata", str(self.data)).splitlines()
        return next(one.rpartition(" ")[2] for one in lines if one.startswith("Latest checkpoint location"))

    def ask(self, database: str, question: str) -> str:
        """Return what the owner is answered.

        Raises:
            LabError: the server does not answer, or refuses.
        """
        words = ("-h", self.address, "-U", OWNER, "-d", database, "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-")
        return self._run("psql", *words, text=question + ";\n").strip()

    def _run(self, program: str, *words: str, text: str = "") -> str:
        # Its own IPC namespace: what a killed server leaves of the kernel's shared memory goes with it.
        around = ("ip", "netns", "exec", self.inside, "unshare", "--ipc", "setpriv")
        account = (f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
        environment = ("env", f"PGPASSFILE={self.folder / 'passfile'}", "LC_ALL=C", "PGCONNECT_TIMEOUT=5")
        return run_program(
            (*around, *account, *environment, str(self.programs / program), *words), text=text, timeout=120
        )

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700)
        shutil.chown(self.folder, USER, USER)
        self._write_secret("passfile", f"*:{PORT}:*:{OWNER}:{self.access.owner}\n")

    def _write_secret(self, name: str, text: str) -> Path:
        return self._give(self.folder / name, text)

    def _give(self, path: Path, text: str) -> Path:
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        shutil.chown(path, USER, USER)
        return path

    def _write_configuration(self, primary: PostgresInstance | None = None) -> None:
        # An instance that was set aside may stand beside it.
        settings = {**_SETTINGS, "listen_addresses": self.address, "unix_socket_directories": str(self.folder)}
        if primary is not None:
            settings["primary_conninfo"] = (
                f"host={primary.address} port={PORT} user={OWNER} passfile={self.folder / 'passfile'} "
                f"application_name={self.name} connect_timeout=2"
            )
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        self._give(self.data / "postgresql.auto.conf", "".join(lines))
        rules = "local all all scram-sha-256\nhost all all all scram-sha-256\nhost replication all all scram-sha-256\n"
        self._give(self.data / "pg_hba.conf", rules)
