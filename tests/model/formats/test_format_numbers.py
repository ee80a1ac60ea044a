"""The format number of a policy file: read, missing, too new, too old."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.errors import PolicyError
from controller.model.formats.migration import NUMBERED, Migration
from controller.model.loading.load_city import load_city
from controller.model.policy_files import POLICY_FILES, RULES
from controller.prove.lint.formats import find_older_formats
from tests.policies import TODAY, PolicyFolder

OUTPUTS = "stack-outputs/lab.json"


@pytest.fixture
def policies(tmp_path_factory: pytest.TempPathFactory) -> PolicyFolder:
    return PolicyFolder(tmp_path_factory.mktemp("formats"))


@pytest.mark.parametrize("name", ["access/rules.yaml", "city/schools/asao.yaml", "measurement.yaml"])
def test_a_newer_format_is_refused_by_name(policies: PolicyFolder, name: str) -> None:
    edit = policies.edit(name, "format: 1", "format: 7")
    (problem,) = policies.problems()
    assert problem.startswith(
        f"{name}:{edit.line}: format: is of format 7; this release of Tsunagu knows formats up to 1"
    )
    assert "install the release that wrote the file" in problem


def test_a_newer_format_is_refused_before_its_unknown_fields_are_complained_of(policies: PolicyFolder) -> None:
    policies.edit("access/rules.yaml", "format: 1", "format: 2\nconditions: []")
    assert ["format" in problem for problem in policies.problems()] == [True]


def test_newer_outputs_of_a_stack_are_refused_by_name(policies: PolicyFolder) -> None:
    policies.edit(OUTPUTS, '"format": 1', '"format": 2')
    (problem,) = policies.problems()
    assert problem.startswith(f"{OUTPUTS}:2: format: is of format 2")


@pytest.mark.parametrize("written", ["0", "-1", "true", "1.5", "one", '"1"', "[1]", "null"])
def test_what_is_no_number_is_refused(policies: PolicyFolder, written: str) -> None:
    edit = policies.edit("access/rules.yaml", "format: 1", f"format: {written}")
    (problem,) = policies.problems()
    assert problem.startswith(f"access/rules.yaml:{edit.line}: format: must be a whole number from 1 on")


def test_a_file_without_a_number_is_read_and_check_says_what_to_write(policies: PolicyFolder) -> None:
    assert list(find_older_formats(policies.load())) == []
    edit = policies.edit("access/rules.yaml", "format: 1\n", "")
    policies.edit(OUTPUTS, '  "format": 1,\n', "")
    city = policies.load()
    assert [(older.found, older.current) for older in city.files.older] == [(0, 1), (0, 1)]
    said = {str(one.origin).replace(f"{policies.path}/", ""): one.message for one in find_older_formats(city)}
    assert set(said) == {f"access/rules.yaml:{edit.line}", f"{OUTPUTS}:1"}
    assert "write `format: 1` here, or run: tsunagu migrate --write" in said[f"access/rules.yaml:{edit.line}"]
    assert 'write `"format": 1,` here' in said[f"{OUTPUTS}:1"]


def test_a_format_that_cannot_be_read_any_more_names_the_migration(policies: PolicyFolder) -> None:
    steps = (NUMBERED, Migration(1, "`rules` become `permits` and `forbids`", str))
    newer = replace(RULES, format=2, readable_from=2, migrations=steps)
    table = tuple(newer if file is RULES else file for file in POLICY_FILES)
    with pytest.raises(PolicyError) as refused:
        load_city(policies.path, on=TODAY, table=table)
    (problem,) = refused.value.problems
    assert problem.field == "format"
    expected = "is of format 1; this release reads 2 to 2; run: tsunagu migrate --write (`rules` become"
    assert problem.message.startswith(expected)
