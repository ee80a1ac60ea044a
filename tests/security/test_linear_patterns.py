"""Every regular expression of the code base is linear: repeated tokens that nearly match cost their length, no more.

The patterns are found, not listed: those that a module keeps, those that its functions write down, and those of
pydantic's fields. Each is fed with strings of its own letters and of tokens that texts repeat, longer and longer.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("controller", "monitoring")
FOLDERS = (*PACKAGES, "stacks", "playbooks")
FUNCTIONS = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
TOKENS = (
    *(
        "a",
        "A",
        "0",
        "1",
        "f",
        "-",
        "_",
        ".",
        " ",
        ",",
        ":",
        "/",
        "=",
        "\t",
        '"',
        "'",
        "(",
        "[",
        "\\",
        "$",
        "{",
        "}",
        "<",
        "!",
    ),
    *(
        "a ",
        "a_",
        "a-",
        "a.",
        "0.",
        "1,",
        "a,",
        "a=",
        "a=a,",
        "1-",
        "a:",
        "0:",
        "room_",
        "key ",
        "1 ",
        "ge 1 ",
        "a/",
        "a b ",
        "::",
    ),
)
STEPS = (10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 150, 300, 600, 1_200, 2_500, 8_000)
"""Repetitions: where time grows exponentially the first steps show it before it takes long.

Those behind 300 do so for the third power: one step from just below `SECONDS` to 8,000 took a quarter of an hour.
"""
LONGEST = 8_000
SECONDS = 0.04
"""For one string of the longest kind; a linear pattern needs a hundredth, a quadratic one half a second."""


@dataclass(frozen=True)
class Found:
    """A pattern, and where it stands; `searches` where it is not tied to the beginning of its text."""

    place: str
    pattern: str
    flags: int
    searches: bool


def is_pattern_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and node.func.attr in FUNCTIONS
    )


def find_in_source(path: Path) -> Iterator[Found]:
    """The patterns that a file writes down as a constant, also inside its functions."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)) if "re." in text else ():
        if not is_pattern_call(node):
            continue
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Attribute)
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            ties = node.func.attr in ("match", "fullmatch", "compile")
            yield Found(f"{path.relative_to(ROOT)}:{node.lineno}", first.value, 0, searches=not ties)


def list_modules() -> Iterator[ModuleType]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def walk(value: Any, depth: int = 0) -> Iterator[re.Pattern[str]]:  # noqa: ANN401 whatever a module keeps
    """Patterns inside what a module keeps: in containers, classes and the objects of ours."""
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth > 3:
        return
    elif isinstance(value, dict):
        for one in (*value.keys(), *value.values()):
            yield from walk(one, depth + 1)
    elif isinstance(value, (tuple, list, set, frozenset)) and len(value) < 200:
        for one in value:
            yield from walk(one, depth + 1)
    elif (value if isinstance(value, type) else type(value)).__module__.partition(".")[0] in PACKAGES:
        fields = {**getattr(value, "__dict__", {})}
        fields |= {name: getattr(value, name) for name in getattr(type(value), "__slots__", ()) if hasattr(value, name)}
        for one in fields.values():
            yield from walk(one, depth + 1)


def find_in_fields(value: Any) -> Iterator[str]:  # noqa: ANN401
    """The patterns of a pydantic model's fields, wherever they stand in its schema."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        for one in value.values():
            yield from find_in_fields(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from find_in_fields(one)


@cache
def collect() -> list[Found]:
    """Every pattern of the program, once. It takes seconds, so it is done in the tests, not when they are collected."""
    found: dict[tuple[str, int], Found] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for one in find_in_source(path):
                found.setdefault((one.pattern, one.flags), one)
    modules = list(list_modules())
    sources = {module.__name__: read_searches(module) for module in modules}
    for module in modules:
        for name, value in list(vars(module).items()):
            for kept in walk(value):
                key = kept.pattern, kept.flags & ~re.UNICODE
                searches = name in sources[module.__name__]
                known = found.get(key)
                if known is None or (searches and not known.searches):
                    found[key] = Found(f"{module.__name__}.{name}", *key, searches=searches)
            schema = vars(value).get("__pydantic_core_schema__") if isinstance(value, type) else None
            for pattern in find_in_fields(schema) if isinstance(schema, dict) else ():
                found.setdefault((pattern, 0), Found(f"{module.__name__}.{name}", pattern, 0, searches=True))
    return sorted(found.values(), key=lambda one: one.place)


def read_searches(module: ModuleType) -> set[str]:
    """The names of the patterns that a module searches a text for, or splits it by."""
    path = getattr(module, "__file__", None)
    text = Path(path).read_text(encoding="utf-8") if path else ""
    return set(re.findall(r"\b([A-Za-z_]\w*)\.(?:search|sub|subn|split|findall|finditer)\(", text))


def draw_texts(pattern: str) -> Iterator[str]:
    """Tokens that this pattern repeats: its own words and letters, and those that all texts have."""
    words = re.findall(r"[A-Za-z0-9]+[ _=.:/,-]?", re.sub(r"\\[a-zA-Z]", " ", pattern))
    yield from dict.fromkeys((*TOKENS, *words[:12], "".join(words[:3])))


def measure(found: Found, text: str) -> float:
    compiled = re.compile(found.pattern, found.flags)
    # A search tries what a match tries, from every place.
    ways = [compiled.search if found.searches else compiled.match, compiled.fullmatch]
    began = time.process_time()
    for way in ways:
        way(text)
    return time.process_time() - began


def find_slow_text(found: Found) -> str:
    """A text that the pattern takes too long for; "" where there is none."""
    begins = re.match(r"\^?([A-Za-z ]{0,20})", found.pattern)
    heads = dict.fromkeys(("", begins[1] if begins else ""))
    for token in draw_texts(found.pattern):
        for head in heads:
            for times in STEPS:
                text = head + (token * times)[:LONGEST] + "\0"
                if measure(found, text) > SECONDS and measure(found, text) > SECONDS:
                    return text
    return ""


def test_the_patterns_are_found() -> None:
    assert len(collect()) > 100
    places = " ".join(one.place for one in collect()).replace("/", ".")
    for room in (
        "platforms.device_text",
        "platforms.frr",
        "platforms.dialect",
        "model.",
        "monitoring.",
        "offline_google",
    ):
        assert room in places, room


@pytest.mark.parametrize(
    ("pattern", "searches"),
    [
        (r"(?:[\w.]+[-_])*(?:password|key)\d*", False),
        (r"(a+)+b", False),
        (r"\s+x", True),
        (r"^\w*\w*\w*x$", False),
    ],
)
def test_a_pattern_that_is_not_linear_is_found(pattern: str, searches: bool) -> None:  # noqa: FBT001
    assert find_slow_text(Found("here", pattern, 0, searches=searches))


def test_every_pattern_is_linear() -> None:
    slow = [(found, text) for found in collect() if (text := find_slow_text(found))]
    assert not slow, [f"{one.place}: {one.pattern!r} is slow on {text[:40]!r}... ({len(text)})" for one, text in slow]
