"""What the page's main thread was busy with, from the browser's own trace and its Long Tasks API.

A long task is one of 50 ms on the clock. On a machine that does much else the clock also counts the time in which the
thread waited for a processor, so the trace's CPU time is what a test can hold the page to; both are told.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page

CATEGORIES = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]
WATCH_LONG_TASKS = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((entry) => entry.duration)))
    .observe({ type: "longtask" });
}"""


@dataclass(frozen=True)
class Busy:
    """Milliseconds of each task of the page's main thread; `cpu` on a processor, `wall` on the clock."""

    cpu: tuple[float, ...]
    wall: tuple[float, ...]
    long_tasks: tuple[float, ...]


def recorded(browser: Browser, page: Page, act: Callable[[], None]) -> Busy:
    """What the main thread did while something was done to the page."""
    page.evaluate(WATCH_LONG_TASKS)
    browser.start_tracing(page=page, categories=CATEGORIES)
    act()
    events: list[dict[str, Any]] = json.loads(browser.stop_tracing())["traceEvents"]
    renderer = _renderer(events)
    tasks = [
        event
        for event in events
        if event.get("ph") == "X" and event["name"].endswith("RunTask") and (event["pid"], event["tid"]) == renderer
    ]
    return Busy(
        tuple(event.get("tdur", 0) / 1000 for event in tasks),
        tuple(event["dur"] / 1000 for event in tasks),
        tuple(page.evaluate("window.longTasks")),
    )


def _renderer(events: list[dict[str, Any]]) -> tuple[int, int]:
    """The process and the thread that run the page: of all renderers' main threads the busiest."""
    named = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    busy = dict.fromkeys(named, 0)
    for event in events:
        if (place := (event["pid"], event["tid"])) in busy:
            busy[place] += event.get("dur", 0)
    return max(busy, key=lambda place: busy[place])
