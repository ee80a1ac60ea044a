"""A monitor that listens beside loopback as its operators' file says, and clients with TLS that ask it by its name."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.operations.operators_file import VARIABLE
from controller.telemetry.registry import Writer
from tests.monitoring.running import POLICIES, START_SECONDS, TOKENS, Running, until, wait_until_ready

URL = "https://monitor.example.jp"
HOST = URL.removeprefix("https://")


def read_example(number: int) -> str:
    """The section `monitor` of an example in the docs, the first one or the second."""
    text = (POLICIES.parent / "docs" / "monitor.md").read_text(encoding="utf-8")
    found: list[str] = re.findall(r"```yaml\n(monitor:\n.*?)```", text, re.DOTALL)
    assert len(found) == 2
    return found[number]


def fit_example(number: int, changes: Mapping[str, str]) -> str:
    """An example with what this machine has in the place of what only stands for something."""
    text = read_example(number)
    for before, after in {"listen: 10.20.0.5": "listen: 127.0.0.1", "port: 8643": "port: 0", **changes}.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def write_operators(folder: Path, section: str) -> Path:
    tokens = "".join(f"  {one}: {TOKENS}/{one}\n" for one in Writer)
    path = folder / "operations.yaml"
    path.write_text(f"format: 1\ntokens:\n{tokens}{section}", encoding="utf-8")
    path.chmod(0o600)
    return path


def begin(folder: Path, section: str) -> subprocess.Popen[str]:
    words = ["-m", "monitoring", "--port", "0", "--store", str(folder / "monitor.db"), "--policies", str(POLICIES)]
    for writer in Writer:
        words += [f"--{writer}-token", str(TOKENS / writer)]
    environment = {**os.environ, VARIABLE: str(write_operators(folder, section))}
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:  # noqa: ANN401 a document
        return json.loads(self.body)


@dataclass
class Door:
    """The address beside loopback, asked with TLS."""

    port: int
    context: ssl.SSLContext
    local: Running
    cookies: dict[str, str] = field(default_factory=dict)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.context)

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """A request of a client that keeps cookies as browsers do."""
        said = {"Host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with closing(self.connect()) as connection:
            connection.request(method, path, body, {name: value for name, value in said.items() if value})
            found = connection.getresponse()
            answer = Answer(found.status, found.headers, found.read())
        self._keep(answer.headers.get_all("set-cookie") or [])
        return answer

    def act(self, path: str, document: Mapping[str, Any], **headers: str) -> Answer:
        said = {"Content_Type": "application/json", "Origin": URL, **headers}
        return self.ask(path, "POST", json.dumps(document).encode(), **said)

    def _keep(self, lines: list[str]) -> None:
        for line in lines:
            pair, *flags = line.split("; ")
            name, _, value = pair.partition("=")
            if name.startswith("__Host-"):
                assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(flags), line
                assert not any(flag.startswith("Domain") for flag in flags), line
            age = next(int(flag.removeprefix("Max-Age=")) for flag in flags if flag.startswith("Max-Age="))
            self.cookies.pop(name, None)
            if age > 0:
                self.cookies[name] = value


@contextmanager
def monitor_beside(folder: Path, section: str, authority: Path) -> Iterator[Door]:
    """A monitor that is ready at both addresses; it is gone afterwards, however the test ended."""
    process = begin(folder, section)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        found = [re.search(r"://127\.0\.0\.1:(\d+)", line) for line in lines]
        assert all(found), (lines, process.stderr and process.stderr.read())
        ports = [int(one[1]) for one in found if one is not None]
        local = Running(process, f"http://127.0.0.1:{ports[0]}")
        door = Door(ports[1], ssl.create_default_context(cafile=str(authority)), local)
        until(lambda: _answers(door), START_SECONDS)
        yield door
        assert local.stop(signal.SIGINT) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


@contextmanager
def monitor_with(folder: Path, section: str) -> Iterator[Running]:
    """A monitor on loopback alone, with an operators' file of its own."""
    with wait_until_ready(begin(folder, section)) as running:
        yield running


def _answers(door: Door) -> bool:
    try:
        return door.ask("/static/icon.svg").status == 200
    except OSError:
        return False
