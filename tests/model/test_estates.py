"""Two estates of one city: chosen when the policy is loaded, and asked for by nobody after that."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.virtual_city import VirtualCity, choose_estate, choose_virtual_city
from tests.policies import TODAY

ROOT = Path(__file__).resolve().parents[2]
OWN = ("controller/lab/", "controller/cli/", "controller/offline_google/", "controller/model/virtual_city.py")
HINTS = re.compile(r"tsunagu lab|--lab|virtual city")


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("controller", "monitoring", "stacks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith(OWN):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def named(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every parameter, field, variable, attribute and keyword argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def messages(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text that is no docstring."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def test_no_name_behind_the_command_line_asks_whether_it_is_the_lab() -> None:
    found = [
        f"{file}:{line} {name}"
        for file, tree in sources()
        for line, name in named(tree)
        if re.fullmatch(r"(is_)?(lab|virtual)(_devices)?", name)
    ]
    assert not found


def test_only_the_virtual_estate_speaks_of_the_virtual_city() -> None:
    found = [f"{file}:{line} {text}" for file, tree in sources() for line, text in messages(tree) if HINTS.search(text)]
    assert not found


def test_the_estate_is_chosen_at_loading(city: City) -> None:
    loaded = load_city(Path(city.directory), on=TODAY, estate=VirtualCity)
    assert isinstance(loaded, VirtualCity)
    assert loaded.digest == city.digest
    assert loaded.schools == city.schools
    assert [school.id for school in loaded.estate_schools] == list(city.virtual_estate.schools)
    assert city.estate_schools == city.schools


def test_a_device_knows_the_id_of_how_it_is_reached(city: City) -> None:
    school = city.school_by_id[city.virtual_estate.canary]
    switch, router = choose_virtual_city(city).list_devices(school)
    assert (switch.platform, router.platform) == (city.virtual_estate.platform, city.virtual_estate.router_platform)
    assert {switch.access, router.access} == {"virtual-city"}
    assert {device.access for device in city.list_devices(school)} == {city.settings.device_access.default}
    assert switch.management == city.list_devices(school)[0].management


@pytest.mark.parametrize("name", ["real", "virtual"])
def test_a_saved_name_leads_back_to_its_estate(city: City, name: str) -> None:
    found = choose_estate(city, "virtual" if name == "virtual" else "real")
    assert found.estate == name
    assert isinstance(found, VirtualCity) == (name == "virtual")
    assert found.digest == city.digest
