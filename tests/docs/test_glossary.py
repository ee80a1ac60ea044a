"""`docs/glossary.md` against the code: every public noun stands in it, its places exist, no older word is a name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
CODE = ("controller", "monitoring", "stacks", "tools", "policies")
WITH_PRINTED_WORDS = ("controller/model/", "controller/rollout/", "controller/measure/", "controller/prove/")
"""Packages whose text enumerations people read, in files, messages or pages."""
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")

NO_NOUNS = {
    "Document": "how a YAML file is read",
    "LocatedItem": "a base class: where an item of a file was written",
    "MigrationFailed": "an error; its message speaks for itself",
    "MigrationRefused": "an error; its message speaks for itself",
    "OlderFile": "how an older policy file is read",
    "PolicyReader": "how policy files are read",
    "PrefixCover": "how prefixes are compared",
    "PolicyValues": "how policy files are read",
    "ReadPolicy": "how policy files are read",
    "Rewrite": "how a file of an older format is rewritten",
    "StrictModel": "a base class: no unknown keys",
}
"""Public classes of `controller/model` that are no noun of the field, each with what it is instead."""

OLD_PARTS = frozenset({
    *("passage", "strange", "hop", "hops", "border", "borders", "encounter", "visitor", "visitors", "everybody"),
    *("anybody", "lapse", "lapsed", "lapses", "exchange", "exchanges", "necessity", "necessities", "faces", "mend"),
    *("believed", "otherwise", "door", "doors", "veil", "laws", "landscape", "heard", "pulse", "journal", "campus"),
})  # fmt: skip
"""Older words that are no part of a name any more."""
OLD_NAMES = frozenset({
    *("through", "held", "standing", "found", "told", "ran", "within", "without", "twice", "moved", "taken", "ours"),
    *("foreign", "chosen", "equal", "beat", "watch", "exits", "levels", "boxes", "edge", "front", "gap", "place"),
    *("account", "way", "ways", "route", "judge", "judged", "judgement", "verdict", "space", "kind", "store"),
    *("binding", "line"),
})  # fmt: skip
"""Words that say too little, or several things, to be the whole name of a module, a class or a function."""
ASSESSMENT = frozenset({"judge", "judged", "judging", "judgement", "verdict", "verdicts"})
"""Words for a school's assessment, on its way from the measurement to the page."""
ASSESSED = ("controller/measure/", "controller/telemetry/", "monitoring/")
KEPT = {
    "controller/cli/lab.py:mend_something": "`tsunagu lab mend` stays one version as another name of `lab repair`",
    "controller/model/access/people.py:Place": "the policy's own word: where a person is",
}
"""Names that keep an older word, each with the reason."""


@dataclass(frozen=True)
class Row:
    term: str
    japanese: str
    meaning: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Name:
    """A module, a class, a function or a method; nothing that is inside a function."""

    place: str
    text: str
    node: ast.AST | None


@cache
def rows() -> tuple[Row, ...]:
    found = []
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] != "term":
            assert len(cells) == 4, line
            found.append(Row(cells[0], cells[1], cells[2], tuple(re.findall(r"`([^`]+)`", cells[3]))))
    return tuple(found)


@cache
def names() -> tuple[Name, ...]:
    return tuple(name for top in CODE for path in sorted((ROOT / top).rglob("*.py")) for name in names_of(path))


def names_of(path: Path) -> Iterator[Name]:
    module = str(path.relative_to(ROOT))
    yield Name(module, path.stem, None)
    waiting: list[tuple[str, ast.stmt]] = [(module, one) for one in ast.parse(path.read_text(encoding="utf-8")).body]
    while waiting:
        where, node = waiting.pop()
        if isinstance(node, ast.ClassDef):
            waiting += [(f"{module}:{node.name}", one) for one in node.body]
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            joint = "." if ":" in where else ":"
            yield Name(f"{where}{joint}{node.name}", node.name, node)


