"""Properties that a stack sets although nobody could verify them offline, each named in the stack's file with a reason.

The offline Google refuses what it does not model. An exception is for one property of one type: a type as a whole
cannot be excepted, and one that nothing needs is refused, so that the list says what is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import pulumi
from pydantic import Field

from controller.inputs.character_classes import SENTENCE_CHARACTERS
from controller.model.yaml_source import Location, StrictModel
from controller.offline_google.models.set_paths import explain_exception

UnverifiedProblem = tuple[Location, str]
"""A place in the configuration, and what is wrong there."""
UNVERIFIED = "unverified"
_PROVIDER = "pulumi:providers:gcp"
MOST_IN_PRODUCTION = 40
"""With more of them than that a deployment has not been rehearsed."""


class UnverifiedProperty(StrictModel):
    """One exception: the engine's name of the type, the path of the property in it, and why it is set all the same."""

    resource: Annotated[str, Field(pattern=r"^gcp:[a-z0-9]+/[A-Za-z0-9]+:[A-Za-z0-9]+$", max_length=200)]
    property: Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9]*(\[\])?(\.[a-z][A-Za-z0-9]*(\[\])?)*$", max_length=300)]
    reason: Annotated[str, Field(min_length=10, max_length=300), SENTENCE_CHARACTERS]


def find_unverified_problems(
    entries: tuple[UnverifiedProperty, ...], *, production: bool
) -> Iterator[UnverifiedProblem]:
    """Yield exceptions that cannot be, that say nothing new, or that are too many."""
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(entries):
        wrong = explain_exception(one.resource, one.property)
        if wrong:
            yield (UNVERIFIED, number, "property"), f"{one.resource} {one.property}: {wrong}"
        elif (one.resource, one.property) in seen:
            yield (
                (UNVERIFIED, number, "property"),
                f"{one.resource} {one.property} stands in the list twice: remove one",
            )
        seen.add((one.resource, one.property))
    if production and len(entries) > MOST_IN_PRODUCTION:
        message = (
            f"{len(entries)} properties are not verified; production takes {MOST_IN_PRODUCTION} at most: "
            "model them in the offline Google"
        )
        yield (UNVERIFIED,), message


class UnverifiedProperties:
    """Looks at the resources of a program: tells the offline Google of the exceptions, and which of them are used."""

    def __init__(self, entries: tuple[UnverifiedProperty, ...], told: str = "") -> None:
        """`told` is said to the offline Google, if any. The real provider has no such setting, so it is never told."""
        self._entries, self._told = entries, told
        self._used: set[int] = set()

    def look_at(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Look at one resource before it is declared: the SDK asks for each child of what has this transformation."""
        for number, one in enumerate(self._entries):
            if one.resource == args.type_ and sets_property(args.props, one.property):
                self._used.add(number)
        if self._entries and self._told and args.type_ == _PROVIDER:
            return pulumi.ResourceTransformationResult({**args.props, UNVERIFIED: self._told}, args.opts)
        return None

    def print_list(self) -> None:
        """Say in the engine's output what is not verified; nothing where everything is."""
        if self._entries:
            lines = [f"{one.resource} {one.property}: {one.reason}" for one in self._entries]
            pulumi.log.warn("\n  ".join([f"{len(lines)} properties are not verified offline:", *lines]))

    def find_unused(self) -> Iterator[UnverifiedProblem]:
        """Yield the exceptions whose property no declared resource sets."""
        for number, one in enumerate(self._entries):
            if number not in self._used:
                message = f"nothing in this stack sets {one.property} of {one.resource}: remove this entry"
                yield (UNVERIFIED, number, "property"), message


def sets_property(inputs: object, path: str) -> bool:
    """Whether a program's inputs hold something at a path; what the engine does not know yet counts as held.

    >>> sets_property({"log_config": {"sample_rate": 1.0}}, "logConfig.sampleRate")
    True
    >>> sets_property({"backends": [{"group": "g"}]}, "backends[].maxRate")
    False
    """
    if isinstance(inputs, pulumi.Output):
        return True
    if isinstance(inputs, list | tuple):
        return any(sets_property(item, path) for item in inputs)
    if not path:
        return inputs is not None
    name, _, rest = path.partition(".")
    held = inputs if isinstance(inputs, Mapping) else getattr(inputs, "__dict__", {})
    wanted = _fold(name.removesuffix("[]"))
    return any(sets_property(value, rest) for key, value in held.items() if _fold(key) == wanted)


def _fold(name: str) -> str:
    """A name in the one spelling that Python's SDK and the engine share."""
    return name.replace("_", "").lower()
