"""The examples in docstrings are true everywhere; every public function of the proof and the compiler has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.example_names import list_example_names

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("controller", "monitoring", "stacks", "tools")
COMPLETE = ("controller/prove", "controller/compile", "controller/measure/assessment")
"""Packages in which every public function has an example."""
WITHOUT: dict[str, str] = {}
"""Public functions without an example, by module and name, each with the reason."""


def list_modules(packages: tuple[str, ...]) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for folder in packages for path in (ROOT / folder).rglob("*.py"))


def list_public_functions(module: str) -> Iterator[tuple[str, str]]:
    """Each public function of a module with its docstring."""
    for node in ast.parse((ROOT / module).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, ast.get_docstring(node) or ""


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    return list_example_names()


@pytest.mark.parametrize("module", [one for one in list_modules(PACKAGES) if ">>>" in (ROOT / one).read_text("utf-8")])
def test_the_examples_are_true(module: str, names: dict[str, object]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the provider's own package, when it is first read
        loaded = importlib.import_module(module.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    said: list[str] = []
    finder, runner = (
        doctest.DocTestFinder(exclude_empty=True),
        doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS),
    )
    for test in finder.find(loaded, extraglobs={**names, **vars(loaded)}):
        runner.run(test, out=said.append)
    found = runner.summarize(verbose=False)
    assert found.attempted, "no example was tried"
    assert not found.failed, "".join(said)


@pytest.mark.parametrize("module", list_modules(COMPLETE))
def test_every_public_function_has_an_example(module: str) -> None:
    lacking = [name for name, text in list_public_functions(module) if ">>> " not in text]
    assert [name for name in lacking if f"{module}:{name}" not in WITHOUT] == []


def test_there_are_examples_to_try() -> None:
    functions = [name for module in list_modules(COMPLETE) for name, _ in list_public_functions(module)]
    assert len(functions) > 80
    assert all(reason and (ROOT / key.partition(":")[0]).is_file() for key, reason in WITHOUT.items())
