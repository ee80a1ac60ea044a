"""The JSON Schemas that editors complete policy files by: current, named in the files, and true of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from controller.model.loading.schema import FOLDER, build_schemas, get_schema_name
from controller.model.policy_files import POLICY_FILES
from tests.policies import SHIPPED
from tools.make_schemas import find_outdated

SCHEMAS = [file.name for file in POLICY_FILES if file.has_schema]
FILES = sorted((pattern, path) for pattern in SCHEMAS for path in SHIPPED.glob(pattern))


class AsEditors(yaml.SafeLoader):
    """YAML as a language server reads it: a date is text."""


AsEditors.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def validator(pattern: str) -> Draft202012Validator:
    schema: dict[str, Any] = json.loads((SHIPPED / FOLDER / get_schema_name(pattern)).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def messages(error: ValidationError) -> Iterator[str]:
    """An error and what lies behind it."""
    yield error.message
    for inner in error.context or ():
        yield from messages(inner)


def read(text: str) -> Any:  # noqa: ANN401 YAML
    return yaml.load(text, Loader=AsEditors)  # noqa: S506 a safe loader


def test_the_schemas_are_current() -> None:
    assert find_outdated() == [], "python -m tools.make_schemas writes them anew"
    assert len(build_schemas()) == len(SCHEMAS)


def test_every_policy_file_has_a_schema() -> None:
    assert {path for _, path in FILES} == set(SHIPPED.glob("**/*.yaml"))


@pytest.mark.parametrize(("pattern", "path"), FILES, ids=[str(path.relative_to(SHIPPED)) for _, path in FILES])
def test_a_shipped_file_is_valid_and_names_its_schema(pattern: str, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    key, _, place = text.splitlines()[0].partition("$schema=")
    assert key == "# yaml-language-server: "
    assert (path.parent / place).resolve() == (SHIPPED / FOLDER / get_schema_name(pattern)).resolve()
    assert [error.message for error in validator(pattern).iter_errors(read(text))] == []


@pytest.mark.parametrize(
    ("pattern", "old", "new", "expected"),
    [
        ("access/rules.yaml", "effect: permit", "effect: allow", "'allow' is not one of ['permit', 'forbid']"),
        (
            "access/rules.yaml",
            "purpose: ",
            "reason: ",
            "Additional properties are not allowed ('reason' was unexpected)",
        ),
        ("access/rules.yaml", "[tcp/80, tcp/443]", "[https]", "'https' does not match"),
        ("access/rules.yaml", "days: exam-days", "days: weekdays", "'weekdays' is not valid under any"),
        ("access/rules.yaml", "mfa: phishing-resistant", "mfa: strong", "'strong' is not valid under any"),
        ("access/flows.yaml", "carrier: pubsub", "carrier: usb", "'usb' is not valid under any"),
        ("access/people.yaml", "required: true", "needed: true", "Additional properties are not allowed ('needed'"),
        ("city/calendar.yaml", "terms:", "semesters:", "Additional properties are not allowed ('semesters'"),
        ("city/groups.yaml", "kinds: [elementary]", "kinds: [primary]", "'primary' is not one of"),
    ],
)
def test_what_an_editor_marks(pattern: str, old: str, new: str, expected: str) -> None:
    text = (SHIPPED / pattern).read_text(encoding="utf-8")
    assert old in text
    errors = [m for e in validator(pattern).iter_errors(read(text.replace(old, new, 1))) for m in messages(e)]
    assert any(expected in error for error in errors), errors
