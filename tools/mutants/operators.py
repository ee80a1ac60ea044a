"""Lists the mutants of a module: every single small change that some test should notice, in the order of the text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}
TEXT_METHODS = frozenset(
    {
        *(
            "startswith",
            "endswith",
            "removeprefix",
            "removesuffix",
            "split",
            "rsplit",
            "partition",
            "rpartition",
            "join",
        ),
        *("strip", "lstrip", "rstrip", "replace", "count", "find", "index", "get", "pop"),
        *("match", "fullmatch", "search", "compile", "sub", "findall", "finditer"),
    }
)
"""A text given to one of these decides something; most other texts are messages for people."""
SWAP_FAILS_AT_ONCE = frozenset({"isinstance", "issubclass", "getattr", "hasattr", "cast", "field_validator"})
NO_BEHAVIOUR = frozenset({"frozen", "slots", "strict", "repr", "compare", "description", "title", "encoding", "help"})
"""Keyword arguments whose value no caller within the rules can notice."""
TYPE_MAKERS = frozenset({"TypeVar", "NewType", "TypeAdapter"})
DANGEROUS = frozenset({"kill", "killpg", "rmtree", "unlink", "rename", "replace_file", "chmod", "chown", "setns"})
"""Calls that a mutant must not aim elsewhere: it would hit the machine and not the test."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small change of a module, told in a way that survives edits elsewhere in the file."""

    line: int
    scope: str
    """The function or class that it is in; empty at the top of the module."""
    kind: str
    change: str
    """`before -> after`, with `#2` behind the second one of the same words in the same scope."""
    at_import: bool
    """The changed code runs when the module is imported, not when a test calls it."""
    lines: range
    """The lines of the statement that it is in; a test that runs one of them runs the mutant."""

    @property
    def name(self) -> str:
        """The scope, kind and change: how the list of equivalent mutants names it."""
        return f"{self.scope or 'module'}: {self.kind}: {self.change}"


@dataclass(frozen=True, slots=True)
class _Change:
    node: ast.AST
    kind: str
    after: ast.AST


def list_mutants(text: str) -> list[Mutant]:
    """Return every mutant of a module's text, in the order of the text."""
    return [mutant for mutant, _ in _name_changes(ast.parse(text))]


def apply_mutant(text: str, name: str) -> str:
    """Return the module's text with the mutant of this name put in (written anew, so without its comments).

    Raises:
        KeyError: the module has no such mutant.
    """
    tree = ast.parse(text)
    for mutant, change in _name_changes(tree):
        if mutant.name == name:
            return _apply(tree, change)
    raise KeyError(name)


def _name_changes(tree: ast.Module) -> Iterator[tuple[Mutant, _Change]]:
    """Each change that is one, with its name."""
    _mark_scopes(tree)
    seen: Counter[tuple[str, str, str]] = Counter()
    for change in sorted(_list_changes(tree), key=lambda one: (_line(one.node), _column(one.node))):
        if ast.unparse(change.node) == ast.unparse(change.after):
            continue
        words = f"{_shorten(change.node)} -> {_shorten(change.after)}"
        scope = getattr(change.node, "scope", "")
        seen[scope, change.kind, words] += 1
        count = seen[scope, change.kind, words]
        words = words if count == 1 else f"{words} #{count}"
        at_import = not getattr(change.node, "in_function", False)
        yield Mutant(_line(change.node), scope, change.kind, words, at_import, _statement(change.node)), change


def _statement(node: ast.AST) -> range:
    """The lines of the statement around a node; of one with a body, those of its head."""
    around = node
    while not isinstance(around, ast.stmt):
        around = around.__dict__["parent"][0]
    body = getattr(around, "body", None) or getattr(around, "cases", None)
    return range(around.lineno, around.lineno + 1 if body else (around.end_lineno or 0) + 1)


