"""YAML with its line numbers, so that every error can name the file, the line and the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from controller.errors import Origin, PolicyError, Problem

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

ORIGIN = "origin"
FORMAT = "format"
"""The field that says which format a file is written in."""
SECRET_FIELDS = frozenset({"password", "key"})
"""Fields that may only name a secret; who wrote the secret itself there shall not see it on the screen."""
_TEXT = "tag:yaml.org,2002:str"
REFUSED = "The policies cannot be loaded:"


class StrictModel(BaseModel):
    """A frozen model that knows all its fields; YAML names use dashes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        alias_generator=lambda name: name.replace("_", "-"),
        validate_by_name=False,
        validate_by_alias=True,
    )


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

    def validate(self, model: type[Model]) -> tuple[Model | None, list[Problem]]:
        """The file as a model, or all that is wrong with it."""
        try:
            return model.model_validate(self.data), []
        except ValidationError as error:
            return None, [self._problem(model, details) for details in error.errors()]

    def _problem(self, model: type[BaseModel], details: ErrorDetails) -> Problem:
        location = details["loc"]
        field = ".".join(str(part) for part in location)
        match details["type"]:
            case "extra_forbidden":
                first = [FORMAT] if self.numbered and len(location) == 1 else []
                message = f"unknown field; allowed: {', '.join([*first, *_fields_at(model, location[:-1])])}"
            case "missing":
                message = "required field is missing"
            case _:
                message = self._message(model, details)
                if not SECRET_FIELDS.isdisjoint(location):
                    message += " (what was found is not shown)"
                elif not isinstance(details["input"], Mapping | Sequence) or isinstance(details["input"], str):
                    message += f" (found {details['input']!r})"
        return Problem(self.find_origin(location), field, message)

    @staticmethod
    def _message(model: type[BaseModel], details: ErrorDetails) -> str:
        match details["type"]:
            case "model_type":
                return f"needs fields of its own; allowed: {', '.join(_fields_at(model, details['loc']))}"
            case "tuple_type":
                return "needs a list: [ONE, ANOTHER]"
            case _:
                return details["msg"].removeprefix("Value error, ")


def read_yaml(path: Path, shown_as: str) -> Document:
    """Read a file of ours.

    Raises:
        PolicyError: the file is missing, is not UTF-8, is not YAML, or names a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise _refused(shown_as, 1, "file is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(shown_as, 1, f"cannot be read as UTF-8 text: {error}") from None
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refused(shown_as, line, _yaml_message(text, line, error)) from None
    except yaml.YAMLError as error:
        raise _refused(shown_as, 1, f"not valid YAML: {error}") from None
    if node is None:
        raise _refused(shown_as, 1, "file is empty")
    lines: dict[Location, int] = {}
    try:
        return Document(shown_as, _value(node, (), lines, shown_as), lines)
    except RecursionError:
        raise _refused(shown_as, 1, "nests too deep; does an alias (*name) stand inside what it refers to?") from None


def _yaml_message(text: str, line: int, error: yaml.MarkedYAMLError) -> str:
    shown = text.splitlines()[line - 1 : line]
    if shown and "\t" in shown[0][: len(shown[0]) - len(shown[0].lstrip())]:
        return "a tab stands in the indentation; YAML allows only spaces there"
    return f"not valid YAML: {error.problem}"


def _refused(file: str, line: int, message: str) -> PolicyError:
    return PolicyError(REFUSED, [Problem(Origin(file, line), "", message)])


def _value(node: yaml.Node, location: Location, lines: dict[Location, int], file: str) -> Any:  # noqa: ANN401 YAML
    lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _key(key_node, file, line)
            if key in mapping:
                raise _refused(file, line, f"the key {key!r} stands twice")
            if key == ORIGIN:
                raise _refused(file, line, f"unknown field {key!r}")
            mapping[key] = _value(value_node, (*location, key), lines, file)
            lines[(*location, key)] = line
        if location and isinstance(location[-1], int):
            mapping[ORIGIN] = Origin(file, node.start_mark.line + 1)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*location, index), lines, file) for index, item in enumerate(node.value)]
    return _scalar(node, file)


def _key(node: yaml.Node, file: str, line: int) -> str:
    if node.value == "<<":
        raise _refused(file, line, "merging with '<<' is not read here; write the fields out")
    key = _scalar(node, file) if isinstance(node, yaml.ScalarNode) else None
    if not isinstance(key, str):
        raise _refused(file, line, "a key must be text; put it in quotes if it is")
    return key


def _scalar(node: yaml.Node, file: str) -> Any:  # noqa: ANN401 YAML
    if node.tag == _TEXT:
        return node.value
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else error
        raise _refused(file, node.start_mark.line + 1, f"{node.value!r} cannot be read: {problem}") from None


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
