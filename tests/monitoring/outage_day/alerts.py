"""The alerts of the scripted day: what was scraped becomes series for Debian's Prometheus, which judges the rules.

`promtool test rules` evaluates the shipped rules, as they are and with their whole durations, over what the monitor
served at every tick of the day, and compares what fires at the end of every step with the script.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product
from pathlib import Path

import yaml

from controller.telemetry.registry import FAMILY, METRICS, REGION, SCHOOL
from monitoring.alerts.alert_list import MONITOR_JOB
from monitoring.alerts.rules import FILE, render_rules
from tests.monitoring.feed import LINES, REGIONS
from tests.monitoring.outage_day.script import Cast, WantedAlerts
from tests.monitoring.prometheus import program

PATIENCE = 600
_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)$")
INSTANCE = "monitor"
_TARGET = f'job="{MONITOR_JOB}", instance="{INSTANCE}"'
UP = f"up{{{_TARGET}}}"
PLACES = (SCHOOL.name, "line", REGION.name)


@dataclass
class Scrapes:
    """What `/metrics` said at every tick; at some the monitor did not answer."""

    begins: float = 0.0
    """When the day began, in seconds since 1970."""
    used: frozenset[str] = frozenset(re.findall(r"\w+", render_rules()))
    """The names that the rules look at; other series are not fed to them."""
    series: dict[str, list[str]] = field(default_factory=dict)
    ticks: int = 0
    moments: frozenset[str] = frozenset(metric.prometheus for metric in METRICS.values() if metric.moment)
    """Series whose values are times: here they count from the day's begin, where Prometheus' own time begins, too."""

    def add(self, text: str | None) -> None:
        """What was served at a tick; None where nobody answered."""
        self._put(UP, "0" if text is None else "1")
        for line in (text or "").splitlines():
            found = _SAMPLE.match(line)
            if found is not None and found[1].partition("{")[0] in self.used:
                self._put(_label(found[1]), self._date(found[1], found[2]))
        self.ticks += 1

    def _date(self, series: str, value: str) -> str:
        is_moment = series.partition("{")[0] in self.moments
        return repr(float(value) - self.begins) if is_moment else value

    def _put(self, name: str, value: str) -> None:
        known = self.series.setdefault(name, [])
        if len(known) < self.ticks:
            # A series that a scrape does not have any more is stale from then on.
            missed = self.ticks - len(known)
            known += (["stale"] if known else ["_"]) + ["_"] * (missed - 1)
        known.append(value)

    def list_series(self) -> list[dict[str, str]]:
        """The series as `promtool` takes them."""
        found = []
        for name, values in self.series.items():
            ended = ["stale"] if len(values) < self.ticks else []
            parts = (_repeat(value, len(list(same))) for value, same in groupby([*values, *ended]))
            found.append({"series": name, "values": " ".join(parts)})
        return found


def _label(series: str) -> str:
    """The series with the labels that a scrape adds."""
    name, _, labels = series.partition("{")
    return f"{name}{{{labels.rstrip('}') + ', ' if labels else ''}{_TARGET}}}"


def _repeat(value: str, times: int) -> str:
    """A value so many times.

    >>> _repeat("1", 3), _repeat("_", 3), _repeat("stale", 1)
    ('1+0x2', '_x3', 'stale')
    """
    if value == "stale" or times == 1:
        return " ".join([value] * times)
    return f"_x{times}" if value == "_" else f"{value}+0x{times - 1}"


def name_alert(wanted: WantedAlerts, roles: Mapping[str, str]) -> dict[str, str]:
    """The labels of a wanted alert: `d primary` is a school and its line, `tokyo` a region."""
    place, _, line = wanted.of.partition(" ")
    named = {SCHOOL.name: roles[place], "line": line} if place in roles else {REGION.name: place}
    return {key: value for key, value in {"alertname": f"Tsunagu{wanted.alert}", **named}.items() if value}


def count_alerts(wanted: Sequence[WantedAlerts], cast: Cast) -> Counter[frozenset[tuple[str, str]]]:
    """How many alerts of each name and place must fire, told apart by school, line and region.

    The paths of a line that is down are down with it: those alerts fire, and Alertmanager keeps them behind the line's.
    """
    found: Counter[frozenset[tuple[str, str]]] = Counter()
    for one in wanted:
        labels = name_alert(one, cast.roles)
        if one.every == "school":
            found.update(frozenset({**labels, SCHOOL.name: school}.items()) for school in cast.schools)
        elif one.every == "path":
            for school, line, _ in product(cast.schools, LINES, FAMILY.values):
                found[frozenset({**labels, SCHOOL.name: school, "line": line}.items())] += 1
        else:
            found[frozenset(labels.items())] += 1
        if one.alert == "LineDown":
            for region, _ in product(REGIONS, FAMILY.values):
                found[frozenset({**labels, "alertname": "TsunaguPathDown", REGION.name: region}.items())] += 1
    return found


def judge_alerts(cast: Cast, scrapes: Scrapes, folder: Path) -> str:
    """Let Prometheus judge the day; gives what it says is not as the script says, or nothing."""
    day = cast.day
    ends = day.list_ends()
    query = f'count by (alertname, {", ".join(PLACES)}) (ALERTS{{alertstate="firing"}})'
    checks = []
    for step in day.steps:
        wanted = count_alerts(step.alerts, cast)
        samples = [{"labels": _write_labels(labels), "value": number} for labels, number in wanted.items()]
        checks.append({"expr": query, "eval_time": f"{ends[step.name]}s", "exp_samples": samples})
    file = folder / "outage_day.yaml"
    test = {
        "name": "the scripted day",
        "interval": f"{day.tick_seconds}s",
        "input_series": scrapes.list_series(),
        "promql_expr_test": checks,
    }
    whole = {"rule_files": [str(FILE)], "evaluation_interval": f"{day.tick_seconds}s", "tests": [test]}
    file.write_text(yaml.safe_dump(whole, width=10**9), encoding="utf-8")
    words = [program("promtool"), "test", "rules", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"


def _write_labels(labels: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels)) + "}"