def _mark_scopes(tree: ast.Module) -> None:
    """Write into each node its parent's place, its scope, and whether it may be changed at all."""

    def visit(node: ast.AST, scope: str, in_function: bool, fixed: bool) -> None:  # noqa: FBT001 a walk's state
        for field, value in ast.iter_fields(node):
            children = value if isinstance(value, list) else [value]
            for index, child in enumerate(children):
                if not isinstance(child, ast.AST):
                    continue
                where, inside = scope, in_function
                if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    where = f"{scope}.{child.name}" if scope else child.name
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and field == "body":
                    inside = True
                is_fixed = fixed or _is_fixed(node, field, child, index)
                child.__dict__.update(
                    parent=(node, field, index if isinstance(value, list) else None),
                    scope=where,
                    in_function=inside,
                    fixed=is_fixed,
                )
                visit(child, where, inside, is_fixed)

    tree.__dict__.update(parent=None, scope="", in_function=False, fixed=False)
    visit(tree, "", in_function=False, fixed=False)


def _is_fixed(node: ast.AST, field: str, child: ast.AST, index: int) -> bool:
    """Tell if a subtree says nothing that runs: types, decorators, docstrings, messages of errors, main guards."""
    if field in {"annotation", "returns", "decorator_list", "bases"}:
        return True
    if isinstance(node, ast.Raise):
        return True  # that an error is raised is a mutant of `raise` itself; its words are for people
    if isinstance(node, ast.keyword):
        return node.arg in NO_BEHAVIOUR
    if isinstance(node, ast.Call) and _called(node) == "cast" and field == "args" and index == 0:
        return True
    return _is_fixed_statement(child) or (isinstance(child, ast.Call) and _called(child) in DANGEROUS | TYPE_MAKERS)


def _is_fixed_statement(child: ast.AST) -> bool:
    if isinstance(child, ast.Assert):
        return True  # for the type checker: what it forbids cannot happen
    if isinstance(child, ast.Expr):
        return isinstance(child.value, ast.Constant)  # a docstring, or `...` of a Protocol
    if isinstance(child, ast.If):
        names = {one.id for one in ast.walk(child.test) if isinstance(one, ast.Name)}
        return bool(names & {"TYPE_CHECKING", "__name__"})
    return isinstance(child, ast.Assign) and any(
        isinstance(one, ast.Name) and one.id == "__all__" for one in child.targets
    )


def _list_changes(tree: ast.Module) -> Iterator[_Change]:
    for node in ast.walk(tree):
        if getattr(node, "fixed", False):
            continue
        yield from _change_operators(node)
        yield from _change_conditions(node)
        yield from _change_constants(node)
        yield from _delete_statements(node)
        yield from _swap_arguments(node)
        yield from _change_returns(node)


