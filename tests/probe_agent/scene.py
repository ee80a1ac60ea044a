"""A probe as its own process, as it is installed: one file, run by the system's Python without anything else."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from controller.probe_agent.configuration import Configuration, LightTests, ProbedPath, Updates, write_configuration
from controller.telemetry.enrolled_probes import enrol_probe, find_enrolment_file, make_probe_token
from controller.telemetry.registry import Writer
from tests.monitoring.running import TOKENS, Running
from tools.make_probe import build_probe

SCHOOL = "as-e04"
PATHS = (
    ProbedPath("primary", "tokyo", "ipv4", "127.0.0.1"),
    ProbedPath("primary", "tokyo", "ipv6", "::1"),
    ProbedPath("backup", "osaka", "ipv4", "127.0.0.2"),
)
LIGHT = LightTests(every_seconds=1, echoes=3, echo_every=0.01, answer_within=0.5)
ENROLMENTS = find_enrolment_file(TOKENS / Writer.PROBE)


def enrol(school: str = SCHOOL) -> str:
    token = make_probe_token()
    enrol_probe(ENROLMENTS, school, token, datetime.now(UTC))
    return token


def configure(port: int, token: str, **changes: object) -> Configuration:
    """A probe of loopback, and a monitor there."""
    built = Configuration(SCHOOL, token, f"http://127.0.0.1:{port}", PATHS, light=LIGHT)
    return replace(built, **changes)  # type: ignore[arg-type]  # a test's own fields


@dataclass(frozen=True)
class Installed:
    """A probe's file, configuration and state."""

    folder: Path

    @property
    def program(self) -> Path:
        return self.folder / "tsunagu-probe.pyz"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def install(self, configuration: Configuration, version: str = "1.0.0") -> None:
        self.program.write_bytes(build_probe(version))
        config = self.folder / "probe.json"
        config.write_bytes(write_configuration(configuration))
        config.chmod(0o600)

    def run(self, verb: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.build_words(verb), capture_output=True, text=True, check=False, timeout=60)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The probe's supervisor; it and what it began are gone afterwards."""
        with (self.folder / "said").open("a", encoding="utf-8") as said:
            process = subprocess.Popen(self.build_words("run"), stderr=said, text=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(20)

    def said(self) -> str:
        return (self.folder / "said").read_text("utf-8")

    def slots(self) -> Mapping[str, object]:
        found: dict[str, object] = json.loads((self.state / "slots.json").read_text("ascii"))
        return found

    def build_words(self, verb: str) -> list[str]:
        """The command line of a verb."""
        words = [sys.executable, "-I", "-S", str(self.program), verb]
        return [*words, "--config", str(self.folder / "probe.json"), "--state", str(self.state)]


def row(running: Running, school: str = SCHOOL) -> Mapping[str, object]:
    """What the monitor knows of a school's probe."""
    [found] = [one for one in running.json("/api/probes")["probes"] if one["school"] == school]
    assert isinstance(found, dict)
    return found


def find_children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a process has begun."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
    return [int(one) for one in text.split()]


def find_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass(frozen=True)
class ReleaseKey:
    """A key that signs releases, as the city's office keeps it."""

    path: Path

    def make(self) -> None:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", str(self.path)]
        subprocess.run(words, check=True, timeout=30)

    @property
    def signers(self) -> str:
        public = self.path.with_suffix(".pub").read_text("ascii").strip()
        return f'tsunagu-release namespaces="tsunagu-probe" {public}'

    def sign(self, content: bytes, namespace: str = "tsunagu-probe") -> bytes:
        words = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(self.path), "-n", namespace]
        return subprocess.run(words, input=content, capture_output=True, check=True, timeout=30).stdout

    def publish(self, place: Path, content: bytes) -> None:
        """A release at its source: the signature first, so that no look sees a file without one."""
        place.with_name(f"{place.name}.sig").write_bytes(self.sign(content))
        beside = place.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(place)


def updates(source: Path, key: ReleaseKey, confirm: float = 20) -> Updates:
    return Updates(str(source), every_seconds=0.3, confirm_seconds=confirm, allowed_signers=key.signers)


def broken_release(version: str, change: Callable[[str], str]) -> bytes:
    """A whole release whose start is changed."""
    import io  # noqa: PLC0415 only here
    import zipfile  # noqa: PLC0415 only here

    with zipfile.ZipFile(io.BytesIO(build_probe(version))) as before:
        files = {name: before.read(name) for name in before.namelist()}
    files["__main__.py"] = change(files["__main__.py"].decode()).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as after:
        for name, content in files.items():
            after.writestr(name, content)
    return written.getvalue()
