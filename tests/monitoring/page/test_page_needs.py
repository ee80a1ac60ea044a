"""First what needs you: the list, what can be done there, and that it and every school are seen at one look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.monitoring.page.conftest import Visit
from tests.monitoring.page.figures import STARTED, Figures
from tests.monitoring.running import until

SCHOOL = "as-e04"
IN_VIEW = """() => [...document.querySelectorAll(".tile")].filter((tile) => {
  const { top, bottom, width, height } = tile.getBoundingClientRect();
  return width > 0 && height > 0 && top >= 0 && bottom <= innerHeight;
}).length"""
CUT_OFF = """() => [...document.querySelectorAll(".short-name, .board-head h2")].filter((one) => {
  const text = document.createRange();
  text.selectNodeContents(one);
  const [needs, has] = [text.getBoundingClientRect(), one.getBoundingClientRect()];
  return needs.width > has.width + 0.01 || needs.height > one.parentElement.clientHeight + 1;
}).map((one) => one.textContent)"""
"""Names that do not fit: of two cut ones nobody knows which is which."""
AREA = [{"kind": "ward", "name": "asao", "count": 3, "total": 23}]
DOWN = {"primary": "down", "backup": "down"}
BOTH = pytest.mark.parametrize("scheme", ["light", "dark"])


def trouble(figures: Figures) -> None:
    """Three schools of a ward are cut off, one line is down and was not heard since, and many are below."""
    for school in ("as-e01", "as-e02", "as-e03"):
        figures.change(school, lines=DOWN)
        figures.need("cut-off", school, patterns=AREA, causes=["area"])
    figures.change(SCHOOL, lines={"primary": "down", "backup": "up"})
    figures.need("line-down", SCHOOL, "primary", stale=True, heard=(STARTED + timedelta(minutes=5)).isoformat())
    for school, tile in figures.tiles.items():
        if tile["assessment"] == "below":
            figures.need("below", school, causes=["contract"])


def test_a_need_says_whom_since_when_why_and_what_next(visit: Visit, figures: Figures) -> None:
    trouble(figures)
    page = visit.open("/?lang=en")
    entries = page.locator(".need")
    assert [one.get_attribute("data-kind") for one in entries.all()] == ["cut-off", "line-down", "below"]
    first, second, third = entries.all()
    expect(first).to_contain_text("School cut off (all lines down) 3 schools")
    expect(first).to_contain_text("probably the area (same ward) · Asao Ward: 3 of 23 lines")
    expect(second).to_contain_text(figures.tiles[SCHOOL]["english"])
    expect(second).to_contain_text("since 26 Nov, 10:00")
    expect(second).to_contain_text("last heard 26 Nov, 10:05")
    expect(second).to_contain_text("the next step of line-down")
    expect(second.locator("code")).to_have_text(f"tsunagu measure --school {SCHOOL}")
    assert third.locator("a").count() >= 4
    expect(page.locator("#needs-count")).to_have_text("4")
    figures.needs.clear()
    figures.tell("needs", [])
    expect(page.locator("#needs-none")).to_have_text("Nothing needs you now.")
    assert visit.problems() == []


def test_a_lost_region_and_a_lost_rollout_say_which_and_nothing_empty_takes_room(
    visit: Visit, figures: Figures
) -> None:
    for kind, more in (("region-down", {"region": "tokyo", "count": 176}), ("rollout-lost", {"rollout": "filters"})):
        figures.need(kind, SCHOOL, causes=[])
        figures.needs[-1] |= {"school": None, **more}
    page = visit.open("/?lang=en")
    entries = page.locator(".need-what")
    expect(entries.first).to_contain_text("Region does not answer tokyo 176 schools")
    expect(entries.nth(1)).to_contain_text("Rollout lost filters")
    expect(entries.nth(1).locator("a")).to_have_attribute("href", "/rollout")
    assert page.locator(".needs .told").evaluate_all("all => all.map((one) => one.offsetHeight)") == [0, 0]
    assert visit.problems() == []


LARGEST = """() => {
  const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const sizes = [...document.querySelectorAll("body *")]
    .filter((one) => one.getClientRects().length > 0 && hasText(one))
    .map((one) => [parseFloat(getComputedStyle(one).fontSize), one.textContent.trim()]);
  const largest = Math.max(...sizes.map(([size]) => size));
  return sizes.filter(([size]) => size === largest).map(([, text]) => text);
}"""


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_first_need_is_the_largest_text_and_is_seen_without_scrolling(
    visits: Callable[..., Visit], figures: Figures, language: str, width: int
) -> None:
    figures.need("line-down", SCHOOL, "primary")
    figures.need("drift", "as-e05")
    page = visits(viewport={"width": width, "height": 800}).open(f"/?lang={language}")
    assert page.evaluate(LARGEST) == [figures.tiles[SCHOOL]["name" if language == "ja" else "english"]]
    lead = page.locator(".need[data-lead]")
    expect(lead).to_have_count(1)
    for part in (".need-since", ".need-step"):
        expect(lead.locator(part)).to_be_in_viewport(ratio=1)
    figures.needs[0]["quiet"] = figures.needs[1]["quiet"] = True
    figures.tell("needs", figures.needs)
    expect(lead).to_have_count(0)


def test_a_reader_s_clock_that_is_put_forward_or_back_says_nothing_of_the_monitor(
    visit: Visit,
) -> None:
    page = visit.open("/?lang=en")
    page.evaluate("""() => {
      window.lost = 0;
      new MutationObserver(() => { window.lost += document.documentElement.dataset.connection === "lost"; })
        .observe(document.documentElement, { attributes: true });
    }""")
    for hours in (1, -1):
        page.evaluate("(ms) => { const right = Date.now; Date.now = () => right() + ms; }", hours * 3_600_000)
        # The page looks at its connection every second, by a timer that began before this one.
        page.evaluate("""() => new Promise((done) => {
          let turns = 0;
          const timer = setInterval(() => (turns += 1) === 2 && done(clearInterval(timer)), 1000);
        })""")
    assert page.evaluate("window.lost") == 0
    assert visit.problems() == []


def test_nothing_heard_yet_says_what_to_start(visit: Visit, figures: Figures) -> None:
    figures.newest = None
    page = visit.open("/?lang=en")
    expect(page.locator("#never-heard")).to_contain_text("tsunagu measure --lab --all --watch")
    expect(page.locator("#needs-none")).to_be_hidden()
    expect(page.locator("#pulse")).to_contain_text("nothing measured yet")


@pytest.mark.parametrize("path", ["/", "/rollout", "/schools/as-e04"])
def test_the_clock_is_that_of_the_newest_measurement(visit: Visit, figures: Figures, path: str) -> None:
    page = visit.open(f"{path}?lang=en")
    expect(page.locator("#pulse time")).to_contain_text("newest measurement 10:00:00")
    expect(page.locator("#pulse time")).to_have_attribute("data-old", "")
    now = datetime.now(UTC)
    figures.newest = now.isoformat()
    figures.tell("clocks", {"newest_at": figures.newest, "skewed": []})
    expect(page.locator("#pulse time")).to_contain_text((now + timedelta(hours=9)).strftime("%H:%M:%S"))
    expect(page.locator("#pulse time[data-old]")).to_have_count(0)


def test_the_clock_of_a_silent_school_is_its_own(visit: Visit, figures: Figures) -> None:
    figures.newest = datetime.now(UTC).isoformat()
    page = visit.open("/schools/as-e04?lang=en")
    expect(page.locator("#pulse time[data-old]")).to_have_count(0)
    figures.change("as-e04", heard="silent", heard_at="2026-11-26T01:02:03.000+00:00")
    expect(page.locator("#pulse time")).to_contain_text("newest measurement 10:02:03")
    expect(page.locator("#pulse time")).to_have_attribute("data-old", "")
    figures.change("as-e04", heard="never", heard_at=None)
    expect(page.locator("#pulse time")).to_have_text("nothing measured yet")


@pytest.mark.parametrize(("wrong", "age", "old"), [(-600_000, 300, True), (600_000, 0, False)])
def test_how_old_the_newest_is_does_not_hang_on_the_readers_clock(
    visit: Visit, figures: Figures, *, wrong: int, age: int, old: bool
) -> None:
    figures.newest = (datetime.now(UTC) - timedelta(seconds=age)).isoformat()
    figures.need(
        "line-down", SCHOOL, "primary", since=(datetime.now(UTC) - timedelta(minutes=7, seconds=5)).isoformat()
    )
    visit.page.add_init_script(f"const right = Date.now; Date.now = () => right() + {wrong};")
    page = visit.open("/?lang=en")
    expect(page.locator("#pulse time[data-old]")).to_have_count(int(old))
    expect(page.locator(".need-since")).to_contain_text("7 min")


def test_the_command_is_copied(visits: Callable[..., Visit], figures: Figures) -> None:
    figures.need("line-down", SCHOOL, "primary")
    page = visits(permissions=["clipboard-read", "clipboard-write"]).open("/?lang=en")
    page.locator(".need-command button").click()
    expect(page.locator(".need-command button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == f"tsunagu measure --school {SCHOOL}"


def test_where_copying_is_not_allowed_the_command_is_selected(visit: Visit, figures: Figures) -> None:
    figures.need("line-down", SCHOOL, "primary")
    page = visit.open("/?lang=en")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not allowed')); }")
    button = page.locator(".need-command button")
    button.click()
    page.wait_for_function("getSelection().toString() !== ''")
    assert page.evaluate("getSelection().toString()") == f"tsunagu measure --school {SCHOOL}"
    expect(button).to_have_text("Copy")
    assert visit.problems() == []


@pytest.mark.parametrize("kind", ["acknowledge", "note", "maintenance"])
def test_what_is_done_is_recorded(visit: Visit, figures: Figures, kind: str) -> None:
    need = figures.need("line-down", SCHOOL, "primary")
    page = visit.open("/?lang=en")
    page.locator(".need-act button").click()
    page.locator("#need-kind").select_option(kind)
    page.locator("#need-by").fill("Sato")
    page.locator("#need-reason").fill("refuse this")
    page.locator("#need-form [type=submit]").click()
    expect(page.locator("#need-wrong")).to_have_text("Not recorded: it is refused")
    page.locator("#need-reason").fill("<b>called</b>")
    page.locator("#need-form [type=submit]").click()
    expect(page.locator("#need-dialog")).to_be_hidden()
    (path, body) = figures.asked[0]
    assert (body.pop("by"), body.pop("reason")) == ("Sato", "<b>called</b>")
    until = body.pop("until", None)
    assert (until is None) is (kind == "note")
    if until is not None:
        assert timedelta(0) < datetime.fromisoformat(until) - datetime.now(UTC) < timedelta(hours=1.1)
    wanted = {"school": SCHOOL, "line": "primary"} if kind == "maintenance" else {"need": need["id"]}
    assert body == wanted
    assert path == ("/api/maintenance" if kind == "maintenance" else f"/api/needs/{kind}")
    done = {"id": "1", "kind": kind, "at": until, "by": "Sato", "reason": "<b>called</b>", "starts": None}
    need["notes"] = [{**done, "until": until}]
    figures.tell("needs", figures.needs)
    expect(page.locator(".need-done")).to_contain_text("Sato")
    expect(page.locator(".need-done")).to_contain_text("<b>called</b>")
    # Chromium says so of every answer that is not 2xx.
    assert all("400" in one for one in visit.problems())


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_school_is_in_view_beside_the_list(visits: Callable[..., Visit], figures: Figures, language: str) -> None:
    trouble(figures)
    # What is told of senders stands above the list, and takes no room from the boards.
    figures.skewed = [{"sender": "probe/kw-e01", "seconds": 60.0}]
    visit = visits(viewport={"width": 1280, "height": 800})
    page = visit.open(f"/?lang={language}")
    assert page.evaluate(IN_VIEW) == len(figures.tiles) == 176
    expect(page.locator(".need").first).to_be_in_viewport()
    assert page.evaluate(CUT_OFF) == []
    page.locator("#ward").select_option("asao")
    expect(page.locator("#boards")).not_to_have_attribute("data-compact", "")
    assert visit.problems() == []


def luminance(colour: str, *, deutan: bool) -> float:
    """How light a colour is, 0 to 1; also as seen by somebody without green cones (Viénot 1999)."""
    parts = [float(one) / 255 for one in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    if deutan:
        red = green = 0.29275 * red + 0.70725 * green
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, *, deutan: bool) -> float:
    lighter, darker = sorted((luminance(one, deutan=deutan), luminance(other, deutan=deutan)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@BOTH
def test_the_alarm_stands_out_most_and_not_by_its_hue_alone(
    visits: Callable[..., Visit], figures: Figures, scheme: str
) -> None:
    trouble(figures)
    page = visits(color_scheme=scheme, viewport={"width": 1280, "height": 800}).open("/?lang=en")
    ground = read_colour(page, ".tile:not([data-down])", "backgroundColor")
    alarm = read_colour(page, ".tile[data-down]", "backgroundColor")
    others = [
        read_colour(page, f".tile[data-assessment={one}]:not([data-down], [data-silent]) .mark", "color")
        for one in ("below", "within-error", "not-measured")
    ]
    for deutan in (False, True):
        told = contrast(alarm, ground, deutan=deutan)
        assert told >= 4.5
        assert all(told > 1.3 * contrast(one, ground, deutan=deutan) for one in others), (told, others)
        ink = read_colour(page, ".tile[data-down] .short-name", "color")
        assert contrast(ink, alarm, deutan=deutan) >= 4.5


def read_colour(page: Page, selector: str, name: str) -> str:
    found: str = page.locator(selector).first.evaluate("(one, name) => getComputedStyle(one)[name]", name)
    return found


def test_a_wall_is_filled_and_turns_between_needs_and_wards(visits: Callable[..., Visit], figures: Figures) -> None:
    trouble(figures)
    visit = visits(viewport={"width": 3840, "height": 2160})
    visit.page.clock.install()
    page = visit.open("/?wall=1&lang=en")
    expect(page.locator(".need").first).to_be_visible()
    expect(page.locator("#boards")).to_be_hidden()
    assert page.locator("#needs").evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") > 48
    page.clock.fast_forward(20_000)
    expect(page.locator("#boards")).to_be_visible()
    assert page.evaluate(IN_VIEW) == 176
    assert page.locator("#boards").evaluate("(one) => one.getBoundingClientRect().bottom") > 0.8 * 2160
    assert page.locator(".short-name").first.evaluate("(one) => parseFloat(getComputedStyle(one).fontSize)") > 36
    still = visits(viewport={"width": 3840, "height": 2160}, reduced_motion="reduce").open("/?wall=1")
    expect(still.locator(".need").first).to_be_visible()
    until(lambda: bool(still.evaluate(IN_VIEW) == 176))


def test_twice_the_text_size_is_readable(visit: Visit, figures: Figures) -> None:
    trouble(figures)
    session = visit.page.context.new_cdp_session(visit.page)
    session.send("Page.enable")
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 32}})
    page = visit.open("/?lang=en")
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") == 28
    tile = page.locator(".tile[data-down]").first
    heights = tile.evaluate("(one) => [one.clientHeight, one.querySelector('.head').scrollHeight]")
    assert heights[0] >= heights[1] >= 28, heights
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_on_paper_there_is_nothing_to_press(visit: Visit, figures: Figures) -> None:
    trouble(figures)
    page = visit.open("/?lang=en")
    page.emulate_media(media="print")
    expect(page.locator(".need").first).to_be_visible()
    for hidden in ("#theme", ".filters", ".need-command button", "nav"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.locator(".needs").evaluate("(one) => getComputedStyle(one).maxHeight") == "none"


def test_a_fault_of_the_monitors_store_is_on_the_page_until_it_is_over(visit: Visit, figures: Figures) -> None:
    page = visit.open("/?lang=en")
    told = page.locator("#store")
    expect(told).to_have_text("")
    assert told.evaluate("(one) => one.offsetHeight") == 0
    figures.tell("store", {"moved_aside": None, "fault": "monitor.db: database or disk is full"})
    expect(told).to_contain_text("The monitor's store has a fault (monitor.db: database or disk is full)")
    figures.tell("store", {"moved_aside": None, "fault": None})
    expect(told).to_have_text("")
    assert visit.problems() == []


def test_a_store_that_was_moved_aside_and_wrong_clocks_are_told(visit: Visit, figures: Figures) -> None:
    figures.moved_aside = "monitor.db.damaged-20261126"
    figures.skewed = [
        {"sender": f"probe/{n}", "seconds": seconds} for n, seconds in enumerate((-3_600.0, 90.0, 7.0, 6.0))
    ]
    page = visit.open("/?lang=en")
    expect(page.locator("#moved-aside")).to_contain_text("It was moved to monitor.db.damaged-20261126")
    expect(page.locator("#skewed")).to_have_text(
        "Senders with a wrong clock: probe/0 is 60 min behind · probe/1 is 1 min ahead · probe/2 is 7 s ahead · "
        "and 1 more. Set their clocks (NTP)."
    )
    figures.tell("clocks", {"newest_at": figures.newest, "skewed": []})
    expect(page.locator("#skewed")).to_have_text("")


def test_a_need_leads_to_its_runbook(visit: Visit, figures: Figures) -> None:
    figures.need("line-down", SCHOOL, "primary")
    figures.need("below", SCHOOL, runbook=None)
    page = visit.open("/?lang=en")
    link = page.locator(".need[data-kind=line-down] .need-runbook a")
    expect(link).to_have_attribute("href", "/runbooks/line-down")
    expect(page.locator(".need[data-kind=below] .need-runbook")).to_have_count(0)


def test_what_most_schools_lack_is_one_need_with_their_number(visit: Visit, figures: Figures) -> None:
    figures.need("dns-down", "", count=170, causes=["dns"], runbook="/runbooks/dns-lost")["school"] = None
    page = visit.open("/?lang=en")
    expect(page.locator(".need-what")).to_contain_text("DNS does not answer to most schools 170 schools")
