"""YAML with its line numbers, so that every error can name the file, the line and the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, ErrorDetails

from controller.errors import InputRefused, Origin, PolicyError, Problem
from controller.inputs.bounded_yaml import PARSER_WORDS, CountedYaml, YamlRefused, count_yaml, get_line
from controller.inputs.exact_values import require_exact_values
from controller.inputs.input_file import decode_text, read_input_file
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import LONGEST_MESSAGE, shorten_text, shorten_value
from controller.model.likely_mistakes.syntax import explain_name, explain_syntax, find_invisible_sign
from controller.model.likely_mistakes.values import (
    explain_day,
    explain_fraction,
    explain_number,
    explain_truth,
    explain_value,
    explain_width,
    looks_like_padded_number,
)

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

ORIGIN = "origin"
FORMAT = "format"
"""The field that says which format a file is written in."""
SECRET_FIELDS = frozenset(
    {
        *("password", "key", "next-key", "previous-key", "read-key", "enable", "tokens", "token", "secret"),
        *("authentication", "privacy"),
    }
)
"""Fields that may only name a secret; who wrote the secret itself there shall not see it on the screen."""
_TEXT = "tag:yaml.org,2002:str"
_RESOLVER = yaml.resolver.Resolver()
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_LONGEST_SCALAR = 40
"""Characters of a number, a date, a truth value or nothing, as YAML writes them without quotes."""
_KINDS = frozenset({"bool", "int", "str"})
"""What pydantic calls the kinds that a value may have beside some words."""
_LOOK_AT = "look at the indentation, the colons and the quotes of this line and of the one above it"
_MOST_PROBLEMS = 100
"""Problems of one file that are told; whoever mends so many asks again."""
_NAMED_BY_ID = {"ward": "ward", "wards": "ward", "kind": "kind", "kinds": "kind"}
"""Fields that hold the id of what people call by another name, and what that is."""
Called = Mapping[str, Mapping[str, str]]
"""Ids by the names that people use: of wards, of kinds of schools."""
REFUSED = "The policies cannot be loaded:"


class StrictModel(BaseModel):
    """A frozen model that knows all its fields, and takes no value for another kind; YAML names use dashes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=False,
        validate_by_alias=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[BaseModel], handler: GetCoreSchemaHandler) -> CoreSchema:
        return require_exact_values(handler(source))


class LocatedItem(StrictModel):
    """An item of a list in a policy file; it remembers where it was written."""

    origin: Origin


@dataclass(frozen=True)
class Document:
    """One YAML file as plain values; the line of every place in it. `numbered`: it may carry a format number."""

    file: str
    data: Any
    lines: Mapping[Location, int]
    numbered: bool = False

    def find_origin(self, location: Location) -> Origin:
        """The line of `location`, or of the nearest place above it."""
        while location and location not in self.lines:
            location = location[:-1]
        return Origin(self.file, self.lines.get(location, 1))

    def validate(self, model: type[Model], called: Called | None = None) -> tuple[Model | None, list[Problem]]:
        """The file as a model, or all that is wrong with it. `called`: ids by the names for people."""
        try:
            return model.model_validate(self.data), []
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            # A list whose items are all wrong is not too short.
            above = {one["loc"][:depth] for one in found for depth in range(len(one["loc"]))}
            told = [one for one in found if one["type"] != "too_short" or one["loc"] not in above]
            told = _drop_second_answers(told)
            return None, [self._problem(model, details, called or {}) for details in told[:_MOST_PROBLEMS]]

    def _problem(self, model: type[BaseModel], details: ErrorDetails, called: Called) -> Problem:
        location = details["loc"]
        secret = next((number for number, part in enumerate(location) if part in SECRET_FIELDS), len(location))
        # Below a field that names a secret a name may be the secret itself: `password: {hunter2}`.
        told = location[: secret + 1] if details["type"] == "extra_forbidden" else location
        field = ".".join(shorten_text(str(part)) for part in told if not str(part).startswith("literal["))
        match details["type"]:
            case "extra_forbidden":
                first = [FORMAT] if self.numbered and len(location) == 1 else []
                known = [*first, *_fields_at(model, location[:-1])]
                name = str(location[-1]) if secret == len(location) else ""
                meant = (explain_name(name) or explain_width(name)) if name else None
                near = suggest_names(name, known) if name else ""
                message = meant or f"unknown field; allowed: {', '.join(known)}{near}"
            case "missing":
                message = "required field is missing"
            case _:
                message = self._message(model, details, called)
                if secret < len(location):
                    message += " (what was found is not shown)"
                elif details["input"] is None:
                    message += " (nothing stands there)"
                elif not isinstance(details["input"], Mapping | Sequence) or isinstance(details["input"], str):
                    message += f" (found {shorten_value(details['input'])})"
        return Problem(self.find_origin(location), field, shorten_text(message, LONGEST_MESSAGE))

    @staticmethod
    def _message(model: type[BaseModel], details: ErrorDetails, called: Called) -> str:
        if details["type"] == "string_pattern_mismatch":
            noun = next((_NAMED_BY_ID[part] for part in details["loc"][-2:] if part in _NAMED_BY_ID), "")
            ids = called.get(noun, {})
            if details["input"] in ids:
                return f"write the id, {ids[details['input']]}"
            found = str(details["input"])
            if ids and not (find_invisible_sign(found) or explain_width(found)):
                return f"write one of: {', '.join(dict.fromkeys(ids.values()))}"
        match details["type"]:
            case "model_type":
                table = explain_value("model_type", "", details["input"])
                fields = ", ".join(_fields_at(model, details["loc"]))
                return table or f"needs fields of its own, a line each with ': '; allowed: {fields}"
            case "tuple_type":
                return "needs a list: [ONE, ANOTHER]"
            case _:
                message, found = details["msg"].removeprefix("Value error, "), details["input"]
                meant = explain_value(details["type"], message, found)
                if meant is not None:
                    return meant
                # Messages of others (an address that is none) repeat the whole value.
                return message.replace(repr(found), shorten_value(found)) if isinstance(found, str) else message


