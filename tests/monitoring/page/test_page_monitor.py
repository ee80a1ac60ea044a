"""The page over the real monitor: its own process, fed with OTLP as probes feed it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from controller.telemetry.registry import EventKind
from controller.telemetry.timeline import Level, open_rollout_span
from controller.telemetry.traces.rollout_trace import open_trace
from tests.monitoring.feed import Feed, event, metrics, post
from tests.monitoring.page.conftest import opened
from tests.monitoring.running import TOKENS, Running, monitor

CHANGE_SECONDS = 5


def tell(running: Running, source: Feed) -> None:
    """One round of every probe."""
    now = time.time()
    post(running.url, metrics([*source.light(now), *source.heavy(now)], now))


@pytest.fixture
def cut(six: Feed) -> Iterator[tuple[str, str]]:
    """A school whose primary line a test cuts; it is whole again afterwards."""
    school = six.schools[0].id
    yield school, "primary"
    six.down.clear()
    six.drift.clear()


def test_the_monitor_has_no_rollout_yet(browser: Browser, running: Running) -> None:
    with opened(browser, running.url) as visit:
        page = visit.open("/rollout?lang=en")
        expect(page.locator("#nothing")).to_contain_text("No rollout yet")
        assert [url for url in visit.requests if not url.startswith(f"{running.url}/")] == []
        assert visit.problems() == []


def test_a_cut_line_is_seen_within_five_seconds(
    browser: Browser, running: Running, six: Feed, cut: tuple[str, str]
) -> None:
    tell(running, six)
    with opened(browser, running.url) as visit:
        page = visit.open("/?lang=en")
        page.evaluate("window.same = true")
        school, line = cut
        tile = page.locator(f".tile[data-school={school}]")
        expect(tile.locator(".strand").first).to_have_attribute("data-state", "up")
        six.down.add((school, line))
        began = time.monotonic()
        tell(running, six)
        expect(page.locator(f".tile[data-school={school}][data-down]")).to_be_visible(timeout=CHANGE_SECONDS * 1000)
        assert time.monotonic() - began < CHANGE_SECONDS
        shown = running.tile(school)
        assert tile.get_attribute("data-assessment") == shown["assessment"]
        assert tile.locator(".measured").text_content() == f"{int(shown['measured_mbps']):,}"
        assert [one.get_attribute("data-state") for one in tile.locator(".strand").all()] == ["down", "up"]
        assert page.evaluate("window.same")
        assert visit.problems() == []


def test_a_school_s_view_follows_the_monitor(
    browser: Browser, running: Running, six: Feed, cut: tuple[str, str]
) -> None:
    school, line = cut
    tell(running, six)
    with opened(browser, running.url) as visit:
        page = visit.open(f"/schools/{school}?lang=en")
        tile = running.tile(school)
        expect(page.locator("#recommended")).to_have_text(f"{tile['recommended_mbps']:,.1f}")
        expect(page.locator("#assessment")).to_have_attribute("data-assessment", tile["assessment"])
        six.down.add((school, line))
        six.drift[school] = 2
        tell(running, six)
        post(running.url, event(EventKind.LINE_DOWN, "cut", time.time(), school=school, line=line))
        expect(page.locator("[data-line=primary] .strand-state")).to_have_text("down")
        expect(page.locator("#drift")).to_contain_text("2")
        expect(page.locator("#events li").first).to_contain_text("Primary line went down")
        page.locator(".figures-table summary").click()
        expect(page.locator("#rows tr").first).to_be_visible()
        assert visit.problems() == []


def test_a_monitor_that_was_killed_is_found_again(browser: Browser, tmp_path: Path, six: Feed) -> None:
    school = six.schools[1].id
    with monitor(tmp_path / "monitor.db") as first, opened(browser, first.url) as visit:
        tell(first, six)
        page = visit.open("/?lang=en")
        figure = page.locator(f".tile[data-school={school}] .measured")
        expect(figure).not_to_have_text("\N{EN DASH}")
        before = figure.text_content()
        first.stop(signal.SIGKILL)
        expect(page.locator("#lost")).to_contain_text("The connection to the monitor is lost")
        with monitor(tmp_path / "monitor.db", first.port):
            expect(page.locator("html")).to_have_attribute("data-connection", "live", timeout=20_000)
            expect(page.locator("#lost")).to_have_text("")
            assert figure.text_content() == before


def test_a_rollout_is_followed_span_by_span(
    browser: Browser, running: Running, six: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
    first, second = (school.id for school in six.schools[:2])
    waves = {"canary": {first: [f"{first}-core1"]}, "rest": {second: [f"{second}-core1"]}}
    with opened(browser, running.url) as visit:
        page = visit.open("/rollout?lang=en")
        device = page.locator(".device", has_text=f"{first}-core1")
        with (
            open_trace(tmp_path / "lines", token=TOKENS / "controller") as listener,
            open_rollout_span("abc123", [listener], waves=json.dumps(waves)) as root,
        ):
            expect(page.locator("#rollout-name")).to_have_text("abc123")
            expect(page.locator(".wave").first).to_contain_text("Canary")
            expect(page.locator("#ends [data-outcome=waiting] b")).to_have_text("2")
            with root.child(Level.SCHOOL, first) as school, school.child(Level.DEVICE, f"{first}-core1") as span:
                with span.child(Level.STEP, "push"):
                    expect(device).to_have_attribute("data-outcome", "running")
                    expect(device).to_contain_text("push")
                span.outcome = "applied"
            expect(device).to_have_attribute("data-outcome", "applied")
        expect(page.locator("#rollout-facts")).to_contain_text("ended")
        expect(page.locator("#spans tr")).to_have_count(3)
        assert visit.problems() == []
