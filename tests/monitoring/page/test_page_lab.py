"""The whole way, with real parts: a line is cut in the virtual city, and the page shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from controller.lab.faults import fault_injection
from controller.lab.state import lab_faults
from controller.lab.state.layout import Layout
from tests.monitoring.page.conftest import opened
from tests.monitoring.running import OPERATORS, POLICIES, monitor

pytestmark = pytest.mark.lab

TSUNAGU = "from controller.cli.main import main; main()"
SEEN_WITHIN = 5.0
MEASURED_WITHIN = 120_000.0
MENDED_WITHIN = 60_000.0


def words(state: Path, school: str, *more: str) -> list[str]:
    """A `tsunagu measure` of one school of the lab."""
    chosen = ["measure", "--lab", "--school", school, "--policies", str(POLICIES), "--state", str(state)]
    return [sys.executable, "-c", TSUNAGU, *chosen, *more]


@contextmanager
def watching(state: Path, school: str, url: str) -> Iterator[None]:
    """`tsunagu measure --watch`, sending what it sees to a monitor."""
    told = {**os.environ, **OPERATORS, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
    with (state / "watch.txt").open("w") as said:
        process = subprocess.Popen(words(state, school, "--watch"), env=told, stdout=said, stderr=said)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert process.returncode == 0, (state / "watch.txt").read_text()


def measured(state: Path, school: str) -> dict[str, Any]:
    """What `tsunagu measure --json` says of a school; its throughput is the newest that the watch measured."""
    answer = subprocess.run(
        words(state, school, "--light", "--json"), capture_output=True, text=True, check=False, timeout=180
    )
    assert answer.returncode in (0, 1), answer.stderr
    (found,) = json.loads(answer.stdout)["schools"]
    document: dict[str, Any] = found
    return document


@pytest.fixture
def school(lab: Layout) -> Iterator[str]:
    """The lab's canary; whatever was broken is whole again afterwards."""
    yield lab.schools[0].id
    fault_injection.repair_all_faults()


def test_a_cut_line_is_on_the_page_within_five_seconds(
    browser: Browser, lab: Layout, school: str, tmp_path: Path
) -> None:
    with (
        monitor(tmp_path / "monitor.db") as running,
        watching(tmp_path, school, running.url),
        opened(browser, running.url) as visit,
    ):
        page = visit.open("/?lang=en")
        page.evaluate("window.same = true")
        tile = page.locator(f".tile[data-school={school}]")
        primary, backup = tile.locator(".strand").first, tile.locator(".strand").last
        expect(tile).not_to_have_attribute("data-assessment", "not-measured", timeout=MEASURED_WITHIN)
        expect(primary).to_have_attribute("data-state", "up", timeout=MEASURED_WITHIN)
        expect(backup).to_have_attribute("data-state", "up")
        whole = measured(tmp_path, school)
        expect(tile).to_have_attribute("data-assessment", whole["assessment"])
        assert whole["measured_mbps"] > 0
        # The document is rounded to 0.1 Mbit/s; the page shows whole ones, rounded down from what was measured.
        least, most = (int(whole["measured_mbps"] + by) for by in (-0.05, 0.05))
        expect(tile.locator(".measured")).to_have_text(re.compile(f"^({least:,}|{most:,})$"))

        began = time.monotonic()
        fault_injection.inject_fault(lab_faults.parse_fault(lab, school, "primary-line"))
        expect(primary).to_have_attribute("data-state", "down", timeout=SEEN_WITHIN * 1000)
        assert time.monotonic() - began < SEEN_WITHIN
        expect(page.locator(f".tile[data-school={school}][data-down]")).to_contain_text("line down")

        said = measured(tmp_path, school)
        assert said["lines"] == {"primary": "down", "backup": "up"}
        expect(primary).to_have_attribute("data-state", said["lines"]["primary"])
        expect(backup).to_have_attribute("data-state", said["lines"]["backup"])
        expect(tile).to_have_attribute("data-assessment", said["assessment"], timeout=15_000)
        assert said["measured_mbps"] is None
        expect(tile.locator(".measured")).to_have_text("\N{EN DASH}")

        fault_injection.repair_all_faults()
        expect(primary).to_have_attribute("data-state", "up", timeout=MENDED_WITHIN)
        assert page.evaluate("window.same")
        assert visit.problems() == []
