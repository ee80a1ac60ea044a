"""Every text of a model has a character class, and none of them lets markup, templates or hidden characters through.

Seen before: `user: "{{ lookup('pipe', ...) }}"` in the city file ran as root in the backup playbook.
"""

from __future__ import annotations

import importlib
import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from controller.errors import Origin
from controller.inputs.character_classes import NAME_CHARACTERS, Name, PortPattern, Sentence, ShownText
from controller.inputs.shown_text import escape_controls
from controller.model.network.packets import Service
from controller.model.yaml_source import StrictModel
from tests.policies import PolicyFolder

ROOT = Path(__file__).parents[2]
NO_INPUT = {
    "controller.lab": "the virtual city's own values: made and read by this program in its own state folder",
    "controller.messages": "the message catalogue, a part of the program",
    "controller.plan": "a plan: what it holds is derived and proved again, and shown only through the last escape",
    "controller.rollout.armed_notes": "the controller's own note of a restore, compared and parsed as a state",
}
"""Packages whose models hold nothing that somebody else wrote."""
MARKUP_STAYS = (
    "controller.cloud.iam_drift.exported_policies._Condition.expression.",  # Google's: compared, shown, never used
    "controller.integration.computers.computer_counts.SeenComputers.unread.1",  # of a device: cut, shown, never used
    "controller.measure.probes.throughput_probe._Told.error.",  # what a server said: cut, shown, never used
    "controller.operations.device_access.CredentialSource.command.",  # the operators' own; no shell reads it
    "controller.operations.anchors.",  # the controller's own store, from names that were checked
    "controller.operations.applied_policies.",
)
ADVICE = "give it a class of controller.inputs.character_classes"
HOSTILE = (
    *("{{ lookup('pipe', 'id') }}", "{{x}}", "{%x%}", "{#x#}", "{{"),
    *("\x1b[2J", "\x00", "\n", "\r", "\x07", "\x7f", "\x85", "\x9b2J"),
    *("\u202e", "\u2066", "\u200e", "\u061c", "\u2028", "\u2029", "\ufeff", "\u200b", "\U000e0041"),
    *("<script>", "${HOME}", "`id`"),
)
BASES = ("", "a", "db-a", "/a", "Eth{n}", "x.example", "7", "asia-northeast1-docker.pkg.dev/a", "a" * 40, "*")


MAKES_MODELS = re.compile(r"\bpydantic\b|\bStrictModel\b|\bLocatedItem\b")


def list_models() -> list[type[BaseModel]]:
    for top in ("controller", "stacks", "monitoring", "policies"):
        for path in (ROOT / top).rglob("*.py"):
            # The others would load every resource of the cloud's provider.
            if MAKES_MODELS.search(path.read_text(encoding="utf-8")):
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = set(list_subclasses(BaseModel))
    ours = [one for one in found if one.__module__.split(".")[0] in ("controller", "stacks", "monitoring", "policies")]
    inputs = [one for one in ours if not one.__module__.startswith(tuple(NO_INPUT))]
    return sorted(inputs, key=lambda one: (one.__module__, one.__qualname__))


def list_subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from list_subclasses(one)


