"""What a change of a resource's inputs means: nothing, an update, or a replacement and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from controller.offline_google.schema.conditional_replacement import is_change_dropped, replaces_resource
from controller.offline_google.schema.defaults import is_by_default
from controller.offline_google.schema.diff_suppress import format_set_item, is_same_value
from controller.offline_google.schema.facts import PropertyFacts, ResourceType
from controller.offline_google.schema.input_checks import DEFAULTS
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value

Values = Mapping[str, Value]


class ChangeKind(Enum):
    """What happens to one property."""

    ADD = 0
    DELETE = 2
    UPDATE = 4


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property that changes."""

    path: str
    kind: ChangeKind
    replaces: bool


@dataclass(frozen=True, slots=True)
class ResourceDifference:
    """All that changes."""

    changes: tuple[PropertyChange, ...]
    delete_first: bool

    @property
    def replaces(self) -> bool:
        """The resource is replaced."""
        return any(change.replaces for change in self.changes)


def compare_inputs(kind: ResourceType, state: Values, before: Values, after: Values) -> ResourceDifference:
    """Compare what is (`state`, and the inputs it was made from) with the new inputs."""
    walk = _Walk(kind, state, after)
    changes = tuple(walk.members(kind.properties, state, before, after, ""))
    return ResourceDifference(changes, any(change.replaces for change in changes) and _delete_first(kind, after))


def restore_ignored(before: Values, after: Values, path: str) -> dict[str, Value]:
    """Return the new inputs with what stands at a path as it was before; `*` is everything.

    >>> restore_ignored({"settings": {"tier": "a"}}, {"name": "n", "settings": {"tier": "b"}}, "settings.tier")
    {'name': 'n', 'settings': {'tier': 'a'}}
    """
    if path == "*":
        return {**before}
    name, _, rest = path.partition("[")[0].partition(".")
    old, new = before.get(name), after.get(name)
    if rest and isinstance(old, Mapping) and isinstance(new, Mapping):
        return {**after, name: restore_ignored(old, new, rest)}
    if name in before:
        return {**after, name: before[name]}
    return {key: value for key, value in after.items() if key != name}


def _delete_first(kind: ResourceType, after: Values) -> bool:
    """The bridge's rule: forced by type, or the program gave the name that must be unique itself."""
    if kind.facts.get("deleteBeforeReplace"):
        return True
    named = [name for name, found in kind.properties.items() if "autoName" in found.facts]
    return any(after.get(name) is not None and not is_by_default(after, name) for name in named)


class _Walk:
    """Goes through old and new side by side."""

    def __init__(self, kind: ResourceType, state: Values, after: Values) -> None:
        self.kind, self.state, self.after = kind, state, after

    def members(
        self, known: Mapping[str, PropertyFacts], state: Values, before: Values, after: Values, path: str
    ) -> Iterator[PropertyChange]:
        for name, found in known.items():
            if not found.settable or found.facts.get("writeOnly"):
                continue
            yield from self.member(found, state.get(name), before.get(name), after.get(name), f"{path}{name}")

    def member(
        self, found: PropertyFacts, state: Value, before: Value, after: Value, path: str
    ) -> Iterator[PropertyChange]:
        if after is None:
            # What Google filled in by itself stays; only what the program had said before can be taken away.
            if before is None or found.mode == "optional+computed" or _empty(before):
                return
            yield from self.changed(found, path, ChangeKind.DELETE, state if state is not None else before, None)
            return
        old = state if state is not None else before
        if after is UNKNOWN:
            yield from self.changed(found, path, ChangeKind.UPDATE if old is not None else ChangeKind.ADD, old, after)
        elif old is None:
            if not _empty(after) and not is_same_value(found.facts, old, after):
                yield from self.changed(found, path, ChangeKind.ADD, old, after)
        elif isinstance(after, dict) and isinstance(old, dict) and found.children and not found.container:
            inner = before if isinstance(before, dict) else {}
            yield from self.members(found.children, old, inner, after, f"{path}.")
        elif isinstance(after, list) and isinstance(old, list):
            yield from self.items(found, old, before if isinstance(before, list) else [], after, path)
        elif not is_same_value(found.facts, _plain(old), _plain(after)):
            yield from self.changed(found, path, ChangeKind.UPDATE, old, after)

    def items(
        self, found: PropertyFacts, old: list[Value], before: list[Value], after: list[Value], path: str
    ) -> Iterator[PropertyChange]:
        if found.facts.get("set"):
            # The state may hold more in an item than the program said; the inputs it was made from do not.
            said = before if len(before) == len(old) else old
            left = Counter(format_set_item(found, _plain(item)) for item in said)
            right = Counter(format_set_item(found, _plain(item)) for item in after)
            if left != right:
                yield from self.changed(found, path, ChangeKind.UPDATE, old, after)
            return
        for place, item in enumerate(after):
            here = f"{path}[{place}]"
            if place >= len(old):
                yield from self.changed(found, here, ChangeKind.ADD, None, item)
            elif isinstance(item, dict) and isinstance(old[place], dict) and found.children:
                said = before[place] if place < len(before) and isinstance(before[place], dict) else {}
                yield from self.members(found.children, old[place], said, item, f"{here}.")
            elif item is UNKNOWN or not is_same_value(found.facts, _plain(old[place]), _plain(item)):
                yield from self.changed(found, here, ChangeKind.UPDATE, old[place], item)
        for place in range(len(after), len(old)):
            yield from self.changed(found, f"{path}[{place}]", ChangeKind.DELETE, old[place], None)

    def changed(
        self, found: PropertyFacts, path: str, kind: ChangeKind, old: Value, new: Value
    ) -> Iterator[PropertyChange]:
        """A change. It replaces by a rule of the type, by the property's flag, or by one inside a block."""
        if is_change_dropped(self.kind.token, found.path, self.state, self.after):
            return
        answer = replaces_resource(self.kind.token, found.path, self.state, self.after)
        if answer is None:
            answer = found.replaces or _inner_replaces(found, old) or _inner_replaces(found, new)
        yield PropertyChange(path, kind, answer)


def _inner_replaces(found: PropertyFacts, value: Value) -> bool:
    """A block that comes or goes takes its inner fields with it, those that replace, too."""
    entries = value if isinstance(value, list) else [value]
    return any(
        inner.replaces or _inner_replaces(inner, entry[name])
        for entry in entries
        if isinstance(entry, dict)
        for name, inner in found.children.items()
        if inner.settable and not _empty(entry.get(name))
    )


def _plain(value: Value) -> Value:
    """A value without the notes on defaults."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != DEFAULTS}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _empty(value: Value) -> bool:
    return value is not UNKNOWN and (value is None or _plain(value) in ("", [], {}))
