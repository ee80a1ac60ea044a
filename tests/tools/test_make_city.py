from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import BaseModel

from controller.model.formats.number import take_format
from controller.model.policy_files import POLICY_FILES
from controller.model.sites.blueprints import Blueprint, BlueprintFile
from controller.model.sites.schools import CityFile, LabFile, School, SchoolFile
from controller.model.sites.stages import list_by_stage
from controller.model.yaml_source import read_yaml
from tools.make_city import KINDS, OUTPUT, SEED, WARDS, draw_city, main, ward_files, write_kanji

ROOT = Path(__file__).parents[2]
CITY = ROOT / "policies/city"
ANCHORS = (60, 120, 180, 280, 560, 770, 1_050, 1_400)
"""Pupils at the anchors of the recommended-bandwidth table."""

Model = TypeVar("Model", bound=BaseModel)


def read(path: Path, model: type[Model]) -> Model:
    (kind,) = [one for one in POLICY_FILES if issubclass(model, one.model)]
    document, _, unreadable = take_format(read_yaml(path, path.name), current=kind.format, readable_from=kind.format)
    assert unreadable is None
    value, problems = document.validate(model)
    assert not problems
    assert value is not None
    return value


@pytest.fixture(scope="module")
def city() -> CityFile:
    return read(CITY / "city.yaml", CityFile)


@pytest.fixture(scope="module")
def lab() -> LabFile:
    return read(CITY / "lab.yaml", LabFile)


@pytest.fixture(scope="module")
def schools() -> tuple[School, ...]:
    paths = sorted((CITY / "schools").glob("*.yaml"))
    return tuple(school for path in paths for school in read(path, SchoolFile).schools)


@pytest.fixture(scope="module")
def blueprints() -> tuple[Blueprint, ...]:
    return read(CITY / "blueprints.yaml", BlueprintFile).blueprints


def count_of(blueprint: Blueprint, role: str) -> int:
    return sum(group.managed for group in blueprint.devices if group.role == role)


def port_numbers(blueprint: Blueprint) -> Iterator[list[int]]:
    """The numbers of the ports of each device, by stage of integration."""
    for group in blueprint.devices:
        for there in list_by_stage(group.ports):
            yield [number for ports in there for number in range(ports.first, ports.last + 1)]


def test_the_committed_files_are_what_the_generator_writes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in (CITY / "schools").iterdir()}
    assert committed == ward_files(SEED)


def test_running_it_twice_leaves_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "schools"
    main(["--output", str(folder)])
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    main(["--output", str(folder)])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert first == {path.name: path.read_bytes() for path in (ROOT / OUTPUT).iterdir()}
    assert "elementary: 115 schools, 72,951 pupils" in capsys.readouterr().out


@pytest.mark.parametrize("seed", [SEED, 0, 1, 2])
def test_totals_are_exact_for_any_seed(seed: int) -> None:
    drawn = draw_city(seed)
    assert {kind.id: sum(s.pupils for s in drawn if s.kind is kind) for kind in KINDS} == {
        "elementary": 72_951,
        "junior-high": 29_265,
        "high": 4_662,
        "special-needs": 591,
    }
    assert all(s.kind.smallest <= s.pupils <= s.kind.largest or s.pupils in s.kind.fixed for s in drawn)


def test_another_seed_is_another_city() -> None:
    assert ward_files(SEED) != ward_files(SEED + 1)


def test_counts_of_schools_and_wards(schools: tuple[School, ...], city: CityFile) -> None:
    assert Counter(school.kind for school in schools) == {
        "elementary": 115,
        "junior-high": 52,
        "high": 5,
        "special-needs": 4,
    }
    assert {ward.id for ward in city.wards} == {ward.id for ward in WARDS} == {school.ward for school in schools}
    assert Counter(ward.lot for ward in city.wards) == {"lot-1": 5, "lot-2": 2}


def test_ids_names_and_numbers_are_given_once(schools: tuple[School, ...]) -> None:
    assert sorted(school.number for school in schools) == list(range(1, 177))
    assert len({school.id for school in schools}) == len({school.name for school in schools}) == 176
    assert all(school.name.startswith("仮・") for school in schools)