def _change_operators(node: ast.AST) -> Iterator[_Change]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield _Change(node, "comparison", ast.Compare(node.left, operators, node.comparators))
    elif isinstance(node, ast.BoolOp):
        other_word = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _Change(node, "boolean", ast.BoolOp(other_word, node.values))
        for index in range(len(node.values)):
            rest = [*node.values[:index], *node.values[index + 1 :]]
            yield _Change(node, "boolean", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not _is_type_union(node):
        yield _Change(node, "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))
    elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
        yield _Change(node, "arithmetic", ast.AugAssign(node.target, ARITHMETIC[type(node.op)](), node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield _Change(node, "arithmetic", node.operand)


def _change_conditions(node: ast.AST) -> Iterator[_Change]:
    """A condition that is one comparison is negated by its operator already."""
    tests: list[ast.expr] = []
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        tests = [node.test]
    elif isinstance(node, ast.comprehension):
        tests = node.ifs
    elif isinstance(node, ast.match_case) and node.guard is not None:
        tests = [node.guard]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        parent = node.__dict__["parent"][0]
        if not isinstance(parent, ast.If | ast.While | ast.IfExp | ast.comprehension):
            yield _Change(node, "condition", node.operand)
    for test in tests:
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            continue
        negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        yield _Change(test, "condition", test.operand if negated else ast.UnaryOp(ast.Not(), test))  # type: ignore[attr-defined]


def _change_constants(node: ast.AST) -> Iterator[_Change]:
    if not isinstance(node, ast.Constant):
        return
    value = node.value
    if isinstance(value, bool):
        yield _Change(node, "constant", ast.Constant(not value))
    elif isinstance(value, int | float):
        yield _Change(node, "constant", ast.Constant(value + 1))
        if value > 0:
            yield _Change(node, "constant", ast.Constant(value - 1))
    elif isinstance(value, str) and _text_decides(node):
        yield _Change(node, "constant", ast.Constant(f"{value}~"))


def _text_decides(node: ast.Constant) -> bool:
    """Tell if a text is compared, looked up or cut by; the others are words for people."""
    parent, field, index = node.__dict__["parent"]
    if isinstance(parent, ast.Compare | ast.Subscript | ast.MatchValue | ast.Set):
        return True
    if isinstance(parent, ast.Dict):
        return bool(field == "keys")
    if isinstance(parent, ast.Tuple | ast.List):
        return isinstance(parent.__dict__["parent"][0], ast.Compare)
    is_first = field == "args" and index == 0
    return is_first and isinstance(parent, ast.Call) and _called(parent) in TEXT_METHODS


def _delete_statements(node: ast.AST) -> Iterator[_Change]:
    calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await | ast.Yield | ast.YieldFrom)
    jumps = isinstance(node, ast.Raise | ast.Continue | ast.Break | ast.Delete | ast.AugAssign)
    stores = isinstance(node, ast.Assign) and all(
        isinstance(one, ast.Attribute | ast.Subscript) for one in node.targets
    )
    returns_early = isinstance(node, ast.Return) and isinstance(
        node.__dict__["parent"][0], ast.If | ast.For | ast.While
    )
    if (calls or jumps or stores or returns_early) and node.__dict__["in_function"]:
        yield _Change(node, "deleted statement", ast.Pass())


def _swap_arguments(node: ast.AST) -> Iterator[_Change]:
    if not isinstance(node, ast.Call) or _called(node) in SWAP_FAILS_AT_ONCE:
        return
    pairs = range(len(node.args) - 1)
    for index in sorted({*pairs[:1], *pairs[-1:]}):  # the pairs between tell nothing new
        first, second = node.args[index : index + 2]
        if isinstance(first, ast.Starred) or isinstance(second, ast.Starred):
            continue
        swapped = [*node.args[:index], second, first, *node.args[index + 2 :]]
        yield _Change(node, "swapped arguments", ast.Call(node.func, swapped, node.keywords))


def _change_returns(node: ast.AST) -> Iterator[_Change]:
    if not isinstance(node, ast.Return) or node.value is None:
        return
    if isinstance(node.value, ast.Constant):
        return  # a constant has its own mutants
    if _returns_bool(node):
        negated = isinstance(node.value, ast.UnaryOp) and isinstance(node.value.op, ast.Not)
        after = node.value.operand if negated else ast.UnaryOp(ast.Not(), node.value)  # type: ignore[attr-defined]
        yield _Change(node, "return value", ast.Return(after))
    else:
        yield _Change(node, "return value", ast.Return(ast.Constant(None)))


def _returns_bool(node: ast.AST) -> bool:
    around: ast.AST = node
    while not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        around = around.__dict__["parent"][0]
    return isinstance(around.returns, ast.Name) and around.returns.id == "bool"


def _is_type_union(node: ast.BinOp) -> bool:
    """Tell if `A | B` is one of types: at the top of a module, in `isinstance`, or with `None`."""
    if not isinstance(node.op, ast.BitOr):
        return False
    parent = node.__dict__["parent"][0]
    while isinstance(parent, ast.BinOp | ast.Subscript | ast.Tuple):
        parent = parent.__dict__["parent"][0]
    in_check = isinstance(parent, ast.Call) and _called(parent) in SWAP_FAILS_AT_ONCE
    sides = (node.left, node.right)
    is_none = any(isinstance(side, ast.Constant) and side.value is None for side in sides)
    names_types = all(isinstance(side, ast.Name) and side.id[:1].isupper() and not side.id.isupper() for side in sides)
    return in_check or is_none or names_types


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _apply(tree: ast.Module, change: _Change) -> str:
    """Put the new node in the old one's place, write the module, and put the old one back."""
    parent, field, index = change.node.__dict__["parent"]
    held = getattr(parent, field)
    if index is None:
        setattr(parent, field, change.after)
    else:
        setattr(parent, field, [*held[:index], change.after, *held[index + 1 :]])
    try:
        return ast.unparse(ast.fix_missing_locations(tree))
    finally:
        setattr(parent, field, held)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _column(node: ast.AST) -> int:
    return int(getattr(node, "col_offset", 0))


def _shorten(node: ast.AST) -> str:
    words = " ".join(ast.unparse(node).split())
    return words if len(words) <= 90 else f"{words[:60]} ... {words[-25:]}"  # noqa: PLR2004 a table's width
