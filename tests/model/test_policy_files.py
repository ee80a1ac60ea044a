"""The table of policy files: one entry is all that a new file needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.errors import Origin, PolicyError
from controller.model.formats.migration import NUMBERED, Migration
from controller.model.loading.load_city import load_city
from controller.model.loading.rewrite_older_formats import find_policy_files
from controller.model.loading.schema import build_schemas
from controller.model.policy_files import OUTPUTS, POLICY_FILES, PREFIX_LISTS, RULES, SCHOOLS, PolicyFile
from controller.model.yaml_source import LocatedItem, StrictModel
from tests.policies import SHIPPED, TODAY, PolicyFolder


class Printer(LocatedItem):
    """An item of the toy file."""

    id: str
    pages: int


class PrinterFile(StrictModel):
    """A toy file, `city/printers.yaml`."""

    printers: tuple[Printer, ...]


PRINTERS = PolicyFile("city/printers.yaml", PrinterFile)
TABLE = (*POLICY_FILES, PRINTERS)
TEXT = "# Printers.\nformat: 1\nprinters:\n  - {id: p1, pages: 10}\n  - {id: p2, pages: 20}\n"


def said(policies: PolicyFolder) -> list[str]:
    with pytest.raises(PolicyError) as refused:
        load_city(policies.path, on=TODAY, table=TABLE)
    return [str(problem).replace(f"{policies.path}/", "") for problem in refused.value.problems]


def test_one_entry_gives_reading_origins_and_access_through_the_city(policies: PolicyFolder) -> None:
    policies.write(PRINTERS.name, TEXT)
    city = load_city(policies.path, on=TODAY, table=TABLE, shown_as="policies")
    first, second = city.files.get(PRINTERS).printers
    assert (first.pages, second.pages) == (10, 20)
    assert second.origin == Origin("policies/city/printers.yaml", 5)
    policies.path.joinpath(PRINTERS.name).unlink()
    assert city.digest != load_city(policies.path, on=TODAY).digest


def test_one_entry_gives_refusals_with_file_line_and_field(policies: PolicyFolder) -> None:
    assert said(policies) == ["city/printers.yaml:1: file is missing"]
    policies.write(PRINTERS.name, TEXT.replace("pages: 20", "pages: many"))
    (problem,) = said(policies)
    assert problem.startswith("city/printers.yaml:5: printers.1.pages: write a whole number in digits")
    policies.write(PRINTERS.name, TEXT.replace("format: 1", "format: 2"))
    (problem,) = said(policies)
    assert problem.startswith("city/printers.yaml:2: format: is of format 2; this release of Tsunagu knows formats up")


def test_one_entry_gives_a_schema_for_editors() -> None:
    made = build_schemas(TABLE)["printers.json"]
    assert list(made["properties"]) == ["format", "printers"]
    assert made["properties"]["format"]["const"] == 1
    assert len(build_schemas(TABLE)) == len(build_schemas()) + 1


def test_one_entry_gives_migration(policies: PolicyFolder) -> None:
    policies.write(PRINTERS.name, TEXT)
    assert policies.path / PRINTERS.name in dict(find_policy_files(policies.path, TABLE))
    assert policies.path / PRINTERS.name not in dict(find_policy_files(policies.path))


def test_an_optional_file_may_be_missing_and_a_default_stands_for_it(policies: PolicyFolder) -> None:
    nothing = PolicyFile("city/printers.yaml", PrinterFile, optional=True)
    city = load_city(policies.path, on=TODAY, table=(*POLICY_FILES, nothing))
    assert city.files.find(nothing) is None
    with pytest.raises(LookupError, match=r"city/printers\.yaml was not read"):
        city.files.get(nothing)
    default = PolicyFile("city/printers.yaml", PrinterFile, optional=True, default=PrinterFile(printers=()))
    assert load_city(policies.path, on=TODAY, table=(*POLICY_FILES, default)).files.get(default).printers == ()


def test_every_file_of_the_shipped_policy_is_of_exactly_one_kind() -> None:
    names = [
        str(path.relative_to(SHIPPED))
        for ending in ("yaml", "json")
        for path in SHIPPED.rglob(f"*.{ending}")
        if path.relative_to(SHIPPED).parts[0] != "schema"
    ]
    assert len(names) > len(POLICY_FILES)
    assert {name: sum(file.matches(name) for file in POLICY_FILES) for name in names} == dict.fromkeys(names, 1)


def test_names_of_a_kind() -> None:
    assert SCHOOLS.matches("city/schools/asao.yaml")
    assert not SCHOOLS.matches("city/schools/old/asao.yaml")
    assert not RULES.matches("rules.yaml")
    assert OUTPUTS.matches("stack-outputs/production.json")
    assert PREFIX_LISTS.name_for("drills") == "access/prefixes/drills.yaml"
    assert OUTPUTS.name_for("lab") == "stack-outputs/lab.json"


def test_contents_of_another_kind_are_no_contents(policies: PolicyFolder) -> None:
    city = policies.load()
    values = city.files.replace_file(RULES, city.files.get(RULES))
    assert values.get(RULES) is city.files.get(RULES)
    with pytest.raises(TypeError, match="CityFile stands where RuleFile should"):
        type(values)({RULES: (city.settings,)}).get(RULES)


def test_a_format_without_the_way_to_it_is_no_entry(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"formats 0 to 2 need one migration each, in order; given: \[0\]"):
        PolicyFile(str(tmp_path), PrinterFile, format=2)
    step = Migration(1, "nothing", str)
    assert PolicyFile("x.yaml", PrinterFile, format=2, migrations=(NUMBERED, step)).file_format.current == 2
    with pytest.raises(ValueError, match="no file can be read from format 3 on"):
        PolicyFile("x.yaml", PrinterFile, format=2, readable_from=3, migrations=(NUMBERED, step))
