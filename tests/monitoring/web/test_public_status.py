"""The page for everybody: a word a ward, and nothing that leads to a school."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any, cast

import pytest

from controller.errors import Origin
from controller.model.loading.load_city import load_city
from controller.model.sites.schools import Ward
from monitoring.city_state.needs import Need
from monitoring.city_state.school_tiles import Tile
from monitoring.web.public_status import StatusBoard, WardStatus, assess_wards
from tests.monitoring.feed import Feed, metrics, post
from tests.monitoring.login.beside import monitor_with
from tests.monitoring.running import POLICIES, monitor


def ward(name: str) -> Ward:
    return Ward.model_construct(origin=Origin("wards", 1), id=name, name=name)


def tile(school: str, of: str, need: str | None = None, heard: str = "now") -> Tile:
    return cast("Tile", {"id": school, "ward": of, "need": need, "heard": heard})


def assess(*tiles: Tile, needs: tuple[Need, ...] = ()) -> dict[str, str]:
    wards = [ward(name) for name in dict.fromkeys(one["ward"] for one in tiles)]
    return {one["ward"]: one["state"] for one in assess_wards(wards, tiles, needs)}


def several(of: str, count: int, **what: Any) -> list[Tile]:  # noqa: ANN401 as `tile` has it
    return [tile(f"{of}-{sorted(what.items())}-{number}", of, **what) for number in range(count)]


@pytest.mark.parametrize(
    ("tiles", "state"),
    [
        (several("a", 10), "well"),
        ([*several("a", 9), *several("a", 1, need="drift")], "well"),
        ([*several("a", 9), *several("a", 1, need="line-down")], "reduced"),
        ([*several("a", 9), *several("a", 1, need="cut-off")], "partly-out"),
        ([*several("a", 4), *several("a", 6, need="cut-off")], "out"),
        ([*several("a", 9), *several("a", 1, heard="silent")], "well"),
        ([*several("a", 8), *several("a", 2, heard="silent")], "unknown"),
        ([*several("a", 8), *several("a", 2, heard="never")], "unknown"),
        (several("a", 10, heard="silent"), "unknown"),
        ([*several("a", 2), *several("a", 8, heard="silent")], "unknown"),
        (several("a", 10, heard="silent", need="cut-off"), "out"),
        (several("a", 10, heard="silent", need="line-down"), "reduced"),
    ],
)
def test_a_word_is_said_of_several_schools_and_silence_makes_none_well(tiles: list[Tile], state: str) -> None:
    assert assess(*tiles) == {"a": state}


def test_a_slow_line_counts_also_where_something_else_is_more_urgent() -> None:
    tiles = [*several("a", 9), tile("s", "a", need="unconfirmed")]
    slow = Need("brown-out", "s", "primary", 1, None, None, stale=False)
    assert (assess(*tiles), assess(*tiles, needs=(slow,))) == ({"a": "well"}, {"a": "reduced"})


def test_small_wards_stand_together_and_never_for_one_or_two_schools() -> None:
    large = several("a", 5)
    assert assess(*large, *several("b", 2), tile("x", "c", need="cut-off")) == {"a": "well", "others": "partly-out"}
    # One school alone would be all the others: the next ward joins it.
    assert assess(*several("a", 9), *several("b", 4), tile("x", "c", need="cut-off")) == {
        "a": "well",
        "others": "partly-out",
    }
    assert assess(tile("x", "a"), tile("y", "b")) == {}
    assert assess(*several("a", 3)) == {"a": "well"}


def test_it_is_looked_at_once_a_minute_however_many_ask() -> None:
    looked: list[float] = []
    now = [100.0]

    def look() -> tuple[WardStatus, ...]:
        looked.append(now[0])
        return ({"ward": "a", "state": "well"},)

    board = StatusBoard(look, lambda: now[0])
    for seconds in (0, 1, 59.9, 60, 61, 119.9, 120):
        now[0] = 100.0 + seconds
        board.pages["ja"] = b"x" if board.renew_status().at and "ja" not in board.pages else b"y"
    assert looked == [100.0, 160.0, 220.0]


def test_it_is_shown_in_both_languages_without_a_script_and_names_no_school(tmp_path: Path, six: Feed) -> None:
    city = load_city(POLICIES)
    with monitor_with(tmp_path, "monitor:\n  public: status\n") as running:
        now = time.time()
        post(running.url, metrics(list(six.light(now)), now))
        themed = {"Cookie": "tsunagu_theme=dark"}
        pages = {one: running.ask(f"/public?lang={one}", headers=themed) for one in ("ja", "en")}
        status, headers, document = running.ask("/public.json")
        told = running.ask("/public", headers={"Accept-Language": "en-GB,en;q=0.9", "Cookie": "tsunagu_language=ja"})
    assert status == 200
    assert headers["cache-control"] == "public, max-age=60"
    found = json.loads(document)
    assert set(found) == {"at", "wards"}
    assert {one["ward"] for one in found["wards"]} <= {one.id for one in city.wards} | {"others"}
    assert all(set(one) == {"ward", "state"} for one in found["wards"])
    assert told[2] == pages["en"][2]
    for language, (status, headers, body) in pages.items():
        text = body.decode()
        assert (status, f'<html lang="{language}"' in text) == (200, True)
        assert "set-cookie" not in headers
        assert "data-theme" not in text, "who asks first chooses nothing for others"
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "<script" not in text
        assert len(body) < 20_000
        assert re.search(r"As of \d{4}-\d\d-\d\d \d\d:\d\d|\d\d:\d\d 現在", text)
        for school in city.schools:
            assert school.id not in text
            assert school.name not in text
        assert not re.search(r"\d", re.sub(r"<[^>]*>|&#39;|\d{4}-\d\d-\d\d \d\d:\d\d", "", text)), (
            "no figure but the time"
        )


def test_it_is_not_there_unless_the_operators_want_it(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db") as running:
        assert [running.ask(path)[0] for path in ("/public", "/public.json")] == [404, 404]
