"""The city view in a real browser."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from controller.integration.stage_change import StageSubject, change_stage
from controller.lab.state.processes import wait_until
from controller.model.city import City
from controller.model.policy_files import INTEGRATION
from controller.model.sites.stages import Stage
from tests.monitoring.page.conftest import Visit, opened
from tests.monitoring.page.figures import Figures
from tests.monitoring.page.serving import served

CANARY = "as-e04"
WATCH = """() => {
  window.touched = [];
  const everything = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver((records) => records.forEach(({ target }) => {
    const element = target.nodeType === 1 ? target : target.parentElement;
    window.touched.push(element?.closest("[data-school]")?.dataset.school ?? element?.closest("[id]")?.id ?? "?");
  })).observe(document.querySelector("#boards"), everything);
}"""


def tile(school: str) -> str:
    return f".tile[data-school={school}]"


def test_every_school_stands_once_on_its_ward_s_board(visit: Visit, figures: Figures) -> None:
    page = visit.open()
    shown = page.locator(".tile").evaluate_all(
        "(all) => all.map((t) => [t.dataset.school, t.closest('.board').querySelector('h2').id])"
    )
    assert sorted(map(tuple, shown)) == sorted((one["id"], f"ward-{one['ward']}") for one in figures.tiles.values())
    assert visit.problems() == []


def test_a_tile_tells_its_state_by_icon_text_and_colour(visit: Visit) -> None:
    page = visit.open("/?lang=en")
    told: dict[str, set[tuple[str, ...]]] = {}
    for state, *parts in page.locator(".tile:not([data-silent])").evaluate_all(
        "(all) => all.map((t) => [t.dataset.assessment, t.querySelector('.mark use').getAttribute('href'),"
        " t.querySelector('.word').textContent, getComputedStyle(t.querySelector('.word')).color])"
    ):
        told.setdefault(state, set()).add(tuple(parts))
    assert len(told) == 4
    assert all(len(ways) == 1 for ways in told.values())
    for column in zip(*(next(iter(ways)) for ways in told.values()), strict=True):
        assert len(set(column)) == 4, column


def test_a_cut_line_changes_its_tile_without_a_reload(visit: Visit, figures: Figures) -> None:
    page = visit.open()
    page.evaluate("window.same = true")
    page.evaluate(WATCH)
    figures.change(CANARY, lines={"primary": "down", "backup": "up"}, assessment="not-measured", measured_mbps=None)
    expect(page.locator(f"{tile(CANARY)}[data-down]")).to_contain_text("回線断", timeout=5000)
    expect(page.locator(f"{tile(CANARY)} .strand").first).to_have_attribute("data-state", "down")
    expect(page.locator(f"{tile(CANARY)} .strand").last).to_have_attribute("data-state", "up")
    expect(page.locator("#announcement")).to_contain_text("1")
    expect(page).to_have_title(re.compile(r"^✕1 "))
    assert page.evaluate("window.same")
    assert set(page.evaluate("window.touched")) == {CANARY}
    figures.change(CANARY, lines={"primary": "up", "backup": "up"})
    expect(page.locator(f"{tile(CANARY)}:not([data-down])")).to_contain_text("未測定")
    assert visit.problems() == []


def test_only_tiles_that_changed_are_touched(visit: Visit, figures: Figures) -> None:
    page = visit.open()
    page.evaluate(WATCH)
    figures.tell("tiles", list(figures.tiles.values()))
    figures.change("nh-j05", measured_mbps=figures.tiles["nh-j05"]["recommended_mbps"] * 1.3, assessment="meets")
    figures.change("nh-j06", measured_mbps=12.0, assessment="below")
    expect(page.locator(f"{tile('nh-j06')} .measured")).to_have_text("12")
    touched = set(page.evaluate("window.touched"))
    assert {"nh-j05", "nh-j06"} <= touched
    assert touched <= {"nh-j05", "nh-j06", "boards"} | set(page.evaluate(HEADS)), touched


HEADS = "[...document.querySelectorAll('.board-head [id]')].map((e) => e.id)"


def test_the_summary_counts_every_school(visit: Visit, figures: Figures) -> None:
    page = visit.open("/?lang=en&ward=asao")
    figures.change(CANARY, lines={"primary": "down", "backup": "unknown"}, drift=3)
    expect(page.locator("[data-filter=line-down] .figure-count")).to_have_text("1")
    counts = Counter(one["assessment"] for one in figures.tiles.values())
    counts["drift"] = sum(one["drift"] > 0 for one in figures.tiles.values())
    counts["silent"] = sum(one["silent"] for one in figures.tiles.values())
    for state, number in counts.items():
        figure = page.locator(f"[data-filter={state}]")
        assert figure.locator(".figure-count").text_content() == str(number)
        assert figure.locator(".figure-share").text_content() == f"{1000 * number // 176 / 10:.1f}%"


def test_a_share_is_rounded_down_and_of_bandwidth_a_dead_line_changes_none(visit: Visit, figures: Figures) -> None:
    page = visit.open("/?lang=en")
    figures.tiles = {school: {**one, "assessment": "meets", "silent": False} for school, one in figures.tiles.items()}
    figures.tell("tiles", list(figures.tiles.values()))
    share = page.locator("[data-filter=meets] .figure-share")
    expect(share).to_have_text("100.0%")
    figures.change(CANARY, lines={"primary": "down", "backup": "up"})
    expect(page.locator("[data-filter=line-down] .figure-count")).to_have_text("1")
    expect(share).to_have_text("100.0%")
    expect(page.locator("#whole")).to_have_text("176 schools (bandwidth and lines are counted apart)")
    figures.change(CANARY, assessment="below")
    expect(share).to_have_text("99.4%")


def test_filters_stay_in_the_address(visit: Visit, figures: Figures) -> None:
    page = visit.open("/")
    page.locator("#ward").select_option("tama")
    page.locator("[data-filter=below]").click()
    wanted = {one["id"] for one in figures.tiles.values() if one["ward"] == "tama" and one["assessment"] == "below"}
    shown = page.locator(".tile:visible")
    expect(shown).to_have_count(len(wanted))
    assert set(shown.evaluate_all("(all) => all.map((t) => t.dataset.school)")) == wanted
    page.reload()
    expect(shown).to_have_count(len(wanted))
    gone = next(iter(wanted))
    figures.change(gone, assessment="meets")
    expect(shown).to_have_count(len(wanted) - 1)
    page.locator("#clear").click()
    expect(shown).to_have_count(len(figures.tiles))
    page.locator("#search").fill("麻生第四小")
    expect(shown).to_have_count(1)
    page.locator("#search").fill("no such school")
    expect(page.locator("#nothing")).to_be_visible()


def test_every_school_is_reached_by_keys_alone(visit: Visit) -> None:
    page = visit.open("/?density=full")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    focused = "document.activeElement.closest('.tile')?.dataset.school"
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate(focused):
            break
    boards = page.locator(".board").evaluate_all(
        "(all) => all.map((b) => [...b.querySelectorAll('.tile')].map((t) => t.dataset.school))"
    )
    assert page.evaluate(focused) == boards[0][0]
    for key, school in (
        ("ArrowDown", boards[0][1]),
        ("ArrowRight", boards[1][1]),
        ("End", boards[1][-1]),
        ("ArrowLeft", boards[0][len(boards[1]) - 1]),
        ("Home", boards[0][0]),
        ("Tab", boards[1][-1]),
    ):
        page.keyboard.press(key)
        assert page.evaluate(focused) == school, key
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/schools/{boards[1][-1]}")


def test_keys_go_from_ward_to_ward_among_small_tiles(visit: Visit) -> None:
    page = visit.open("/?density=compact")
    places = page.locator(".tile").evaluate_all(
        "(all) => all.map((t) => [t.getBoundingClientRect().left, t.dataset.school])"
    )
    page.locator(".tile a").first.focus()
    # The ward's name takes the first place.
    below = next(n for n, (left, _) in enumerate(places) if n > 0 and left == places[0][0])
    for key, at in (("ArrowDown", below), ("ArrowRight", below + 1), ("ArrowLeft", below), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.closest('.tile').dataset.school") == places[at][1], key
    ward = places[-1][1]
    page.locator(f".tile[data-school={ward}] a").focus()
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.closest('.board').querySelector('h2').textContent") == "麻生区"


def test_keys_go_where_the_eye_goes_in_a_ward_alone(visit: Visit) -> None:
    page = visit.open("/?ward=asao")
    tiles = page.locator(".tile:visible")
    places = tiles.evaluate_all("(all) => all.map((t) => [t.getBoundingClientRect().left, t.dataset.school])")
    columns = len({left for left, _ in places})
    assert columns > 1
    tiles.first.locator("a").focus()
    for key, at in (("ArrowRight", 1), ("ArrowDown", 1 + columns), ("ArrowLeft", columns), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.closest('.tile').dataset.school") == places[at][1], key


def test_a_lost_monitor_is_told_plainly_and_found_again(visit: Visit, figures: Figures) -> None:
    page = visit.open("/?lang=en")
    expect(page.locator("#pulse")).to_contain_text("Live")
    figures.broken = True
    figures.hang_up()
    expect(page.locator("#lost")).to_contain_text("The connection to the monitor is lost. The figures are as of")
    expect(page.locator("#lost-age")).to_have_text(re.compile(r"[2-9] s old"), timeout=10_000)
    expect(page.locator("#pulse")).to_contain_text("Stopped")
    figures.tiles[CANARY] = {**figures.tiles[CANARY], "lines": {"primary": "down", "backup": "down"}}
    figures.broken = False
    expect(page.locator("html")).to_have_attribute("data-connection", "live", timeout=15_000)
    expect(page.locator("#lost")).to_have_text("")
    expect(page.locator(f"{tile(CANARY)}[data-down]")).to_be_visible()


def test_a_monitor_that_hangs_is_noticed(visit: Visit) -> None:
    visit.page.clock.install()
    page = visit.open("/?lang=en")
    page.clock.fast_forward(14_000)
    expect(page.locator("html")).to_have_attribute("data-connection", "live")
    page.clock.fast_forward(16_000)
    expect(page.locator("#lost-text")).to_contain_text("The connection to the monitor is lost")
    expect(page.locator("html")).to_have_attribute("data-connection", "live", timeout=15_000)


def test_language_and_theme_persist(visit: Visit) -> None:
    page = visit.open("/?ward=asao")
    page.locator("#language").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#ward")).to_have_value("asao")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    system = page.evaluate(ground)
    page.locator("#theme").click()
    page.locator("#theme").click()
    expect(page.locator("#theme")).to_contain_text("dark")
    dark = page.evaluate(ground)
    assert dark != system
    page = visit.open("/rollout")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.evaluate(ground) == dark
    page.locator("#theme").click()
    assert page.evaluate(ground) == system
    assert visit.problems() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_a_choice_the_page_follows_the_system(visits: Callable[..., Any], scheme: str) -> None:
    page = visits(color_scheme=scheme).open()
    light = page.evaluate(
        "getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g).map(Number)[0] > 128"
    )
    assert light is (scheme == "light")


def test_reduced_motion_moves_nothing(visits: Callable[..., Any], figures: Figures) -> None:
    page = visits(reduced_motion="reduce").open()
    figures.change(CANARY, lines={"primary": "down", "backup": "up"})
    expect(page.locator(f"{tile(CANARY)}[data-down]")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0


def test_no_request_leaves_the_monitor(visit: Visit, base: str, figures: Figures) -> None:
    for path in ("/", "/schools/as-e04", "/rollout"):
        visit.open(path)
    figures.change(CANARY, drift=1)
    assert wait_until(lambda: len(visit.requests) > 20, 5)
    assert [url for url in visit.requests if not url.startswith(f"{base}/")] == []
    assert visit.problems() == []


def test_schools_are_shown_by_their_stage(city: City, browser: Browser) -> None:
    wards = (StageSubject("ward", one.id) for one in city.wards)
    staged = reduce(lambda known, one: change_stage(known, one, Stage.COEXIST, by="課", since=None), wards, city)
    staged = change_stage(staged, StageSubject("ward", "asao"), Stage.INTEGRATED, by="課", since=None)
    figures = Figures(staged)
    with served(figures) as base, opened(browser, base) as visit:
        page = visit.open("/?lang=en")
        page.locator("#stage").select_option("integrated")
        shown = page.locator(".tile:not([hidden])")
        wanted = {one["id"] for one in figures.tiles.values() if one["ward"] == "asao"}
        expect(shown).to_have_count(len(wanted))
        assert {one.get_attribute("data-school") for one in shown.all()} == wanted
        assert page.url.endswith("stage=integrated")
        assert visit.problems() == []
        visit.open(f"/schools/{CANARY}?lang=en")
        expect(page.locator(".school-facts")).to_contain_text("stage of integration: integrated")


def test_without_stages_nobody_is_asked_for_one(city: City, browser: Browser) -> None:
    with served(Figures(city.replace_file(INTEGRATION))) as base, opened(browser, base) as visit:
        assert visit.open().locator("#stage").count() == 0
