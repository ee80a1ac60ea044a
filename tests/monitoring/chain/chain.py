"""The documented chain as it is shipped, on ports and folders of a test, and faster: sender, Collector, Prometheus,
Alertmanager, webhook, and the monitor behind the Collector."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import quote

import yaml

from controller.cloud.go_build import provide_go_program
from monitoring.alerts.rules import render_rules
from tests.monitoring.prometheus import free_port, get, process, program, ready, told
from tests.monitoring.running import POLICIES, TOKENS, Running, monitor, until
from tests.telemetry.receivers import Received, keeping
from tools.collector.build import describe_collector

CHAIN = Path(__file__).resolve().parents[3] / "monitoring" / "chain"
FASTER = 100
"""So many times faster than in production are the alerts: silent is who was not heard of for 3 s."""
START_SECONDS = 60.0
SHORTER = {
    "metric_expiration: 2m": "metric_expiration: 3s",
    "scrape_interval: 5s": "scrape_interval: 500ms",
    "evaluation_interval: 5s": "evaluation_interval: 500ms",
    "group_wait: 30s": "group_wait: 1s",
    "group_wait: 15s": "group_wait: 1s",
    "group_interval: 5m": "group_interval: 1s",
}
SHIPPED_PORTS = (4318, 4319, 8600, 8888, 9090, 9093, 9464)


@dataclass
class Chain:
    """A running chain: where its parts listen, by the ports of the shipped files, and what the webhook was told."""

    ports: dict[int, int]
    messages: Queue[dict[str, Any]]
    processes: dict[str, int] = field(default_factory=dict)
    """Process ids of the Collector and of Prometheus."""
    traces: Received = field(default_factory=Received)
    """What the store of traces was sent."""
    heard: list[tuple[str, str]] = field(default_factory=list)
    """Alert and status of every message so far."""

    def url(self, shipped: int) -> str:
        return f"http://127.0.0.1:{self.ports[shipped]}"

    def value(self, query: str) -> float | None:
        """The one value of a query; None where it has none."""
        found = get(f"{self.url(9090)}/api/v1/query?query={quote(query)}")["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """The names of the alerts that fire at Prometheus."""
        found = get(f"{self.url(9090)}/api/v1/alerts")["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    def standing(self, name: str, state: str) -> int:
        """How many alerts of a name Alertmanager has in a state: `active`, or `suppressed` by another."""
        found = get(f"{self.url(9093)}/api/v2/alerts?filter=alertname%3D{name}")
        return sum(alert["status"]["state"] == state for alert in found)

    def wait_for(self, name: str, status: str, seconds: float = 30.0) -> dict[str, Any]:
        """What the webhook is told of an alert, in that status."""
        found: list[dict[str, Any]] = []

        def is_told() -> bool:
            found.extend(
                one for one in self.read_messages() if (one["groupLabels"]["alertname"], one["status"]) == wanted
            )
            return bool(found)

        wanted = (name, status)
        until(is_told, seconds)
        return found[-1]

    def read_messages(self) -> list[dict[str, Any]]:
        """What the webhook was told since the last time."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                found.append(self.messages.get_nowait())
            except Empty:
                self.heard += [(one["groupLabels"]["alertname"], one["status"]) for one in found]
                return found

    def post(self, shipped: int, path: str, body: bytes, headers: dict[str, str]) -> None:
        """Send a request to a part of the chain; fails unless it is taken."""
        sent = urllib.request.Request(self.url(shipped) + path, body, headers)  # noqa: S310 http on loopback
        with urllib.request.urlopen(sent, timeout=10) as answer:  # noqa: S310 see above
            assert answer.status == 200


def place(folder: Path, ports: dict[int, int], webhook: str, traces: str, faster: int) -> None:
    """The shipped files, with this test's ports, folders and webhook in them, and shorter times if it is faster."""
    (folder / "rules.yaml").write_text(render_rules(faster), encoding="utf-8")
    changes = {
        "/var/lib/tsunagu/tokens": str(TOKENS),
        "/var/lib/tsunagu-collector": str(folder / "queue"),
        "port: 8888": f"port: {ports[8888]}",
        "../alerts/tsunagu.yaml": "rules.yaml",
        "http://127.0.0.1:14318": traces,
        **(SHORTER if faster > 1 else {}),
        **{f"127.0.0.1:{shipped}": f"127.0.0.1:{port}" for shipped, port in ports.items()},
    }
    used: set[str] = set()
    for name in ("collector.yaml", "traces.yaml", "prometheus.yml", "alertmanager.yml"):
        text = (CHAIN / name).read_text(encoding="utf-8")
        for before, after in changes.items():
            used |= {before} & {one for one in changes if one in text}
            text = text.replace(before, after)
        (folder / name).write_text(text, encoding="utf-8")
    assert used == set(changes), "these stand in no shipped file any more"
    manager = yaml.safe_load((folder / "alertmanager.yml").read_text(encoding="utf-8"))
    for receiver in manager["receivers"]:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    (folder / "alertmanager.yml").write_text(json.dumps(manager), encoding="utf-8")


@contextmanager
def running_chain(folder: Path, *, faster: int = FASTER, policies: Path = POLICIES) -> Iterator[tuple[Chain, Running]]:
    """The chain, ready; nothing of it is left afterwards."""
    collector = provide_go_program(describe_collector(), print)
    ports = {shipped: free_port() for shipped in SHIPPED_PORTS}
    with told() as (webhook, messages), keeping() as traces:
        place(folder, ports, webhook, traces.url, faster)
        chain = Chain(ports, messages, traces=traces)
        with (
            process(
                folder, str(collector), f"--config={folder}/collector.yaml", f"--config={folder}/traces.yaml"
            ) as collecting,
            process(
                folder,
                program("prometheus-alertmanager"),
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{ports[9093]}",
                "--cluster.listen-address=",
            ),
            process(
                folder,
                program("prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus",
                f"--web.listen-address=127.0.0.1:{ports[9090]}",
            ) as storing,
            monitor(folder / "monitor.db", ports[8600], policies=policies) as behind,
        ):
            chain.processes = {"Collector": collecting, "Prometheus": storing}
            until(lambda: ready(chain.url(9090)) and ready(chain.url(9093)), START_SECONDS)
            yield chain, behind
