"""Puts probes into a module's functions, so that a run of the tests tells which lines each test runs.

A probe costs far less than tracing: modules that are not asked about run as they are.
"""

from __future__ import annotations

import ast

NAME = "__lines_of_module_{}__"


def add_probes(text: str, number: int) -> str:
    """Return the module with a call before each statement of its functions: `__lines_of_module_NUMBER__(line)`.

    Who listens has put a function of that name among the builtins; in a program that a test starts nobody does.
    """
    tree = ast.parse(text)
    name = NAME.format(number)
    listener = ast.parse(f"{name} = getattr(__import__('builtins'), '{name}', id)").body
    begins = 1 if ast.get_docstring(tree, clean=False) is not None else 0
    while begins < len(tree.body) and _is_future(tree.body[begins]):
        begins += 1
    tree.body[begins:begins] = listener
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _probe_function(node, number)
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_future(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom) and statement.module == "__future__"


def _probe_function(function: ast.FunctionDef | ast.AsyncFunctionDef, number: int) -> None:
    has_docstring = ast.get_docstring(function, clean=False) is not None
    first = function.body[:1] if has_docstring else []
    function.body = [*first, *_probe_block(function.body[len(first) :], number)]


def _probe_block(block: list[ast.stmt], number: int) -> list[ast.stmt]:
    found: list[ast.stmt] = []
    for statement in block:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if inner:
                    setattr(statement, name, _probe_block(inner, number))
            for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                part.body = _probe_block(part.body, number)
        probe = ast.Call(ast.Name(NAME.format(number), ast.Load()), [ast.Constant(statement.lineno)], [])
        found += [ast.Expr(probe), statement]
    return found