def find_texts(annotation: Any, metadata: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 any type form
    """The metadata of each `str` inside a type."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *own = get_args(annotation)
        yield from find_texts(inner, (*metadata, *own))
    elif annotation is str:
        yield metadata
    elif origin is not Literal:
        kept = metadata if origin is types.UnionType or "Union" in str(origin) else ()
        for argument in get_args(annotation):
            yield from find_texts(argument, kept)


MODELS = list_models()
TEXTS = {
    f"{model.__module__}.{model.__qualname__}.{name}.{number}": metadata
    for model in MODELS
    for name, field in model.model_fields.items()
    for number, metadata in enumerate(find_texts(field.annotation, tuple(field.metadata)))
}


def build_adapter(metadata: tuple[Any, ...]) -> TypeAdapter[str]:
    built: TypeAdapter[str] = TypeAdapter(Annotated[str, *metadata] if metadata else str)
    return built


def test_the_walk_finds_the_models_and_their_texts() -> None:
    assert len(MODELS) > 70
    assert len(TEXTS) > 100
    assert "controller.model.sites.schools.School.name.0" in TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_of_a_model_takes_what_another_language_would_read(name: str) -> None:
    adapter = build_adapter(TEXTS[name])
    for base in BASES:
        for hostile in HOSTILE:
            for text in (f"{base}{hostile}", f"{hostile}{base}", f"{base}{hostile}{base}"):
                try:
                    taken = adapter.validate_python(text)
                except ValidationError:
                    continue
                assert escape_controls(taken) == taken, f"{name} takes {text!r}: {ADVICE}"
                assert taken != text or name.startswith(MARKUP_STAYS), f"{name} takes {text!r}: {ADVICE}"


@pytest.mark.parametrize("name", TEXTS)
def test_every_text_of_a_model_has_a_greatest_length(name: str) -> None:
    adapter = build_adapter(TEXTS[name])
    for base in ("a", "db-a", "/a", "7", "Eth{n}", "x.example", "asia-northeast1-docker.pkg.dev/a"):
        try:
            taken = adapter.validate_python(base + "a" * 20_000)
        except ValidationError:
            continue
        assert len(taken) <= 2_000, name


def test_no_number_of_a_model_is_without_bounds() -> None:
    """A number that is counted up to, multiplied or written: 10^20 of anything is an attack."""
    unbounded = []
    for model in MODELS:
        for name, field in model.model_fields.items():
            if field.annotation in (int, float) and not {"Le", "Lt"} & {type(one).__name__ for one in field.metadata}:
                unbounded.append(f"{model.__qualname__}.{name}")
    assert not unbounded


def find_schemas(part: object) -> Iterator[dict[str, object]]:
    if isinstance(part, dict):
        if part.get("cls") in (Origin, Service):  # built by a parser of its own, from no field of a file
            return
        yield part
        yield from (one for name, value in part.items() if name != "metadata" for one in find_schemas(value))
    elif isinstance(part, list | tuple):
        yield from (one for value in part for one in find_schemas(value))


def test_no_number_of_a_file_takes_another_kind_of_value() -> None:
    """`approvals: false` was no approval, and `expires: 1806364800` a day."""
    strict = [one for one in MODELS if issubclass(one, StrictModel)]
    assert len(strict) > 60
    for model in strict:
        for schema in find_schemas(model.__pydantic_core_schema__):
            if schema.get("type") in ("int", "float", "bool"):
                assert schema.get("strict") is True, model


# ruff: noqa: RUF001 Japanese writes with wide signs
PEOPLE_WRITE = (
    *(
        "川崎市立第一小学校",
        "麻生区（北部）",
        "プリンター・IoT",
        "CBT(文科省オンライン試験)",
        "校長・教頭",
        "辻󠄀中学校",
        "髙﨑",
    ),
    *("Kawasaki's 1st, 2nd & 3rd: a/b; no.4 - 50% + x = 2!", "校務　第二", "École élémentaire", "초등학교", "①~③"),
)


@pytest.mark.parametrize("text", PEOPLE_WRITE)
def test_names_that_people_write_are_names(text: str) -> None:
    assert TypeAdapter(Name).validate_python(text) == text
    assert TypeAdapter(Sentence).validate_python(text) == text


@given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "C", "Z")), max_size=30))
def test_a_name_is_one_line_that_shows_all_of_itself(text: str) -> None:
    if NAME_CHARACTERS.find_fault(text) is None:
        assert escape_controls(text) == text
        assert not set(text) & set('{}<>"`$\\|\n\r\t')
        # Safe in a label of Prometheus, a JSON text, an attribute of HTML and a YAML text in quotes as it stands.
        assert json.dumps(text, ensure_ascii=False) == f'"{text}"'


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_port_pattern_makes_a_name_of_its_own_length(before: str, after: str) -> None:
    pattern = f"{before}{{n}}{after}"
    try:
        TypeAdapter(PortPattern).validate_python(pattern)
    except ValidationError:
        return
    assert pattern.format(n=7) == pattern.replace("{n}", "7")


@pytest.mark.parametrize(
    "pattern",
    [
        *("e{n:99999999}", "e{n!r:>99999}", "e{n.real}", "e{n[0]}", "e{n:{n}}", "e{{n}}", "e{n}{n}", "e{}", "e{0}"),
        *("e", "{n}\x1b[2J", "e{n}\n", "e{n}{{ x }}", "e{n:c}", "e{n}" + "x" * 100),
    ],
)
def test_a_port_pattern_with_more_than_a_mark_is_refused(policies: PolicyFolder, pattern: str) -> None:
    edit = policies.edit("city/blueprints.yaml", "  frr: eth{n}\n", f"  frr: {json.dumps(pattern)}\n")
    (problem,) = policies.problems()
    assert problem.startswith(f"city/blueprints.yaml:{edit.line}: port-names.frr: ")
    assert len(problem) < 300
    assert escape_controls(problem) == problem


NAMED = [
    ("city/city.yaml", "name: 仮想川崎市"),
    ("city/city.yaml", "name: 川崎区"),
    ("city/schools/asao.yaml", "name: "),
    ("access/people.yaml", "name: 教員"),
    ("access/applications.yaml", "name: 校務支援システム"),
    ("access/segments.yaml", "name: 教職員"),
    ("access/rules.yaml", "purpose: "),
    ("access/prefixes/workspace.yaml", "source: "),
    ("city/calendar.yaml", "name: 1学期"),
]


@pytest.mark.parametrize(("file", "old"), NAMED)
def test_a_template_in_a_name_is_refused_at_its_line(policies: PolicyFolder, file: str, old: str) -> None:
    text = (policies.path / file).read_text(encoding="utf-8")
    start = text.index(old)
    line = text[:start].rpartition("\n")[2] + text[start:].partition("\n")[0]
    # A name ends with the line, or before the next field where they stand in braces.
    written = re.match(r"[^,}\n]*" if "{" in line else r"[^\n]*", text[start:])
    assert written is not None
    for hostile in ("{{ lookup('pipe','id') }}", "\\e[2J", "\\u202Egnp"):
        field = old.partition(":")[0]
        policies.write(file, f'{text[:start]}{field}: "{hostile}"{text[start + len(written[0]) :]}')
        (problem,) = policies.problems()
        assert problem.startswith(f"{file}:{text.count(chr(10), 0, start) + 1}: "), problem
        assert "may not hold" in problem
        assert escape_controls(problem) == problem


def test_what_a_server_said_is_kept_in_one_short_line() -> None:
    said = TypeAdapter(ShownText).validate_python("\x1b[2Jok\n" + "x" * 5_000)
    assert said.startswith("\\x1b[2Jok\\x0a")
    assert len(said) < 1_100
