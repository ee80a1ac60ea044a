"""No platform keeps a state that the whole process shares: what holds for one estate's devices holds for no other's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PLATFORMS = Path(__file__).parents[2] / "controller" / "platforms"
CHANGING = {"append", "add", "update", "pop", "setdefault", "clear", "extend", "insert", "remove", "discard"}


def list_module_names(tree: ast.Module) -> set[str]:
    """Return the names that a module itself gives values to."""
    targets = [
        target
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def find_changes(tree: ast.Module) -> Iterator[int]:
    """Yield the lines in functions that change what a module holds, or give one of its names another value."""
    names = list_module_names(tree)
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                yield node.lineno
            elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.value, ast.Name):
                stored = isinstance(node.ctx, ast.Store | ast.Del)
                changed = isinstance(node, ast.Attribute) and node.attr in CHANGING
                if node.value.id in names and (stored or changed):
                    yield node.lineno


@pytest.mark.parametrize("path", sorted(PLATFORMS.rglob("*.py")), ids=lambda path: str(path.relative_to(PLATFORMS)))
def test_a_module_of_a_platform_holds_nothing_that_changes(path: Path) -> None:
    assert not list(find_changes(ast.parse(path.read_text(encoding="utf-8"))))


def test_what_changes_a_module_is_found() -> None:
    text = """
KEPT = {}
NUMBERS = [1]
SYSTEM = Platform()

def change():
    global KEPT
    KEPT["a"] = 1
    NUMBERS.append(2)
    SYSTEM.numbers = 3
    own = []
    own.append(KEPT.get("a"))
"""
    assert sorted(find_changes(ast.parse(text))) == [7, 8, 9, 10]
