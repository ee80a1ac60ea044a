"""Every field of two policies that differs: a walk through the models of their files, which no list by hand can miss.

Items are matched by their id where they have one, else by their place in the list. Where something was written
(`origin`) is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pydantic import BaseModel

from controller.inputs.shown_text import LONGEST_VALUE, shorten_text
from controller.model.city import City
from controller.model.policy_files import POLICY_FILES, PolicyFile
from controller.model.yaml_source import LocatedItem

ORDER = "(order)"
"""Stands behind the name of a list whose items are the same in another order."""
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field that differs, at `count` places alike; `place` is the first, as FILE:LINE where that is known.

    `field` is the kind of file and the names of the fields down to it: `access/segments.yaml segments.vlan`. `before`
    and `after` are the values in words; a whole item that is new or gone has "-" on the other side.
    """

    field: str
    before: str
    after: str
    place: str
    count: int = 1

    def __str__(self) -> str:
        others = f" (+{self.count - 1})" if self.count > 1 else ""
        named = self.field.partition(" ")[2] or "file"
        return f"{self.place} {named}: {self.before} → {self.after}{others}"


@dataclass(frozen=True, slots=True)
class _Walk:
    """Where a walk has come to."""

    field: str
    place: str

    def step(self, name: str) -> _Walk:
        return replace(self, field=f"{self.field}.{name}" if self.field.partition(" ")[2] else self.field + name)

    def meet(self, value: object) -> _Walk:
        origin = getattr(value, "origin", None)
        return self if origin is None else replace(self, place=str(origin))

    def tell(self, old: object, new: object) -> FieldDifference:
        gone, fresh = _leave_common_out(old, new)
        return FieldDifference(self.field.strip(), describe_value(gone), describe_value(fresh), self.place)


def find_field_differences(before: City, after: City) -> list[FieldDifference]:
    """Return every field that differs, in the order of the files; what differs alike is one with its count."""
    found: dict[tuple[str, str, str], FieldDifference] = {}
    for file in POLICY_FILES:
        walk = _Walk(f"{file.pattern} ", file.pattern)
        for one in _compare(_read(before, file), _read(after, file), walk):
            key = (one.field, one.before, one.after)
            found[key] = replace(found[key], count=found[key].count + 1) if key in found else one
    return list(found.values())


def _read(city: City, file: PolicyFile[BaseModel]) -> object:
    """What the files of a kind say: those of a folder together, so that an item may move between them."""
    values = city.files.find_all(file) or ()
    if not file.is_folder:
        return values[0] if values else None
    if file.named_by:
        return tuple(values)
    names = file.model.model_fields
    return {name: tuple(item for value in values for item in getattr(value, name)) for name in names}


def _compare(old: object, new: object, walk: _Walk) -> Iterator[FieldDifference]:
    if isinstance(old, BaseModel) and isinstance(new, BaseModel) and type(old) is type(new):
        there = walk.meet(new)
        for name, field in type(new).model_fields.items():
            if name != "origin":
                yield from _compare(getattr(old, name), getattr(new, name), there.step(field.alias or name))
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _compare_keyed(old, new, walk, named=True)
    elif _holds_items(old) and _holds_items(new) and isinstance(old, Sequence) and isinstance(new, Sequence):
        before, after = _key_items(old), _key_items(new)
        yield from _compare_keyed(before, after, walk, named=False)
        shared = [key for key in before if key in after]
        if shared != [key for key in after if key in before]:
            ordered = replace(walk, field=f"{walk.field} {ORDER}")
            yield ordered.tell(tuple(map(str, before)), tuple(map(str, after)))
    elif old != new:
        yield walk.meet(old if new is None else new).tell(old, new)


def _compare_keyed(
    old: Mapping[object, object], new: Mapping[object, object], walk: _Walk, *, named: bool
) -> Iterator[FieldDifference]:
    """Compare what stands under the same key; `named`: the keys of a folder's file are names of its fields."""
    for key in dict.fromkeys((*old, *new)):
        there = walk.step(str(key)) if named and _holds_items(new.get(key, old.get(key))) else walk
        if key in old and key in new:
            yield from _compare(old[key], new[key], there)
        else:
            held = new[key] if key in new else old[key]
            yield there.meet(held).tell(old.get(key), new.get(key))


def _holds_items(value: object) -> bool:
    """Tell if this is a list of items, also an empty one that may hold some on the other side."""
    return isinstance(value, tuple) and all(isinstance(one, BaseModel) for one in value)


def _key_items(items: Sequence[object]) -> dict[object, object]:
    names = [getattr(one, "id", None) for one in items]
    unique = None not in names and len({*names}) == len(names)
    return dict(zip(names, items, strict=True)) if unique else dict(enumerate(items))


def _leave_common_out(old: object, new: object) -> tuple[object, object]:
    """Of two long lists of plain values leave what differs: it would not be seen in what is cut."""
    short = all(len(_write(one)) <= LONGEST_VALUE for one in (old, new))
    if short or not (isinstance(old, tuple) and isinstance(new, tuple)):
        return old, new
    gone, fresh = tuple(one for one in old if one not in new), tuple(one for one in new if one not in old)
    return (gone or None, fresh or None) if gone or fresh else (old, new)


def describe_value(value: object) -> str:
    """Return a value in words, shortened; an item by its id.

    >>> describe_value((8, 9)), describe_value(None), describe_value(True)
    ('8, 9', '-', 'yes')
    """
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shorten_text(_write(value))


def _write(value: object) -> str:
    if isinstance(value, BaseModel):
        named = getattr(value, "id", None) or getattr(value, "name", None)
        return str(named) if named else ", ".join(f"{name} {_write(item)}" for name, item in _list_fields(value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_write(item)}" for name, item in value.items())
    if isinstance(value, list | tuple | frozenset):
        return ", ".join(map(_write, value))
    return str(value.value if isinstance(value, Enum) else value)


def _list_fields(value: BaseModel) -> Iterator[tuple[str, object]]:
    skipped = {"origin"} if isinstance(value, LocatedItem) else set()
    return ((name, getattr(value, name)) for name in type(value).model_fields if name not in skipped)
