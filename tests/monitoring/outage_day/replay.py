"""What was scraped on the scripted day, served again to a real Prometheus with a real Alertmanager behind it.

The day passes so many times faster, and so do the alerts. What Alertmanager lets through to people is compared with
the script: the whole alone where something common is the cause, and nothing twice.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import yaml

from monitoring.alerts.alert_list import MONITOR_JOB
from monitoring.alerts.recordings import HEARD
from monitoring.alerts.rules import render_rules
from tests.monitoring.outage_day.alerts import INSTANCE, PLACES, UP, Scrapes, count_alerts
from tests.monitoring.outage_day.script import Cast, Day, Step
from tests.monitoring.prometheus import START_SECONDS, free_port, get, start_both, told
from tests.monitoring.running import until

CHAIN = Path(__file__).resolve().parents[3] / "monitoring" / "chain"
WINDOW_SECONDS = 90.0
"""So long before a step's end, in the day's time, things must have become as the script says."""
POLL_SECONDS = 0.1


class Replay:
    """The scrapes, by the clock: the day begins when `begin` is called, and passes faster.

    Until then it is the day's first moment: Prometheus finds what it scrapes only seconds after its start.
    """

    def __init__(self, day: Day, scrapes: Scrapes, faster: int) -> None:
        self.day, self.scrapes, self.faster = day, scrapes, faster
        self.began = 0.0

    def begin(self) -> None:
        """Let the day begin now."""
        self.began = time.time()

    @property
    def passed(self) -> float:
        """How much of the day has passed, in its own seconds."""
        return (time.time() - self.began) * self.faster if self.began else 0.0

    def serve(self) -> str | None:
        """What the monitor served at this time of the day; None where it did not answer."""
        tick = min(int(self.passed) // self.day.tick_seconds, self.scrapes.ticks - 1)
        if self.scrapes.series[UP][tick] == "0":
            return None
        lines = []
        for name, values in self.scrapes.series.items():
            value = values[tick] if tick < len(values) else "_"
            if name != UP and value not in ("_", "stale"):
                lines.append(f"{name} {self._date(name, value)}")
        return "\n".join([*lines, ""])

    def _date(self, name: str, value: str) -> str:
        is_moment = name.partition("{")[0] in self.scrapes.moments
        return repr((self.began or time.time()) + float(value) / self.faster) if is_moment else value


@contextmanager
def _serving(replay: Replay) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (replay.serve() or "").encode()
            self.send_response(200 if body else 503)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class names it
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _watching(folder: Path, target: str, faster: int, webhook: str) -> Iterator[tuple[str, str]]:
    """Prometheus and Alertmanager, with the shipped rules and the shipped routing, only faster."""
    manager_port, port = free_port(), free_port()
    manager = yaml.safe_load((CHAIN / "alertmanager.yml").read_text(encoding="utf-8"))
    for receiver in manager["receivers"]:
        receiver["webhook_configs"] = [{"url": webhook, "send_resolved": True}]
    for route in (manager["route"], *manager["route"]["routes"]):
        route["group_wait"] = "1s"
    manager["route"]["group_interval"] = "1s"
    (folder / "alertmanager.yml").write_text(json.dumps(manager), encoding="utf-8")
    (folder / "rules.yaml").write_text(render_rules(faster), encoding="utf-8")
    # The series say which instance they are of, and rules compare that with the target's own.
    targets = {"targets": [target], "labels": {"instance": INSTANCE}}
    configuration = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": ["rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager_port}"]}]}]},
        "scrape_configs": [{"job_name": MONITOR_JOB, "honor_labels": True, "static_configs": [targets]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    with start_both(folder, manager_port, port) as urls:
        yield urls


def replay_day(cast: Cast, scrapes: Scrapes, folder: Path, faster: int) -> list[str]:
    """Play the scrapes to Prometheus and Alertmanager; gives each step's end that was not as the script says."""
    day = cast.day
    replay = Replay(day, scrapes, faster)
    wrong = []
    with (
        told() as (webhook, _),
        _serving(replay) as target,
        _watching(folder, target, faster, webhook) as (prometheus, manager),
    ):
        until(lambda: _is_heard(prometheus) and not _read_firing(prometheus), START_SECONDS)
        replay.begin()
        ends = day.list_ends()
        for step in day.steps:
            wanted = count_alerts(step.alerts, cast), set(step.told or ())
            found = _wait_for_step(replay, ends[step.name], wanted, prometheus, manager)
            if found != wanted:
                wrong.append(_describe(step, wanted, found))
    return wrong


_Standing = tuple[Counter[frozenset[tuple[str, str]]], set[str]]
"""What fires at Prometheus, and the names of what Alertmanager tells people."""


def _wait_for_step(replay: Replay, end: int, wanted: _Standing, prometheus: str, manager: str) -> _Standing:
    """What stands near a step's end: as wanted as soon as it is, else as it is at the end."""
    while replay.passed < end - WINDOW_SECONDS:
        time.sleep(POLL_SECONDS)
    while True:
        found = _read_firing(prometheus), _read_told(manager)
        if found == wanted or replay.passed >= end:
            return found
        time.sleep(POLL_SECONDS)


def _is_heard(prometheus: str) -> bool:
    return bool(get(f"{prometheus}/api/v1/query?query={quote(HEARD)}")["data"]["result"])


def _read_firing(prometheus: str) -> Counter[frozenset[tuple[str, str]]]:
    query = f'count by (alertname, {", ".join(PLACES)}) (ALERTS{{alertstate="firing"}})'
    found: list[dict[str, Any]] = get(f"{prometheus}/api/v1/query?query={quote(query)}")["data"]["result"]
    return Counter({frozenset(one["metric"].items()): int(float(one["value"][1])) for one in found})


def _read_told(manager: str) -> set[str]:
    found = get(f"{manager}/api/v2/alerts?active=true&silenced=false&inhibited=false")
    return {one["labels"]["alertname"].removeprefix("Tsunagu") for one in found}


def _describe(step: Step, wanted: _Standing, found: _Standing) -> str:
    missing, surplus = wanted[0] - found[0], found[0] - wanted[0]
    told_wrong = "" if wanted[1] == found[1] else f"; told {sorted(found[1])}, not {sorted(wanted[1])}"
    parts = [
        f"{text} {[dict(one) for one in list(which)[:4]]}"
        for text, which in (("missing", missing), ("surplus", surplus))
        if which
    ]
    return f"{step.name}: {'; '.join(parts)}{told_wrong}"
