"""Debian's Prometheus and Alertmanager on loopback, in a folder of their own, ended by their process ids."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import yaml

from monitoring.alerts.rules import render_rules
from tests.missing_parts import skip_or_fail
from tests.monitoring.running import until

START_SECONDS = 60.0
FASTER = 20
"""So many times faster than in production are the alerts: a line is down after 1.5 s, and mended after 6 s."""


def program(name: str) -> str:
    """Where a program is; without it a test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        skip_or_fail(f"{name} is not installed (Debian: prometheus, prometheus-alertmanager)")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def get(url: str) -> Any:  # noqa: ANN401 a document
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 http on loopback
        return json.loads(answer.read())


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:  # noqa: S310 http on loopback
            return bool(answer.status == 200)
    except OSError:
        return False


@dataclass(frozen=True)
class Watch:
    """A running Prometheus and Alertmanager, and what the latter told the test."""

    prometheus: str
    alertmanager: str
    told: Queue[dict[str, Any]]

    def firing(self, name: str) -> list[dict[str, str]]:
        """The labels of alerts that Alertmanager has as active."""
        found = get(f"{self.alertmanager}/api/v2/alerts?filter=alertname%3D{name}&active=true")
        return [alert["labels"] for alert in found]

    def wait_for(self, name: str, status: str, seconds: float) -> dict[str, Any]:
        """What the webhook was told of an alert: the next message of that status."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.told.get(timeout=max(0.0, deadline - time.monotonic()))
            if message["status"] == status and message["groupLabels"]["alertname"] == name:
                return message

    def samples(self, query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(f"{self.prometheus}/api/v1/query?query={query}")["data"]["result"]
        return found


@contextmanager
def watching(folder: Path, target: str) -> Iterator[Watch]:
    """Both, scraping `target` (address:port) every second, with the project's rules, only faster."""
    with told() as (webhook, messages):
        manager_port, port = free_port(), free_port()
        manager = {
            "route": {
                "receiver": "test",
                "group_by": ["alertname", "school"],
                "group_wait": "0s",
                "group_interval": "1s",
            },
            "receivers": [{"name": "test", "webhook_configs": [{"url": webhook, "send_resolved": True}]}],
        }
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(manager), encoding="utf-8")
        (folder / "rules.yaml").write_text(render_rules(FASTER), encoding="utf-8")
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager_port}"]}]}]},
            "scrape_configs": [{"job_name": "tsunagu", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
        with start_both(folder, manager_port, port) as (prometheus, alertmanager):
            yield Watch(prometheus, alertmanager, messages)


@contextmanager
def start_both(folder: Path, manager_port: int, port: int) -> Iterator[tuple[str, str]]:
    """Prometheus and Alertmanager with the configurations in a folder, when both are ready; gives their addresses."""
    urls = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{manager_port}"
    with (
        process(
            folder,
            program("prometheus-alertmanager"),
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{manager_port}",
            "--cluster.listen-address=",
        ),
        process(
            folder,
            program("prometheus"),
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{port}",
        ),
    ):
        until(lambda: all(ready(url) for url in urls), START_SECONDS)
        yield urls


@contextmanager
def process(folder: Path, *words: str) -> Iterator[int]:
    """A program while it runs; gives its process id."""
    log = folder / f"{Path(words[0]).name}.log"
    with log.open("wb") as output, subprocess.Popen(words, stdout=output, stderr=output, cwd=folder) as started:
        try:
            yield started.pid
        finally:
            started.terminate()
            try:
                started.wait(timeout=20)
            except subprocess.TimeoutExpired:
                started.kill()


@contextmanager
def told() -> Iterator[tuple[str, Queue[dict[str, Any]]]]:
    """A webhook on loopback, and what it was sent."""
    messages: Queue[dict[str, Any]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", messages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
