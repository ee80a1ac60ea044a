"""The views of a school and of a rollout in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from controller.model.city import City
from tests.monitoring.page.conftest import Visit
from tests.monitoring.page.figures import MEASURES, Figures
from tests.monitoring.page.rollouts import rollout

SCHOOL = "as-e04"


def test_a_school_shows_its_judgement_and_its_lines(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    figures.change(SCHOOL, lines={"primary": "up", "backup": "down"}, measured_mbps=191.04, assessment="below", drift=2)
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("#assessment")).to_contain_text("below the recommendation")
    expect(page.locator("#measured")).to_have_text("191.0")
    expect(page.locator("#recommended")).to_have_text(f"{figures.tiles[SCHOOL]['recommended_mbps']:.1f}")
    expect(page.locator("#assessment")).to_contain_text("estimated")
    expect(page.locator("[data-line=primary] .strand-state")).to_have_text("up")
    expect(page.locator("[data-line=backup] .strand-state")).to_have_text("down")
    expect(page.locator("#drift")).to_contain_text("2")
    expect(page.locator("#events li").last).to_contain_text("Primary line went down")
    assert page.locator(".plot canvas").count() == len(MEASURES)
    drawn = page.locator(".plot canvas").evaluate_all(
        "(all) => all.map((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0))"
    )
    assert drawn == [True] * len(MEASURES)
    assert visit.problems() == []


@pytest.mark.parametrize("names", [("primary",), ("primary", "backup", "third")], ids=len)
def test_a_school_shows_the_lines_that_it_has(visit: Visit, figures: Figures, names: tuple[str, ...]) -> None:
    """One line or three: a strand, a curve, a mark of the key and three columns for each."""
    known = figures.city.school_by_id[SCHOOL]
    kept = known.lines.primary
    lines = known.lines.model_copy(update={"backup": None, "third": None} | dict.fromkeys(names, kept))
    figures.past(SCHOOL, datetime.now(UTC))
    figures.series[SCHOOL]["third"] = figures.series[SCHOOL]["backup"]
    figures.change(SCHOOL, lines=dict.fromkeys(names, "down"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(figures.city.school_by_id, SCHOOL, known.model_copy(update={"lines": lines}))
        page = visit.open(f"/schools/{SCHOOL}?lang=en")
        strands = page.locator(".strand[data-line]:not([data-line=devices])")
        assert [one.get_attribute("data-line") for one in strands.all()] == [*names]
        expect(page.locator(f".strand[data-line={names[-1]}] .strand-state")).to_have_text("down")
        assert page.locator(".key li").count() == len(names) + 1
        page.locator(".figures-table summary").press("Enter")
        expect(page.locator("#rows tr").first.locator("td")).to_have_count(len(MEASURES) * len(names))
        said = page.locator(".curve .plot").first.get_attribute("aria-label") or ""
        assert [f"{name.capitalize()} line " in said for name in ("primary", "backup", "third")] == [
            name in names for name in ("primary", "backup", "third")
        ]
        assert visit.problems() == []
        board = visit.open("/?lang=en").locator(f"[data-school={SCHOOL}] .strand")
        assert board.count() == len(names)


def test_the_table_has_what_the_charts_have(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    page.locator(".figures-table summary").press("Enter")
    row = page.locator("#rows tr").first
    at, newest = figures.series[SCHOOL]["primary"]["throughput"][-1]
    japan = datetime.fromtimestamp(at, UTC) + timedelta(hours=9)
    expect(row.locator("th")).to_have_text(japan.strftime("%H:%M:%S"))
    assert float(row.locator("td").first.text_content() or "") == pytest.approx(newest, abs=0.06)


def test_new_points_come_without_a_reload(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    page.evaluate("window.same = true")
    figures.series[SCHOOL]["primary"]["latency"].append([datetime.now(UTC).timestamp(), 77.7])
    figures.happened(SCHOOL, "drift", None, datetime.now(UTC))
    expect(page.locator("[data-line=primary] [data-value=latency]")).to_have_text("77.7 ms")
    expect(page.locator("#events li").first).to_contain_text("Drift was found")
    assert page.evaluate("window.same")
    assert visit.problems() == []


def test_a_shorter_period_shows_less(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    page.locator(".figures-table summary").click()
    expect(page.locator("#rows tr")).to_have_count(100)
    page.locator("[data-minutes='15']").click()
    # 15 minutes, a point every 10 s: 89 of them, or 90 where one lies on the border.
    expect(page.locator("#rows tr:nth-child(91)")).to_have_count(0)
    expect(page.locator("#rows tr:nth-child(89)")).to_have_count(1)
    expect(page.locator("[data-minutes='15']")).to_have_attribute("aria-pressed", "true")


def test_a_dead_line_shows_no_living_figures(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}")
    figures.change(SCHOOL, lines={"primary": "down", "backup": "up"})
    expect(page.locator("[data-line=primary] [data-value=throughput]")).to_have_text("\N{EN DASH}")
    expect(page.locator("[data-line=backup] [data-value=throughput]")).to_contain_text("Mbit/s")


def test_a_rollout_is_followed_to_its_end(visit: Visit, figures: Figures, city: City) -> None:
    page = visit.open("/rollout?lang=en")
    expect(page.locator("#nothing")).to_be_visible()
    figures.rollout = rollout(city, 1.0)
    figures.tell("rollout", figures.rollout)
    expect(page.locator("#rollout-facts")).to_contain_text("running")
    expect(page.locator(".device[data-outcome=running]")).to_contain_text("push")
    figures.rollout = rollout(city, 60.0)
    figures.tell("rollout", figures.rollout)
    expect(page.locator("#rollout-facts")).to_contain_text("ended")
    ends = {
        "applied": "4",
        "unchanged": "1",
        "reverted": "1",
        "failed": "0",
        "unknown": "0",
        "running": "0",
        "waiting": "0",
    }
    for outcome, number in ends.items():
        expect(page.locator(f"#ends [data-outcome={outcome}] b")).to_have_text(number)
    assert visit.problems() == []


def test_a_lost_rollout_says_since_when_and_nothing_of_it_is_running(
    visit: Visit, figures: Figures, city: City
) -> None:
    figures.rollout = rollout(city, 1.0) | {"lost": "2026-11-26T03:03:00.000+00:00"}
    page = visit.open("/rollout?lang=en")
    expect(page.locator("#rollout-facts")).to_contain_text("lost since")
    expect(page.locator("#rollout-facts")).to_contain_text("1 devices in the middle")
    expect(page.locator("#ends [data-outcome=in-the-middle] b")).to_have_text("1")
    expect(page.locator(".device[data-outcome=in-the-middle]")).to_have_count(1)
    expect(page.locator(".device[data-outcome=running]")).to_have_count(0)
    expect(page.locator("#rollout h1")).to_have_attribute("data-outcome", "failed")
    expect(page.locator("#spans [data-outcome=in-the-middle]").first).to_contain_text("in the middle")
    expect(page.locator("#spans [data-outcome=running]")).to_have_count(0)
    figures.tell("rollout", rollout(city, 1.0) | {"waits": ["the rollout: it is paused"]})
    expect(page.locator("#rollout-waits")).to_have_text("Waits: the rollout: it is paused")
    expect(page.locator(".device[data-outcome=running]")).to_have_count(1)
    assert visit.problems() == []


def test_an_unconfirmed_device_is_said_at_its_school(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("#unconfirmed")).to_be_hidden()
    figures.change(SCHOOL, unconfirmed=1)
    expect(page.locator("#unconfirmed")).to_contain_text("nobody confirmed: 1")
    page = visit.open("/?lang=en&state=unconfirmed")
    expect(page.locator(".tile:visible")).to_have_count(1)
    assert visit.problems() == []


def test_steps_are_said_in_japanese(visit: Visit, figures: Figures, city: City) -> None:
    figures.rollout = rollout(city, 1.0)
    page = visit.open("/rollout?lang=ja")
    expect(page.locator(".device[data-outcome=running]")).to_contain_text("書き込み")
    page.locator("[data-level=device] .opener").first.click()
    expect(page.locator("[data-level=step] .span-text").first).to_have_text("読み取り")
    assert visit.problems() == []


def test_a_device_opens_to_its_steps_and_commands_by_keys(
    visits: Callable[..., Visit], figures: Figures, city: City
) -> None:
    figures.rollout = rollout(city, 60.0)
    page = visits().open("/rollout?lang=en")
    expect(page.locator("#spans tr")).to_have_count(13)
    opener = page.locator("[data-level=device] .opener").first
    opener.focus()
    page.keyboard.press("Enter")
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(page.locator("[data-level=step]")).to_have_count(5)
    page.locator("[data-level=step] .opener:not([hidden])").first.press("Enter")
    expect(page.locator("[data-level=command]").first).to_contain_text("ovs-vsctl")
    opener.press("Enter")
    expect(page.locator("[data-level=step]")).to_have_count(0)


def test_of_a_large_rollout_schools_are_opened_first(visit: Visit, figures: Figures, city: City) -> None:
    figures.rollout = large = rollout(city, 60.0)
    school = next(span for span in large["spans"] if span["level"] == "school")
    device = next(span for span in large["spans"] if span["level"] == "device")
    large["spans"] += [{**device, "id": f"more {n}", "parent": school["id"], "name": f"more-{n}"} for n in range(300)]
    known = large["waves"][1]["devices"][0]
    large["waves"][1]["devices"] += [{**known, "id": f"more-{n}", "outcome": "applied"} for n in range(300)]
    page = visit.open("/rollout?lang=en")
    expect(page.locator("#ends [data-outcome=applied] b")).to_have_text("304")
    assert page.locator(".device").count() < 200, "only those in view have elements"
    expect(page.locator(".device[aria-setsize='305']").first).to_be_visible()
    expect(page.locator("#spans tr")).to_have_count(7)
    page.locator("[data-level=school] .opener").first.click()
    expect(page.locator("#spans tr")).to_have_count(308)
    frame = page.locator(".device-frame").last
    frame.evaluate("(frame) => frame.scrollTo(0, frame.scrollHeight)")
    expect(frame.locator(".device[aria-posinset='305']")).to_be_visible()
    assert visit.problems() == []


MARKUP = "<img src=x onerror=alert(1)>"


def test_failed_devices_come_first_and_say_why(visit: Visit, figures: Figures, city: City) -> None:
    figures.rollout = failing = rollout(city, 60.0)
    failing["about"] = {"planner": "山田", "approvers": "佐藤"}
    devices = failing["waves"][1]["devices"]
    for device in devices[-2:]:
        device.update(outcome="failed", error=f"{device['id']}: the device refused {MARKUP}")
    page = visit.open("/rollout?lang=en")
    reasons = page.locator("#reasons li")
    expect(reasons).to_have_count(1)
    expect(reasons.first).to_contain_text(f"the device refused {MARKUP}")
    expect(reasons.first).to_contain_text(f"{devices[-2]['id']}, {devices[-1]['id']}")
    assert page.locator("#why img, .device img").count() == 0
    last = page.locator(".wave").last.locator(".device")
    assert [last.nth(n).get_attribute("data-outcome") for n in range(3)] == ["failed", "failed", "reverted"]
    expect(last.first).to_contain_text("the device refused")
    expect(page.locator("#rollout-about")).to_have_text("planned by 山田 · approved by 佐藤")
    page.locator("#ends [data-end=failed]").click()
    expect(page.locator(".device:visible")).to_have_count(2)
    page.locator("#device-search").fill(devices[-1]["id"])
    expect(page.locator(".device:visible")).to_have_count(1)
    page.locator("#device-search").fill("no such device")
    expect(page.locator("#no-devices")).to_be_visible()
    assert visit.problems() == []


def test_changes_are_taken_and_what_does_not_follow_is_fetched(visit: Visit, figures: Figures, city: City) -> None:
    figures.rollout = rollout(city, 1.0)
    page = visit.open("/rollout?lang=en")
    known = figures.rollout["waves"][1]["devices"][0]
    change = {**figures.rollout, "version": 1, "base": 0, "spans": []}
    change["waves"] = [{"name": "rest", "devices": [{**known, "outcome": "failed", "seconds": 2.0, "error": "why"}]}]
    figures.tell("rollout", change)
    expect(page.locator(".device[data-outcome=failed]")).to_contain_text("why")
    expect(page.locator("#ends [data-outcome=waiting] b")).to_have_text("4")
    figures.rollout = {**rollout(city, 60.0), "version": 7}
    figures.tell("rollout", {**change, "version": 7, "base": 6, "waves": []})
    expect(page.locator("#ends [data-outcome=applied] b")).to_have_text("4")


def test_an_older_rollout_can_be_chosen(visit: Visit, figures: Figures, city: City) -> None:
    figures.rollout = rollout(city, 1.0)
    figures.older["before"] = {**rollout(city, 60.0), "id": "before", "name": "the one before"}
    page = visit.open("/rollout?lang=en")
    expect(page.locator("#rollout-name")).to_have_text("closed.json")
    page.locator("#which").select_option("before")
    expect(page.locator("#rollout-name")).to_have_text("the one before")
    figures.tell("rollout", rollout(city, 2.0))
    page.reload()
    expect(page.locator("#rollout-name")).to_have_text("the one before")
    expect(page.locator("#which")).to_have_value("before")
    page.locator("#which").select_option("")
    expect(page.locator("#rollout-name")).to_have_text("closed.json")
    assert page.url.endswith("/rollout")


def test_a_rollout_that_is_not_kept_is_said_to_be_none_and_the_monitor_is_not_lost(
    visit: Visit, figures: Figures, city: City
) -> None:
    figures.rollout = rollout(city, 1.0)
    page = visit.open("/rollout?lang=en&id=pruned")
    expect(page.locator("#gone")).to_contain_text("No record of this rollout is kept.")
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    expect(page.locator("#unfetched")).to_have_text("")
    page.locator("#gone a").click()
    expect(page.locator("#rollout-name")).to_have_text("closed.json")


def test_a_rollout_that_could_not_be_fetched_is_asked_for_until_it_comes(
    visit: Visit, figures: Figures, city: City
) -> None:
    figures.rollout = rollout(city, 1.0)
    figures.older["before"] = {**rollout(city, 60.0), "id": "before", "name": "the one before"}
    page = visit.open("/rollout?lang=en")
    expect(page.locator("#which option[value=before]")).to_be_attached()
    figures.mute = True
    page.locator("#which").select_option("before")
    expect(page.locator("#unfetched")).to_contain_text("HTTP 503")
    figures.mute = False
    expect(page.locator("#rollout-name")).to_have_text("the one before")
    expect(page.locator("#unfetched")).to_have_text("")


@pytest.mark.parametrize("path", ["/", f"/schools/{SCHOOL}", "/rollout"])
def test_nothing_hangs_over_a_narrow_window(
    visits: Callable[..., Visit], figures: Figures, city: City, path: str
) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    figures.rollout = rollout(city, 4.5)
    page = visits(viewport={"width": 360, "height": 780}).open(f"{path}?lang=en")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_failed_fetch_is_told_with_since_when(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    told = page.locator("#unfetched")
    expect(told).to_have_text("")
    figures.mute = True
    figures.change(SCHOOL, drift=1)
    expect(told).to_contain_text("Figures could not be fetched since")
    expect(told).to_contain_text("HTTP 503")
    since = told.text_content()
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    with page.expect_response(f"**/api/schools/{SCHOOL}*"):
        pass
    assert told.text_content() == since
    figures.series[SCHOOL]["primary"]["latency"].append([datetime.now(UTC).timestamp(), 77.7])
    figures.mute = False
    expect(told).to_have_text("")
    expect(page.locator("[data-line=primary] [data-value=latency]")).to_have_text("77.7 ms")
