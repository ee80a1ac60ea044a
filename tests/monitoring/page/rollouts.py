"""A rollout as the API tells it, at any second of its life."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from controller.model.city import City

Span = dict[str, Any]

NOW = datetime(2026, 11, 26, 5, 30, tzinfo=UTC)
STEPS = (("read", 0.4), ("arm", 0.3), ("push", 0.6), ("read back", 0.4), ("confirm", 0.2))
COMMANDS = {
    "read": ("ovs-vsctl --format=json list Port", "ovs-ofctl -O OpenFlow14 dump-flows br0"),
    "push": ("ovs-ofctl -O OpenFlow14 --bundle replace-flows br0 -",),
    "read back": ("ovs-ofctl -O OpenFlow14 dump-flows br0",),
}
OUTCOMES = {"tm-j06": "reverted", "kw-s01": "unchanged"}
LONG = sum(seconds for _, seconds in STEPS)


def rollout(city: City, after: float, now: datetime = NOW) -> dict[str, Any]:
    """The lab's rollout that is `after` seconds old `now`: the canary first, then the rest side by side."""
    schools = [
        city.virtual_estate.canary,
        *(school for school in city.virtual_estate.schools if school != city.virtual_estate.canary),
    ]
    begins = {school: 0.2 if n == 0 else 2.6 + 0.15 * n for n, school in enumerate(schools)}
    ends = max(begins.values()) + LONG
    spans: list[Span] = []
    root = _span(spans, ("", "rollout", "closed.json"), (0.0, ends), after)
    devices = [_school(spans, root, school, begins[school], after) for school in schools]
    waves = [{"name": "canary", "devices": devices[:1]}, {"name": "rest", "devices": devices[1:]}]
    began = now - timedelta(seconds=after)
    for span in spans:
        span.update({edge: _time(began, span[edge]) for edge in ("start", "end") if span[edge] is not None})
    ended = _time(began, ends) if after >= ends else None
    return {
        "id": "rollout-1",
        "version": 0,
        "base": None,
        "name": "closed.json",
        "started": _time(began, 0.0),
        "ended": ended,
        "lost": None,
        "waits": [],
        "about": {},
        "waves": waves,
        "spans": spans,
    }


def large_rollout(city: City, devices: int, now: datetime = NOW) -> dict[str, Any]:
    """A rollout of the whole city: most of its devices have ended, some failed, some run and some wait."""
    schools = [school.id for school in city.schools]
    spans: list[Span] = []
    root = _span(spans, ("", "rollout", "city.json"), (0.0, 900.0), 600.0)
    above = {school: _span(spans, (root, "school", school), (1.0, 900.0), 600.0) for school in schools}
    found = []
    for n in range(devices):
        school = schools[n % len(schools)]
        begins = 5.0 + n * 600.0 / devices
        name = f"{school}-sw{n // len(schools)}"
        outcome = None if n > devices * 0.9 else "failed" if n % 97 == 0 else "applied"
        error = f"{name}: the device cannot be reached" if outcome == "failed" else None
        seconds = None if n > devices * 0.95 else 12.5
        if seconds is not None:
            own = _span(spans, (above[school], "device", name), (begins, begins + 12.5), 1e6)
            ended = spans[-1]["end"] if outcome else None
            spans[-1].update(outcome=outcome or "", error=error, end=ended)
            if outcome is None:
                _span(spans, (own, "step", "push"), (begins + 1.0, 1e7), 1e6)
        step = "push" if outcome is None and seconds is not None else None
        device = {"id": name, "school": school, "outcome": outcome, "step": step, "seconds": seconds, "error": error}
        found.append(device)
    began = now - timedelta(seconds=600)
    for span in spans:
        span.update({edge: _time(began, span[edge]) for edge in ("start", "end") if span[edge] is not None})
    whole = {**rollout(city, 1.0, now), "id": "large", "name": "city.json", "started": _time(began, 0.0)}
    return {**whole, "waves": [{"name": "rest", "devices": found}], "spans": spans}


def begin_rollout(whole: dict[str, Any]) -> dict[str, Any]:
    """What the monitor tells when a rollout begins: not its devices, which are asked for."""
    return {**whole, "base": whole["version"] - 1, "waves": [], "spans": []}


def end_device(whole: dict[str, Any], number: int) -> dict[str, Any]:
    """Let a device end well; what the monitor then tells of it."""
    device = {**whole["waves"][0]["devices"][number], "outcome": "applied", "seconds": 13.0, "step": None}
    whole["waves"][0]["devices"][number] = device
    whole["version"] += 1
    news = {"base": whole["version"] - 1, "waves": [{"name": "rest", "devices": [device]}], "spans": []}
    return {**whole, **news}


def _school(spans: list[Span], root: str, school: str, begins: float, after: float) -> dict[str, Any]:
    device = f"{school}-core1"
    span = _span(spans, (root, "school", school), (begins, begins + LONG), after)
    own = _span(spans, (span, "device", device), (begins, begins + LONG), after)
    at, running = begins, ""
    for step, seconds in STEPS:
        one = _span(spans, (own, "step", step), (at, at + seconds), after)
        running = step if at <= after < at + seconds else running
        each = seconds / max(1, len(COMMANDS.get(step, ())))
        for n, command in enumerate(COMMANDS.get(step, ())):
            _span(spans, (one, "command", command), (at + n * each, at + (n + 1) * each), after)
        at += seconds
    ended = after >= begins + LONG
    outcome = OUTCOMES.get(school, "applied") if ended else None
    for one_span in spans:
        if one_span["id"] == own:
            one_span["outcome"] = outcome or ""
    seconds_so_far = min(LONG, after - begins) if after > begins else None
    return {
        "id": device,
        "school": school,
        "outcome": outcome,
        "step": running,
        "seconds": seconds_so_far,
        "error": None,
    }


def _span(spans: list[Span], what: tuple[str, str, str], time: tuple[float, float], after: float) -> str:
    """Note a span that has started, as (parent, level, name) from one second to another; its id."""
    (parent, level, name), (start, end) = what, time
    number = f"{level} {name} {start:.3f}"
    if start <= after:
        times = {"start": start, "end": end if end <= after else None}
        spans.append(
            {
                "id": number,
                "parent": parent or None,
                "level": level,
                "name": name,
                **times,
                "outcome": "",
                "error": None,
            }
        )
    return number


def _time(began: datetime, after: float) -> str:
    return (began + timedelta(seconds=after)).isoformat()