def test_a_school_stands_at_each_anchor_and_many_above_841(schools: tuple[School, ...]) -> None:
    sizes = [school.pupils for school in schools]
    assert set(ANCHORS) <= set(sizes)
    assert sum(size >= 841 for size in sizes) >= 20


def test_the_backup_line_is_of_another_kind(schools: tuple[School, ...]) -> None:
    assert all(len({line.kind for line in school.lines.by_name.values()}) == 2 for school in schools)
    kinds = {line.kind for school in schools for line in school.lines.by_name.values()}
    assert kinds == {"fixed-ip", "map-e", "ds-lite", "closed-vpn", "lte"}


def test_some_contracts_are_too_small_for_their_school(schools: tuple[School, ...]) -> None:
    # 408 Mbps is recommended for 280 pupils, and more for more.
    too_small = [s for s in schools if s.pupils >= 280 and s.lines.primary.mbps < 408]
    assert 5 <= len(too_small) <= len(schools) // 4


@pytest.mark.parametrize("kind", [kind.id for kind in KINDS])
def test_every_size_has_exactly_one_blueprint(kind: str, blueprints: tuple[Blueprint, ...]) -> None:
    ranges = sorted((b.pupils.at_least, b.pupils.at_most) for b in blueprints if kind in b.kinds)
    assert ranges[0][0] == 1
    assert ranges[-1][1] == 5000
    assert all(high + 1 == low for (_, high), (low, _) in pairwise(ranges))


def test_devices_of_the_city(schools: tuple[School, ...], blueprints: tuple[Blueprint, ...]) -> None:
    total = 0
    for school in schools:
        (blueprint,) = (one for one in blueprints if one.matches(school, None))
        total += sum(group.managed for group in blueprint.devices)
    assert 4_900 <= total <= 5_100
    assert 27 <= total / len(schools) <= 29


def test_each_lot_has_platforms_with_port_names(city: CityFile) -> None:
    file = read(CITY / "blueprints.yaml", BlueprintFile)
    groups = [group for blueprint in file.blueprints for group in blueprint.devices]
    assert {frozenset(group.platform) for group in groups} == {frozenset(ward.lot for ward in city.wards)}
    assert {name for group in groups for name in group.platform.values()} == set(file.port_names)
    assert all(pattern.format(n=1) != pattern.format(n=2) for pattern in file.port_names.values())


def test_the_parts_of_a_school_can_be_plugged_together(blueprints: tuple[Blueprint, ...]) -> None:
    for blueprint in blueprints:
        assert count_of(blueprint, "router") == count_of(blueprint, "core") == 1
        (core,) = (group for group in blueprint.devices if group.role == "core")
        (floor,) = (group for group in blueprint.devices if group.role == "floor")
        downlinks = next(ports for ports in core.ports if ports.faces == "hosts")
        wireless = next(ports for ports in floor.ports if ports.mode == "trunk" and ports.faces == "hosts")
        assert downlinks.last == floor.count
        assert count_of(blueprint, "access-point") <= floor.count * (wireless.last - wireless.first + 1)
        assert all(len(numbers) == len(set(numbers)) for numbers in port_numbers(blueprint))


def test_the_lab_is_six_varied_schools_of_the_city(
    lab: LabFile, city: CityFile, schools: tuple[School, ...], blueprints: tuple[Blueprint, ...]
) -> None:
    chosen = [school for school in schools if school.id in lab.schools]
    lots = {ward.id: ward.lot for ward in city.wards}
    assert len(chosen) == len(lab.schools) == 6
    assert lab.canary in lab.schools
    assert {lots[school.ward] for school in chosen} == {"lot-1", "lot-2"}
    assert {school.kind for school in chosen} == {kind.id for kind in KINDS}
    sizes = {one.id for one in blueprints for school in chosen if one.matches(school, None)}
    assert {"elementary-small", "elementary-large"} <= sizes
    assert all(len(host.id) <= 12 for host in lab.hosts)


def test_numbers_in_kanji() -> None:
    assert [write_kanji(number) for number in (1, 10, 11, 20, 45)] == ["一", "十", "十一", "二十", "四十五"]