def _drop_second_answers(found: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what is told once already: the other kinds that a value may have, a field that is only misspelt."""
    kinds = {one["loc"][:-1] for one in found if _get_last(one).startswith("literal[")}
    truths = {one["loc"][:-1] for one in found if _get_last(one) == "bool"}
    misspelt: dict[Location, list[str]] = {}
    for one in found:
        if one["type"] == "extra_forbidden":
            misspelt.setdefault(one["loc"][:-1], []).append(_get_last(one))
    return [
        _add_truths(one) if one["loc"][:-1] in truths & kinds else one
        for one in found
        if not (one["loc"][:-1] in kinds and _get_last(one) in _KINDS)
        and not (
            one["type"] == "missing"
            and any(suggest_names(name, [_get_last(one)]) for name in misspelt.get(one["loc"][:-1], ()))
        )
    ]


def _get_last(one: ErrorDetails) -> str:
    """Return the last part of a place; "" where the whole file is meant."""
    return str(one["loc"][-1]) if one["loc"] else ""


def _add_truths(one: ErrorDetails) -> ErrorDetails:
    return {**one, "msg": one["msg"].replace("Input should be ", "Input should be 'true', 'false', ", 1)}


def read_yaml(path: Path, shown_as: str) -> Document:
    """Read a file that the operator names.

    Raises:
        PolicyError: the file is missing, no regular file, not UTF-8, not YAML or too large, or names a key twice.
    """
    try:
        return parse_yaml(read_input_file(path), shown_as)
    except FileNotFoundError:
        raise refuse_file(shown_as, 1, "file is missing") from None
    except InputRefused as error:
        raise refuse_file(shown_as, error.line, error.why) from None


class ValueBudget:
    """How many values may still be read of a policy: a file may be small, and a folder hold thousands of them."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, nodes: int) -> None:
        """Take a file's values.

        Raises:
            YamlRefused: there are not so many left.
        """
        self._left -= nodes
        if self._left < 0:
            why = f"with this file the policy holds more than {self._most:,} values, the most that are read"
            raise YamlRefused(1, why)


def parse_yaml(content: bytes, shown_as: str, budget: ValueBudget | None = None) -> Document:
    """Parse the bytes of a file; its values are taken from the budget of the whole.

    Raises:
        PolicyError: they are not UTF-8 or not YAML, more than is read, or name a key twice.
    """
    try:
        text = decode_text(content, Path(shown_as))
        counted = count_yaml(text)
        if budget is not None:
            budget.take(counted.nodes)
    except InputRefused as error:
        raise refuse_file(shown_as, error.line, error.why) from None
    except YamlRefused as error:
        line, why = error.line, error.why
        if why.startswith(PARSER_WORDS):
            line, why = explain_syntax(text, line) or (line, f"{why}; {_LOOK_AT}")
        raise refuse_file(shown_as, line, why) from None
    if not counted.events:
        raise refuse_file(shown_as, 1, "file is empty")
    builder = _Builder(counted, shown_as)
    return Document(shown_as, builder.build(), builder.lines)


def refuse_file(file: str, line: int, message: str) -> PolicyError:
    """The refusal of a whole file."""
    return PolicyError(REFUSED, [Problem(Origin(file, line), "", message)])


class _Builder:
    """Builds plain values from counted events, and remembers their lines."""

    def __init__(self, counted: CountedYaml, file: str) -> None:
        self.lines: dict[Location, int] = {}
        self._counted = counted
        self._file = file

    def build(self) -> Any:  # noqa: ANN401 YAML
        """The value of the document."""
        return self._value(0, ())[0]

    def _value(self, at: int, location: Location) -> tuple[Any, int]:
        """The value whose events begin at an index, and the index behind them."""
        anchor = self._counted.aliases.get(at)
        if anchor is not None:
            return self._value(anchor.first, location)[0], at + 1
        event = self._counted.events[at]
        self.lines[location] = get_line(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(at, location)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(at + 1, location)
        return self._scalar(event, secret=not SECRET_FIELDS.isdisjoint(location)), at + 1

    def _list(self, at: int, location: Location) -> tuple[list[Any], int]:
        found: list[Any] = []
        while not isinstance(self._counted.events[at], yaml.SequenceEndEvent):
            value, at = self._value(at, (*location, len(found)))
            found.append(value)
        return found, at + 1

    def _mapping(self, at: int, location: Location) -> tuple[dict[str, Any], int]:
        mapping: dict[str, Any] = {}
        first = get_line(self._counted.events[at])
        at += 1
        while not isinstance(self._counted.events[at], yaml.MappingEndEvent):
            line = get_line(self._counted.events[at])
            key = self._key(at, line)
            if key in mapping:
                raise refuse_file(self._file, line, f"the key {shorten_value(key)} stands twice")
            if key == ORIGIN:
                raise refuse_file(self._file, line, f"unknown field {key!r}")
            mapping[key], at = self._value(at + 1, (*location, key))
            self.lines[*location, key] = line
        if location and isinstance(location[-1], int):
            mapping[ORIGIN] = Origin(self._file, first)
        return mapping, at + 1

    def _key(self, at: int, line: int) -> str:
        anchor = self._counted.aliases.get(at)
        event = self._counted.events[at if anchor is None else anchor.first]
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<":
            raise refuse_file(self._file, line, "merging with '<<' is not read here; write the fields out")
        key = self._scalar(event)
        if not isinstance(key, str):
            raise refuse_file(self._file, line, "a key must be text; put it in quotes if it is")
        return key

    def _scalar(self, event: yaml.Event, *, secret: bool = False) -> Any:  # noqa: ANN401 YAML
        if not isinstance(event, yaml.ScalarEvent):
            return None
        try:
            return read_scalar(event, self._file)
        except PolicyError:
            if not secret:
                raise
            message = "cannot be read; put it in quotes if it is text (what was found is not shown)"
            raise refuse_file(self._file, get_line(event), message) from None


def read_scalar(event: yaml.ScalarEvent, file: str) -> Any:  # noqa: ANN401 YAML
    """The value of a scalar: text, a number, true or false, a date, or nothing.

    Raises:
        PolicyError: it looks like a number or a date and is none, is longer than any, or is no finite number.
    """
    tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call] # PyYAML
    short = len(event.value) <= _LONGEST_SCALAR
    if tag == _TEXT and not (event.implicit[0] and short and looks_like_padded_number(event.value)):
        return event.value
    line = get_line(event)
    if not short:
        message = f"{shorten_value(event.value)} is longer than any number or date; put it in quotes if it is text"
        raise refuse_file(file, line, message)
    plain = explain_number(event.value) if tag == _TEXT else _PLAIN.get(tag, _accept)(event.value)
    if plain is not None:
        raise refuse_file(file, line, f"{shorten_value(event.value)} is {plain}")
    try:
        value = _CONSTRUCTOR.construct_object(yaml.ScalarNode(tag, event.value))
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError) as error:
        problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        message = f"{shorten_value(event.value)} cannot be read: {problem}; put it in quotes if it is text"
        raise refuse_file(file, line, message) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse_file(file, line, f"{shorten_value(event.value)} is no finite number")
    return value


def _accept(written: str) -> None:
    del written


_PLAIN: Mapping[str, Callable[[str], str | None]] = {
    "tag:yaml.org,2002:int": explain_number,
    "tag:yaml.org,2002:float": explain_fraction,
    "tag:yaml.org,2002:bool": explain_truth,
    "tag:yaml.org,2002:timestamp": explain_day,
}


def _fields_at(model: type[BaseModel], location: Location) -> list[str]:
    """The field names, as YAML writes them, of the model that stands at `location` inside `model`."""
    for part in location:
        if isinstance(part, int):
            continue
        named = {field.alias or name: field for name, field in model.model_fields.items()}
        if part in named:
            inner = _model_in(named[part].annotation)
            model = inner or model
    return sorted((field.alias or name) for name, field in model.model_fields.items() if name != ORIGIN)


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 any type form
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