def defined_in(path: Path) -> set[str]:
    """What a module defines at its top: classes, functions, values, types."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def classes(*folders: str) -> list[tuple[str, ast.ClassDef]]:
    """Public classes at the top of the modules of these folders, by their places."""
    return [
        (name.place, name.node)
        for name in names()
        if isinstance(name.node, ast.ClassDef)
        and name.place.startswith(folders)
        and "." not in name.place.partition(":")[2]
        and not name.text.startswith("_")
    ]


def split(name: str) -> list[str]:
    """The words of a name: `PlanFile`, `plan_file` and `PLAN_FILE` are `plan`, `file`."""
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def old_words(place: str, name: str) -> list[str]:
    """The older words in a name; of a method, its class says already what it is about."""
    parts = split(name)
    found = [part for part in parts if part in OLD_PARTS or (part in ASSESSMENT and place.startswith(ASSESSED))]
    is_method = "." in place.partition(":")[2]
    return found + ["_".join(parts)] * ("_".join(parts) in OLD_NAMES and not is_method)


def test_there_are_rows_and_no_term_stands_twice() -> None:
    terms = [row.term for row in rows()]
    assert len(terms) > 60
    assert sorted(terms) == sorted(set(terms))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.term)
def test_a_row_is_whole_and_its_places_exist(row: Row) -> None:
    assert JAPANESE.search(row.japanese) or row.japanese.startswith("IAP")
    assert len(row.meaning) > 10
    assert row.places
    for place in row.places:
        file, _, name = place.partition(":")
        assert (ROOT / file).exists(), place
        assert not name or name in defined_in(ROOT / file), place


def test_every_noun_of_the_model_stands_in_it() -> None:
    """A class `SomethingFile` is the format of a policy file, which `docs/policy.md` describes."""
    nouns = {place for place, _ in classes("controller/model/") if not place.endswith("File")}
    nouns |= {place for place, _ in classes("controller/model/policy_files.py") if place.endswith(":PolicyFile")}
    listed = {place for row in rows() for place in row.places}
    missing = {place for place in nouns - listed if place.partition(":")[2] not in NO_NOUNS}
    assert missing == set()
    assert set(NO_NOUNS) <= {place.partition(":")[2] for place, _ in classes("controller/model/")}


def test_every_word_that_an_enumeration_prints_stands_in_it() -> None:
    meanings = {place: row.meaning for row in rows() for place in row.places}
    enumerations = [
        (place, node)
        for place, node in classes(*WITH_PRINTED_WORDS)
        if any(isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases)
    ]
    assert len(enumerations) > 10
    missing = [
        f"{place}: {one.value.value!s}"
        for place, node in enumerations
        for one in node.body
        if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant)
        if f"`{one.value.value!s}`" not in meanings.get(place, "")
    ]
    assert missing == []


def test_no_older_word_is_a_name() -> None:
    used = {name.place: old_words(name.place, name.text) for name in names() if not name.text.startswith("_")}
    assert {place: words for place, words in used.items() if words and place not in KEPT} == {}
    assert {place for place in KEPT if not used.get(place)} == set()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("controller/prove/passage.py:Passage", ["passage"]),
        ("controller/plan/plan_expiry.py:refuse_lapsed", ["lapsed"]),
        ("controller/plan/a.py:held", ["held"]),
        ("controller/plan/a.py:Device.held", []),
        ("controller/plan/a.py:find_held_lock", []),
        ("controller/plan/a.py:ExchangeChange", ["exchange"]),
        ("controller/prove/a.py:HeaderSpace", []),
        ("controller/prove/a.py:Space", ["space"]),
        ("controller/lab/a.py:PairVerdict", []),
        ("monitoring/a.py:PairVerdict", ["verdict"]),
    ],
)
def test_old_words_are_found(place: str, words: list[str]) -> None:
    assert old_words(place, re.split(r"[:.]", place)[-1]) == words
