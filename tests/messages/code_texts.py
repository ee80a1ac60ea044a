"""The texts that stand in the code: whole ones, and the parts of those that are put together."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ_BY_PEOPLE = ("controller", "monitoring")


def list_python_files(folder: str) -> Iterator[Path]:
    yield from sorted((ROOT / folder).rglob("*.py"))


def list_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Every text of a file with its line, without docstrings; of a text with marks, each part between them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = set(_list_docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def _list_docstrings(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        for statement in getattr(node, "body", None) or [] if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield id(statement.value)


@cache
def collect_code() -> str:
    """All texts of the code that people may read, one a line."""
    return "\n".join(
        text for folder in READ_BY_PEOPLE for path in list_python_files(folder) for _, text in list_texts(path)
    )


@cache
def collect_page() -> str:
    """What the page is made of: it names its messages, too."""
    page = ROOT / "monitoring" / "web" / "page"
    return "\n".join(
        path.read_text(encoding="utf-8") for path in sorted(page.rglob("*")) if path.suffix in {".js", ".html"}
    )
