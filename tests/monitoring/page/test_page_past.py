"""The past of a school in a real browser: availability, paths, services, outages, and what is not known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.monitoring.page.conftest import Visit
from tests.monitoring.page.figures import Figures

SCHOOL = "as-e04"


def read_rows(page: Page, table: str) -> list[list[str]]:
    rows: list[list[str]] = page.locator(f"[data-table={table}] tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return rows


def test_availability_tells_what_is_not_known_apart(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=lines] tbody tr")).to_have_count(2)
    # Of an hour 48 minutes up and 6 down are 88.88% of what is known; the rest is neither.
    assert read_rows(page, "lines") == [
        ["Primary line", "88.88%", "6 min", "10.0%", "1"],
        ["Backup line", "100.00%", "\N{EN DASH}", "0.0%", "0"],
    ]
    [first, *_] = read_rows(page, "paths")
    heads = page.locator("[data-table=paths] thead th").all_text_contents()
    assert len(first) == len(heads)
    told = dict(zip(heads, first, strict=True))
    rate = figures.pasts[SCHOOL]["paths"][0]["download"]
    wanted = figures.tiles[SCHOOL]["recommended_mbps"]
    assert told["Line, region, IP"] == "Primary line · Tokyo · IPv4"
    assert told["Mean download, Mbit/s (of contract)"] == f"{rate:,.1f} ({int(rate / 10)}%)"
    assert told["Mean download, Mbit/s (of recommended)"].endswith(f"({int(100 * rate / wanted)}%)")
    assert told["Mean upload, Mbit/s (of recommended)"].startswith(f"{rate * 0.6:,.1f} (")
    assert (told["Mean jitter, ms"], told["Loss"]) == ("0.6", "1.2%")
    assert read_rows(page, "paths")[1][4:8] == ["\N{EN DASH}"] * 4
    assert [row[0] for row in read_rows(page, "services")] == [
        "DNS · Primary line · IPv4",
        "HTTP · Primary line · IPv4",
    ]
    assert len(read_rows(page, "outages")) == 1
    assert visit.problems() == []


def test_a_strip_shows_where_a_line_was_down_and_where_nothing_is_known(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    bar = page.locator(".strip[data-line=primary] .strip-bar")
    expect(bar.locator("i")).to_have_count(2)
    shown = bar.evaluate(
        "(bar) => [...bar.children].map((one) => [one.dataset.state, "
        "Math.round((100 * one.offsetLeft) / bar.clientWidth), Math.round((100 * one.offsetWidth) / bar.clientWidth)])"
    )
    assert [state for state, _, _ in shown] == ["down", "unknown"]
    assert all(
        abs(found - wanted) <= 2
        for row, wants in zip(shown, ((62, 10), (10, 10)), strict=True)
        for found, wanted in zip(row[1:], wants, strict=True)
    ), shown
    expect(bar).to_have_attribute(
        "aria-label", "Primary line: up for 88.88% of the known time, outages: 1, not known for 10.0%"
    )


def test_nothing_known_is_neither_up_nor_down(visit: Visit) -> None:
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=lines] tbody tr")).to_have_count(2)
    assert read_rows(page, "lines")[0] == ["Primary line", "not known", "\N{EN DASH}", "100.0%", "0"]
    expect(page.locator("[data-table=paths]")).to_be_hidden()
    expect(page.locator("#no-outages")).to_be_visible()


def test_the_charts_are_of_one_path_where_one_is_chosen(visit: Visit, figures: Figures) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    assert "region" not in figures.fetched[-1]
    with page.expect_response(lambda answer: "region=osaka" in answer.url):
        page.locator("#path").select_option(label="Osaka · IPv6")
    assert {name: figures.fetched[-1][name] for name in ("region", "family")} == {"region": "osaka", "family": "ipv6"}


@pytest.mark.parametrize("width", [1280, 390])
def test_the_past_hangs_over_no_window(visits: Callable[..., Visit], figures: Figures, width: int) -> None:
    figures.past(SCHOOL, datetime.now(UTC))
    page = visits(viewport={"width": width, "height": 800}).open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=paths] tbody tr")).to_have_count(8)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_each_device_tells_how_its_last_rollout_ended_the_bad_ones_first(visit: Visit, figures: Figures) -> None:
    last = {"rollout": "1" * 32, "started": "2026-11-26T01:00:00+00:00", "error": None}
    figures.devices[SCHOOL] = [
        {"id": "r1", "role": "router", "platform": "vyos", "last": {**last, "outcome": "applied"}},
        {"id": "c1", "role": "core", "platform": "arista_eos", "last": None},
        {
            "id": "f1",
            "role": "floor",
            "platform": "catalyst",
            "last": {**last, "outcome": "failed", "error": "<no answer>"},
        },
        {"id": "f2", "role": "floor", "platform": "catalyst", "last": {**last, "outcome": None}},
    ]
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=devices] tbody tr")).to_have_count(4)
    assert [[row[0], *row[3:]] for row in read_rows(page, "devices")] == [
        ["f1", "26 Nov, 10:00:00", "failed", "<no answer>"],
        ["f2", "26 Nov, 10:00:00", "not heard to have ended", ""],
        ["r1", "26 Nov, 10:00:00", "applied", ""],
        ["c1", "no rollout is kept", "\N{EN DASH}", ""],
    ]


def test_names_are_those_of_the_readers_language(visit: Visit, figures: Figures) -> None:
    school = figures.city.school_by_id[SCHOOL]
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("h1")).to_have_text("Provisional Asao No. 4 Elementary School")
    assert page.locator("h1").get_attribute("lang") == "en"
    page = visit.open("/?lang=en")
    expect(page.locator(f"[data-school={SCHOOL}] .name")).to_have_text(school.english or "")
    expect(page.locator(f"[data-school={SCHOOL}] .short-name")).to_have_text("Asao 4 E")
    page.locator("#search").fill("no. 4 elementary")
    expect(page.locator(".tile:visible")).to_have_count(7)
    page = visit.open("/?lang=ja")
    expect(page.locator(f"[data-school={SCHOOL}] .name")).to_have_text(school.name)


def test_without_an_english_name_the_japanese_one_is_shown_as_japanese(visit: Visit, figures: Figures) -> None:
    figures.tiles[SCHOOL]["english"] = None
    page = visit.open("/?lang=en")
    name = page.locator(f"[data-school={SCHOOL}] .name")
    expect(name).to_have_text("仮・麻生第四小学校")
    expect(name).to_have_attribute("lang", "ja")


def test_a_task_that_nobody_sent_says_what_sends_it_and_is_never_well(visit: Visit, figures: Figures) -> None:
    long_ago = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    figures.tasks = [
        {"task": "backup-create", "command": "tsunagu backup create", "good_at": long_ago, "bad_at": None},
        {"task": "prove", "command": "tsunagu prove", "good_at": None, "bad_at": None},
    ]
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=tasks] tbody tr")).to_have_count(4)
    backup, proofs, guideline, *unsent = read_rows(page, "tasks")
    assert guideline[1:] == proofs[1:]
    assert backup[0] == "Backup of the controller's state"
    assert backup[1].endswith("(40 days ago)")
    assert proofs == ["Proofs", "not sent by anyone yet: `tsunagu prove` sends it", "\N{EN DASH}"]
    assert {row[1] for row in unsent} == {"the RADIUS servers count them, and no command of this release reads that"}


def test_a_certificate_says_until_when_it_is_good_and_stale_is_never_well(visit: Visit, figures: Figures) -> None:
    now = datetime.now(UTC)

    def certificate(name: str, days: float | None, state: str, *, stale: bool = False) -> dict[str, object]:
        ends = None if days is None else (now + timedelta(days=days, hours=1)).isoformat()
        heard = None if days is None else (now - timedelta(days=3)).isoformat()
        known = {"certificate": name, "state": state, "ends_at": ends, "heard_at": heard, "stale": stale}
        return {**known, "command": "tsunagu run"}

    figures.certificates = [
        certificate("monitor", 400, "good"),
        certificate("radius-server", 6, "critical"),
        certificate("radius-authority", -3, "ended"),
        certificate("netbox", 400, "good", stale=True),
        certificate("measuring-endpoint", None, "unknown"),
    ]
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=tasks] tbody tr")).to_have_count(7)
    _, own, server, authority, netbox, endpoint, *_ = read_rows(page, "tasks")
    assert (own[0], own[2]) == ("Certificate: the monitor's TLS", "\N{EN DASH}")
    assert own[1].startswith("until ")
    assert own[1].endswith("(400 days left)")
    assert server[1] == authority[1] == netbox[1] == "\N{EN DASH}", "these are not well"
    assert server[2].endswith("(6 days left)")
    assert authority[2].startswith("ended ")
    assert netbox[2].endswith("nobody tells of it any more")
    assert endpoint[1:] == [
        "not told by anyone yet: `tsunagu run` tells it if the operators' file names it",
        "\N{EN DASH}",
    ]


@pytest.mark.parametrize(
    ("changed", "well", "says"),
    [
        ({}, True, "9 hold, 0 differ, 6 not judged (policy 607d9d0512e6, "),
        ({"differs": 1}, False, "9 hold, 1 differ, 6 not judged"),
        ({"stale": True}, False, "old: run `tsunagu prove` again"),
        ({"is_own_policy": False}, False, "of another policy than this monitor's"),
    ],
)
def test_the_guideline_is_well_where_no_clause_differs_lately_and_in_the_monitors_policy(
    visit: Visit, figures: Figures, changed: dict[str, object], says: str, *, well: bool
) -> None:
    heard = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    told = {"holds": 9, "differs": 0, "not_judged": 6, "policy": "607d9d0512e6", "is_own_policy": True}
    figures.guideline = {**told, "heard_at": heard, "stale": False, **changed}
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("[data-table=tasks] tbody tr")).to_have_count(2)
    name, good, bad = read_rows(page, "tasks")[0]
    assert name == "Clauses of the guideline"
    assert says in (good if well else bad)
    assert (bad if well else good) == "\N{EN DASH}"


def test_a_certificate_that_ends_is_a_need_that_names_it_and_its_end(visit: Visit, figures: Figures) -> None:
    ends = (datetime.now(UTC) + timedelta(days=6, hours=1)).isoformat()
    figures.need("certificate-critical", SCHOOL, causes=[])
    figures.needs[-1] |= {"school": None, "certificate": "radius-server", "ends": ends}
    page = visit.open("/?lang=en")
    entry = page.locator(".need-what")
    expect(entry).to_contain_text("Certificate ends within days or has ended 802.1X (RADIUS) servers until ")
    expect(entry).to_contain_text("(6 days left)")
    assert visit.problems() == []


def test_the_school_says_what_it_needs_and_what_to_do(visit: Visit, figures: Figures) -> None:
    page = visit.open(f"/schools/{SCHOOL}?lang=en")
    expect(page.locator("#needs")).to_be_hidden()
    figures.need("line-down", SCHOOL, "primary")
    figures.need("line-down", "as-e01", "primary")
    expect(page.locator(".need")).to_have_count(1)
    expect(page.locator(".need .need-step")).to_have_text("Next step: the next step of line-down")
    expect(page.locator(".need code")).to_have_text(f"tsunagu measure --school {SCHOOL}")
    page.locator(".need-act button").click()
    expect(page.locator("#need-title")).to_have_text("Line down Provisional Asao No. 4 Elementary School")
    page.locator("#need-cancel").click()
    figures.needs.clear()
    figures.tell("needs", [])
    expect(page.locator("#needs")).to_be_hidden()
    assert visit.problems() == []
