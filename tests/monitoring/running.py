"""A monitor as its own process, for tests."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.operations.operators_file import VARIABLE
from controller.telemetry.registry import Writer
from controller.telemetry.writer_tokens import make_token, read_token

POLICIES = Path(__file__).resolve().parents[2] / "policies"
START_SECONDS = 60.0


def _make_tokens() -> Path:
    """A folder with a token for each sender and an operators' file that names them; gone when the tests end."""
    folder = tempfile.TemporaryDirectory(prefix="tsunagu-tokens-")
    atexit.register(folder.cleanup)
    lines = ["format: 1", "tokens:"]
    for writer in Writer:
        make_token(Path(folder.name) / writer)
        lines.append(f"  {writer}: {folder.name}/{writer}")
    operators = Path(folder.name) / "operations.yaml"
    operators.write_text("\n".join(lines) + "\n", encoding="utf-8")
    operators.chmod(0o600)
    return Path(folder.name)


TOKENS = _make_tokens()
OPERATORS = {VARIABLE: str(TOKENS / "operations.yaml")}
"""The environment in which commands find these tokens."""


def bearer(writer: Writer) -> dict[str, str]:
    """The header that shows a sender's token."""
    return {"Authorization": f"Bearer {read_token(TOKENS / writer)}"}


PROTOBUF = {"Content-Type": "application/x-protobuf", **bearer(Writer.PROBE)}
"""A probe's headers."""
CONTROLLER = {**PROTOBUF, **bearer(Writer.CONTROLLER)}


@dataclass
class Running:
    """A monitor that listens at `url`."""

    process: subprocess.Popen[str]
    url: str

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def json(self, path: str) -> Any:  # noqa: ANN401 a document
        status, _, body = self.ask(path)
        assert status == 200, body
        return json.loads(body)

    def tile(self, school: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json(f"/api/schools/{school}")["tile"]
        return found

    def stop(self, how: int = signal.SIGINT) -> int:
        """End it by a signal, if it has not ended by itself; gives its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


def read_store(running: Running, query: str) -> list[tuple[Any, ...]]:
    """What stands in the store of a running monitor."""
    words = running.process.args
    assert isinstance(words, list)
    with closing(sqlite3.connect(words[words.index("--store") + 1])) as connection:
        return connection.execute(query).fetchall()


TSUNAGU = ("-c", "from controller.cli.main import main; main()", "monitor")
PROCESS = ("-m", "monitoring")
"""What `tsunagu monitor` becomes; it starts in half the time."""


def start(
    store: Path, port: int = 0, *, policies: Path = POLICIES, by: Sequence[str] = PROCESS
) -> subprocess.Popen[str]:
    words = ["--port", str(port), "--store", str(store), "--policies", str(policies)]
    if by != TSUNAGU:
        for writer in Writer:
            words += [f"--{writer}-token", str(TOKENS / writer)]
    return subprocess.Popen(
        [sys.executable, *by, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **OPERATORS},
    )


@contextmanager
def monitor(store: Path, port: int = 0, *, policies: Path = POLICIES, by: Sequence[str] = PROCESS) -> Iterator[Running]:
    """A monitor that is ready; it is gone afterwards, however the test ended."""
    with wait_until_ready(start(store, port, policies=policies, by=by)) as running:
        yield running


@contextmanager
def wait_until_ready(process: subprocess.Popen[str]) -> Iterator[Running]:
    """A monitor's process, once it answers; it is gone afterwards, however the test ended."""
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("monitor: http://"), (line, process.stderr and process.stderr.read())
        running = Running(process, line.split()[1].rstrip("/"))
        until(lambda: answers(running), START_SECONDS)
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def answers(running: Running) -> bool:
    try:
        return running.ask("/api/city")[0] == 200
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait for a condition; fails when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@dataclass(frozen=True)
class Heard:
    """One server-sent event."""

    name: str
    id: str
    data: Any


@contextmanager
def listening(running: Running, path: str = "/api/events", last: str | None = None) -> Iterator[Iterator[Heard]]:
    """An open stream of events."""
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)) as connection:
        connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
        answer = connection.getresponse()
        assert answer.headers.get_content_type() == "text/event-stream"
        yield events(answer)


def events(answer: http.client.HTTPResponse) -> Iterator[Heard]:
    """Events as they come; heartbeats are left out."""
    fields: dict[str, str] = {}
    while line := answer.readline().decode():
        name, _, value = line.rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        else:
            if fields.get("event", "alive") != "alive":
                yield Heard(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
