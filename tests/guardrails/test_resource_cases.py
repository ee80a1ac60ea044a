"""Dangerous resources are stopped by the guardrail that is meant for them; proper ones by none."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi_gcp
import pytest

from controller.messages import load_catalogue
from stacks.guardrails.guardrail import UNKNOWN
from stacks.guardrails.pack import GUARDRAILS
from stacks.guardrails.resource_types import KNOWN_TYPES, find_known_type
from tests.guardrails.resource_cases import DANGEROUS, PROPER, Case

ROOT = Path(__file__).parents[2]
NAMED_BEFORE = 26, 7
"""Dangerous and proper resources of the issue; of each at least 60 more."""


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")


def list_inputs(token: str) -> frozenset[str]:
    """The inputs of a type in the provider's SDK, by the engine's names."""
    module, name = token.split(":")[1].partition("/")[0], token.rpartition(":")[2]
    with warnings.catch_warnings():
        # The SDK warns of its own old names as it is loaded.
        warnings.simplefilter("ignore", DeprecationWarning)
        known = getattr(pulumi_gcp, module, None)
        # The arguments of a type whose name a part of another one has, too, are called so.
        found = getattr(known, f"{name}InitArgs", None) or getattr(known, f"{name}Args", None)
    assert found is not None, f"the SDK has no {token}"
    taken = inspect.signature(found).parameters
    return frozenset(re.sub(r"_([a-z0-9])", lambda one: one[1].upper(), name.rstrip("_")) for name in taken)


@pytest.mark.parametrize("name", PROPER)
def test_what_is_proper_passes(name: str) -> None:
    assert PROPER[name].list_stops() == {}


@pytest.mark.parametrize("name", DANGEROUS)
def test_what_is_dangerous_is_stopped_by_its_guardrail(name: str) -> None:
    case = DANGEROUS[name]
    assert case.check(case.stops), case.list_stops()


@pytest.mark.parametrize("name", PROPER)
def test_nothing_is_stopped_for_what_is_not_known_yet(name: str) -> None:
    case = PROPER[name]
    for key in case.inputs:
        assert case.list_stops({**case.inputs, key: UNKNOWN}) == {}, key


@pytest.mark.parametrize("name", [name for name, case in DANGEROUS.items() if len(case.changed) == 1])
def test_what_is_unknown_in_a_preview_is_judged_when_it_is_known(name: str) -> None:
    case = DANGEROUS[name]
    assert case.check(case.stops, **{case.changed[0]: UNKNOWN}) == []


@pytest.mark.parametrize("name", [*PROPER, *(name for name, one in DANGEROUS.items() if one.stops != "known-types")])
def test_the_tables_are_of_inputs_that_the_provider_has(name: str) -> None:
    case = {**PROPER, **DANGEROUS}[name]
    if case.type.startswith("gcp:"):
        assert set(case.inputs) <= list_inputs(case.type), case.type


def test_there_are_sixty_more_of_each_and_every_guardrail_has_some() -> None:
    dangerous, proper = NAMED_BEFORE
    assert len(DANGEROUS) >= dangerous + 60
    assert len(PROPER) >= proper + 60
    assert {case.stops for case in DANGEROUS.values()} == {one.name for one in GUARDRAILS if one.stops}


def test_the_list_is_of_types_and_inputs_that_the_provider_has() -> None:
    for kind, known in KNOWN_TYPES.items():
        module, name = kind.split(".")
        inputs = list_inputs(f"gcp:{module}/x:{name}")
        for path in (*known.places, known.beside, known.labels, known.key):
            assert not path or re.split(r"[.\[]", path)[0] in inputs, (kind, path)
        placed = inputs & {"region", "location", "zone"}
        assert not placed or known.places or known.beside or known.also or known.refused, (kind, placed)


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("name", DANGEROUS)
def test_every_violation_can_be_said(name: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}_XX.UTF-8")
    case = DANGEROUS[name]
    for said in case.check(case.stops):
        assert bool(re.search("[ぁ-ん]", said)) == (language == "ja"), said


def test_every_message_is_said_by_some_guardrail() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "stacks/guardrails").glob("*.py"))
    keys = {key.partition(".")[2] for key in load_catalogue("en").texts if key.startswith("guardrails.")}
    assert {key for key in keys if not key.startswith("rule-") and f'"{key}"' not in code} == set()
    assert {key.removeprefix("rule-") for key in keys if key.startswith("rule-")} == {one.name for one in GUARDRAILS}


def test_a_type_that_is_not_on_the_list_says_how_to_add_it() -> None:
    (said,) = Case("gcp:notebooks/instance:Instance", {}).check("known-types")
    assert "add a line (places, labels, key) to KNOWN_TYPES in stacks/guardrails/resource_types.py" in said
    assert find_known_type("notebooks.Instance") is None


def grants(*members: str) -> dict[str, Any]:
    return {"bucket": "school-lab-files", "role": "roles/storage.objectViewer", "members": list(members)}


def test_a_member_that_is_not_known_hides_no_other() -> None:
    case = Case("gcp:storage/bucketIAMBinding:BucketIAMBinding", {**grants("allUsers"), "role": UNKNOWN})
    assert case.check("named-access")
    assert case.check("named-access", members=[UNKNOWN, "allUsers"])
    assert not case.check("named-access", members=[UNKNOWN])


ODD: tuple[Any, ...] = (None, [], {}, True, 5, "²", [None], [[]], [UNKNOWN])
"""What stands in the place of anything else: no guardrail may fail at it, whoever else refuses it."""


def list_places(value: object, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield (*place, key)
        yield from list_places(item, (*place, key))


def put_in(value: Any, place: tuple[Any, ...], item: object) -> Any:  # noqa: ANN401 any JSON
    """A value with something else at a place."""
    if not place:
        return item
    changed = value.copy()
    changed[place[0]] = put_in(value[place[0]], place[1:], item)
    return changed


@pytest.mark.parametrize("name", PROPER)
def test_no_guardrail_fails_at_what_has_an_odd_form(name: str) -> None:
    case = PROPER[name]
    for place in list_places(case.inputs):
        for odd in ODD:
            case.list_stops(put_in(case.inputs, place, odd))
