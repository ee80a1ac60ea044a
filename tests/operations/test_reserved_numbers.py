"""The ranges of numbers that operators reserve: refused at their line, and taken by the platform that has them."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from controller.cli.estates import load_estate_city, load_operations_of
from controller.errors import ConfigRefused, OperationsRefused
from controller.operations.operators_file import load_operations
from controller.operations.reserved_numbers import RtxNumbers
from controller.platforms.registry import load_platform
from controller.platforms.yamaha_rtx import numbers
from controller.platforms.yamaha_rtx.driver import YamahaRtx
from tests.conftest import POLICIES
from tests.platforms.yamaha_rtx.rtx_states import small_school

OWN = "numbers: {yamaha_rtx: {filters: 5000000, keepalives: 21, tunnels: 7}}\n"


@pytest.fixture
def rtx(monkeypatch: pytest.MonkeyPatch) -> YamahaRtx:
    """The platform that every command uses; afterwards as before."""
    platform = cast("YamahaRtx", load_platform("yamaha_rtx"))
    monkeypatch.setattr(platform, "numbers", numbers.DEFAULT_NUMBERS)
    return platform


def write(folder: Path, text: str) -> Path:
    path = folder / "operations.yaml"
    path.write_text(f"format: 1\n{text}", encoding="utf-8")
    path.chmod(0o600)
    return path


def test_the_bounds_and_defaults_are_those_of_the_platform() -> None:
    assert RtxNumbers().model_dump() == {
        name: getattr(numbers.DEFAULT_NUMBERS, name) for name in ("filters", "keepalives", "tunnels")
    }
    last = RtxNumbers(filters=numbers.LARGEST_FILTER - numbers.FILTERS, keepalives=numbers.LARGEST_KEEPALIVE - 1)
    numbers.ReservedNumbers(**last.model_dump())
    for wrong in ({"filters": last.filters + 1}, {"keepalives": last.keepalives + 1}, {"tunnels": 0}):
        with pytest.raises(ValueError, match="reserved numbers"):
            numbers.ReservedNumbers(**wrong)


@pytest.mark.parametrize(
    "text",
    [
        "numbers: {yamaha_rtx: {filters: 0}}\n",
        "numbers: {yamaha_rtx: {filters: 17280533}}\n",
        "numbers: {yamaha_rtx: {keepalives: 100}}\n",
        "numbers: {yamaha_rtx: {tunnels: 0}}\n",
        "numbers: {yamaha_rtx: {filters: '16000000'}}\n",
        "numbers: {yamaha_rtx: {filter: 1}}\n",
        "numbers: {alaxala: {filters: 1}}\n",
    ],
)
def test_a_range_that_no_router_has_is_refused_at_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(OperationsRefused, match=r"operations\.yaml:2"):
        load_operations(write(tmp_path, text))


def test_commands_write_and_read_by_the_reserved_ranges(
    rtx: YamahaRtx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rtx.render(small_school())
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(write(tmp_path, OWN)))
    load_estate_city(POLICIES)
    text = rtx.render(small_school())
    for line in ("ip filter 5000000 ", "keepalive 21", "tunnel select 8"):
        assert line in text
        assert line not in before
    assert rtx.parse(text, "x").state == small_school()
    with pytest.raises(ConfigRefused, match="takes what is reserved for ours"):
        rtx.parse("# RTX1220 Rev.15.04.05\nip filter 5020606 pass * * * * *\n", "x")
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(write(tmp_path, "plans: {}\n")))
    load_operations_of("real", POLICIES)
    assert rtx.render(small_school()) == before
