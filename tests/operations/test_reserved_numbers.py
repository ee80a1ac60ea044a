"""The ranges of numbers that operators reserve: refused at their line, and taken by the platform that has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.estates import load_estate_city
from controller.errors import ConfigRefused, OperationsRefused
from controller.model.sites.devices import Device
from controller.operations.operators_file import load_operations
from controller.operations.reserved_numbers import RtxNumbers
from controller.platforms.registry import load_platform, load_platform_of
from controller.platforms.yamaha_rtx import numbers
from tests.platforms.yamaha_rtx.rtx_states import small_school
from tests.policies import PolicyFolder

OWN = "numbers: {yamaha_rtx: {filters: 5000000, keepalives: 21, tunnels: 7}}\n"


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


def load_router(policies: PolicyFolder, folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Device:
    """Return the first RTX of a policy, as a command loads it by an operators' file."""
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(write(folder, text)))
    city = load_estate_city(policies.path)
    return next(one for school in city.schools for one in city.list_devices(school) if one.platform == "yamaha_rtx")


def test_a_device_is_written_and_read_by_the_ranges_that_its_estate_reserves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = PolicyFolder(tmp_path)
    name = "city/blueprints.yaml"
    policies.edit(name, "  frr: eth{n}\n", "  frr: eth{n}\n  yamaha_rtx: lan{n}\n")
    policies.edit(name, "{lot-1: frr, lot-2: frr}", "{lot-1: yamaha_rtx, lot-2: frr}")
    plain = load_platform_of(load_router(policies, tmp_path, monkeypatch, "plans: {}\n"))
    before = plain.render(small_school())
    own = load_platform_of(load_router(policies, tmp_path, monkeypatch, OWN))
    text = own.render(small_school())
    for line in ("ip filter 5000000 ", "keepalive 21", "tunnel select 8"):
        assert line in text
        assert line not in before
    assert own.parse(text, "x").state == small_school()
    with pytest.raises(ConfigRefused, match="takes what is reserved for ours"):
        own.parse("# RTX1220 Rev.15.04.05\nip filter 5020606 pass * * * * *\n", "x")
    # One estate's ranges are no other's: nothing of the process remembers them.
    assert plain.render(small_school()) == load_platform("yamaha_rtx").render(small_school()) == before
