"""The demo's chapters about lines: cut and repaired, measured and judged, a region lost; and the backup playbook."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from controller.lab.state import paths
from controller.lab.state.layout import Layout
from controller.lab.state.undo_log import read_active_record
from controller.lab.trials.outage_probe import OutageProbe
from controller.model.access.rules import INTERNET
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family, parse_prefix
from controller.model.virtual_city import choose_virtual_city
from tools.demo.stage import ROOT, Demo, StepFailed, console, run_or_stop, wait_for

HTTPS = 443
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
STEADY_SECONDS = 1.5
"""So long traffic must have come through again before a gap is believed to be over."""
PROMISED_GAP = 1.0
"""Seconds; between the city's own routers (docs/lines.md says what holds towards Google)."""


def measure_lines(demo: Demo) -> None:
    """Measure every school's lines and judge them against the recommended bandwidth; the page shows it live."""
    start_page(demo)
    where = ("--policies", demo.policies, "--state", demo.path("state"))
    with demo.timed(f"measure the primary line of {len(_layout().schools)} schools"):
        demo.run("measure", "--lab", "--all", "--quick", *where, show=30)
    demo.run("report", "bandwidth", "--lab", "--lang", "ja", "-o", demo.path("report.html"), *where)
    tiles = read_tiles()
    states = Counter(tile["assessment"] for tile in tiles.values() if tile["assessment"] != "not-measured")
    run_or_stop(f"some schools meet their recommendation and some do not: {dict(states)}", hold=len(states) > 1)
    measured = {name: tile for name, tile in tiles.items() if tile["measured_mbps"] is not None}
    run_or_stop(f"the page shows {len(measured)} measured schools", hold=len(measured) == len(_layout().schools))


def start_page(demo: Demo) -> None:
    """Start the monitor, unless an earlier chapter has; what is measured goes there from now on."""
    if ENDPOINT in os.environ:
        return
    monitor = demo.start("monitor", "--port", "0", "--store", demo.path("monitor.db"), "--policies", demo.policies)
    os.environ[ENDPOINT] = _address(monitor.stdout.readline() if monitor.stdout else "")
    console.print(f"  the page: {os.environ[ENDPOINT]}/", markup=False)


def _address(line: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
    if found is None:
        message = f"the monitor did not say its address, but: {line.strip() or 'nothing'}"
        raise StepFailed(message)
    return found[0]


def cut_a_line(demo: Demo) -> None:
    """A school's primary line is cut while pupils work: traffic moves to the backup, the page shows it; repaired."""
    start_page(demo)
    layout = _layout()
    where = ("--policies", demo.policies, "--state", demo.path("state"))
    watch = demo.start("measure", "--lab", "--all", "--watch", *where)
    wait_for("the page sees both lines of the canary school up", lambda: _lines(demo) == ("up", "up"))
    pupil = next(host for host in layout.school(demo.canary).hosts if host.segment == "pupil")
    with OutageProbe(pupil.namespace, _websites(layout)) as traffic:
        cut = time.monotonic()
        demo.run("lab", "break", demo.canary, "primary-line")
        wait_for("traffic comes through again", lambda: traffic.answered_since(time.monotonic() - STEADY_SECONDS / 3))
        wait_for("the page shows the primary line down", lambda: _lines(demo)[0] == "down")
        shown = time.monotonic() - cut
        wait_for("pupils still reach the internet", lambda: traffic.answered_since(cut + STEADY_SECONDS))
    gap = traffic.longest_outage
    run_or_stop(f"the gap was {gap * 1000:.0f} ms (promised: {PROMISED_GAP:.0f} s)", hold=0 < gap <= PROMISED_GAP)
    demo.figures.append(("a primary line cut: nothing came through for", f"{gap * 1000:.0f} ms"))
    demo.figures.append(("a primary line cut: on the page after", f"{shown:.1f} s"))
    demo.run("lab", "repair", demo.canary, "primary-line")
    wait_for("the page shows both lines up again", lambda: _lines(demo) == ("up", "up"))
    demo.end_one(watch)


def repair_lines(demo: Demo) -> None:
    """Repair everything that a chapter left broken."""
    demo.run("lab", "repair", "--all", show=4)


def lose_a_region(demo: Demo) -> None:
    """Tokyo is lost: every school reaches its applications by Osaka; then it is back."""
    layout = _layout()
    pupil = next(host for host in layout.school(demo.canary).hosts if host.segment == "pupil")
    with OutageProbe(pupil.namespace, _websites(layout)) as traffic:
        lost = time.monotonic()
        demo.run("lab", "break", "region", layout.regions[0].id)
        wait_for("traffic comes through by the other region", lambda: traffic.answered_since(lost + STEADY_SECONDS))
    gap = traffic.longest_outage
    run_or_stop(f"the gap was {gap * 1000:.0f} ms (promised: {PROMISED_GAP:.0f} s)", hold=gap <= PROMISED_GAP)
    demo.figures.append(("Tokyo lost: nothing came through for", f"{gap * 1000:.0f} ms"))
    words = ("--permitted-only", "-o", demo.path("osaka.json"))
    demo.run("lab", "matrix", "--policies", demo.policies, *words, show=4)
    agrees = json.loads(Path(demo.path("osaka.json")).read_text(encoding="utf-8"))["agrees"]
    run_or_stop("every school reaches by Osaka all that the policy permits it", hold=agrees)
    demo.run("lab", "repair", "region", layout.regions[0].id)


def back_up(demo: Demo) -> None:
    """The backup playbook saves what every device runs, secrets taken out; the saved texts are judged."""
    with demo.timed(f"backup playbook, {list_devices()}"):
        words = ("--lab", "--all", "--policies", demo.policies, "--state", demo.path("state"))
        said = demo.run("playbook", "run", "backup", *words, "-o", demo.path("backups"), show=16)
    folder = re.search(r"saved in (\S+);", said)
    run_or_stop("the playbook names the dated folder", hold=folder is not None)
    if folder:
        words = ("--policies", demo.policies, "--lab", "--all", "--configs", folder[1])
        demo.run("prove", *words, show=8)


def list_devices() -> str:
    """The switches and routers that are planned, applied and saved, counted."""
    city = choose_virtual_city(load_city(ROOT / "policies"))
    number = sum(len(city.list_devices(city.school_by_id[school.id])) for school in _layout().schools)
    return f"{number} devices"


def find_switch_of_each_platform() -> dict[str, str]:
    """Return a switch of each platform that stands in the virtual city, by its platform."""
    found: dict[str, str] = {}
    for school in _layout().schools:
        found.setdefault(school.platform, school.device)
    return found


def _websites(layout: Layout) -> dict[Family, tuple[str, int]]:
    """What pupils may open of the internet, in each family: an address with HTTPS."""
    return {
        Family(parse_prefix(one.address).version): (one.address, one.port)
        for one in layout.listeners
        if INTERNET in one.applications and one.port == HTTPS
    }


def _layout() -> Layout:
    return read_active_record(paths.STATE).layout


def read_tiles() -> dict[str, dict[str, Any]]:
    """What the page is made from, by school."""
    with urllib.request.urlopen(f"{os.environ[ENDPOINT]}/api/city", timeout=10) as answer:  # noqa: S310 our own monitor
        found = json.load(answer)
    return {tile["id"]: tile for tile in found["schools"]}


def _lines(demo: Demo) -> tuple[str, str]:
    lines = read_tiles()[demo.canary]["lines"]
    return lines["primary"], lines["backup"]
