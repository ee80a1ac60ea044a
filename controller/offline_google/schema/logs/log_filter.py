"""Filters of Cloud Logging, as far as they can be judged without logs; what is not known here is refused.

Source: "Logging query language" in Google Cloud's documentation (syntax, operators, functions, 20,000 characters), and
AIP-160, to which it refers (expressions within the parentheses of a value).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from controller.offline_google.schema.logs.entry_fields import SEVERITIES, FieldKind, explain_value, find_field
from controller.offline_google.schema.logs.re2_patterns import is_re2_pattern

LONGEST = 20_000
DEEPEST = 50
"""Parentheses within one another that are followed here."""
_STRING = r'"(?:\\.|[^"\\])*"'
_TOKEN = re.compile(
    rf"""(?P<space>\s+|--[^\n]*)
    |(?P<text>{_STRING})
    |(?P<operator>>=|<=|!=|=~|!~|=|<|>|:)
    |(?P<mark>[(),])
    |(?P<minus>-(?=[A-Za-z_("]))
    |(?P<word>(?:-?\d|[\w/*])[\w./*+@%-]*(?:(?<=\.){_STRING}[\w./-]*)*)""",
    re.VERBOSE,
)
_HOLDER = re.compile(r"(?:projects|folders|organizations|billingAccounts)/[^/]+")
_JOINTS = frozenset({"AND", "OR"})
_OPERANDS = frozenset({"word", "text"})


class _Token(NamedTuple):
    kind: str
    text: str
    place: int


class _Refused(Exception):
    """The filter is no filter; the words say why."""


def explain_log_filter(text: str) -> str:
    """Return why Cloud Logging would not take a filter; empty where it would.

    >>> explain_log_filter('severity>=ERROR AND NOT logName:"cloudaudit.googleapis.com"')
    ''
    >>> explain_log_filter("servity>=ERROR")
    "a log entry has no field 'servity' (character 1)"
    >>> explain_log_filter("resource.type =")
    'a value is missing at the end'
    """
    if len(text) > LONGEST:
        return f"it has {len(text)} characters, and at most {LONGEST} are taken"
    try:
        parser = _Filter(_split(text))
        if parser.tokens:
            parser.follow_expression(0)
            parser.expect_end()
    except _Refused as refused:
        return str(refused)
    return ""


def _split(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            message = f"{text[place]!r} at character {place + 1} belongs to nothing; a text with it stands in quotes"
            raise _Refused(message)
        if found.lastgroup != "space":
            tokens.append(_Token(str(found.lastgroup), found[0], place + 1))
        place = found.end()
    return tokens


class _Filter:
    """The tokens of a filter, followed from left to right."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens, self._next = tokens, 0

    def follow_expression(self, depth: int) -> None:
        """Terms with AND or OR between them; nothing between two stands for AND."""
        _check_depth(depth)
        self._follow_term(depth)
        while (token := self._peek()) is not None and token.text != ")":
            if token.text in _JOINTS:
                self._take("")
            self._follow_term(depth)

    def expect_end(self) -> None:
        """Refuse what is left over."""
        left = self._peek()
        if left is not None:
            message = f"{left.text!r} at character {left.place} closes nothing"
            raise _Refused(message)

    def _follow_term(self, depth: int) -> None:
        token = self._take("a comparison")
        while token.text == "NOT" or token.kind == "minus":
            token = self._take("a comparison")
        after = self._peek()
        if token.text == "(":
            self.follow_expression(depth + 1)
            self._take_mark(")")
        elif token.kind not in _OPERANDS or token.text in _JOINTS:
            message = f"{token.text!r} at character {token.place} stands where a comparison begins"
            raise _Refused(message)
        elif after is not None and after.text == "(" and token.kind == "word" and _touches(token, after):
            self._follow_function(token)
        elif after is not None and after.kind == "operator":
            self._follow_comparison(token, depth)

    def _follow_comparison(self, field: _Token, depth: int) -> None:
        if field.kind == "text":
            message = f"{field.text} at character {field.place} is a text; a comparison begins with a field's name"
            raise _Refused(message)
        kind = _check_field(field)
        self._follow_value(kind, self._take("").text, self._take("a value"), depth)

    def _follow_value(self, kind: FieldKind, operator: str, value: _Token, depth: int) -> None:
        """A value, or several in parentheses with AND or OR between them."""
        if value.text != "(":
            _check_value(kind, operator, value)
            return
        _check_depth(depth)
        while True:
            token = self._take("a value")
            while token.text == "NOT" or token.kind == "minus":
                token = self._take("a value")
            self._follow_value(kind, operator, token, depth + 1)
            joint = self._take("')'")
            if joint.text == ")":
                return
            if joint.text not in _JOINTS:
                message = f"{joint.text!r} at character {joint.place} stands where AND, OR or ')' must"
                raise _Refused(message)

    def _follow_function(self, name: _Token) -> None:
        check = _FUNCTIONS.get(name.text)
        if check is None:
            known = ", ".join(sorted(_FUNCTIONS))
            message = f"the function {name.text!r} at character {name.place} is not known here; known are {known}"
            raise _Refused(message)
        self._take_mark("(")
        arguments = [self._take("an argument")]
        while (mark := self._take("')'")).text == ",":
            arguments.append(self._take("an argument"))
        if mark.text != ")" or any(token.kind not in _OPERANDS for token in arguments) or not check(arguments):
            message = f"{name.text} at character {name.place} does not take these arguments"
            raise _Refused(message)
        if len(arguments) > 1:
            _check_field(arguments[0])

    def _peek(self) -> _Token | None:
        return self.tokens[self._next] if self._next < len(self.tokens) else None

    def _take(self, what: str) -> _Token:
        token = self._peek()
        if token is None:
            message = f"{what} is missing at the end"
            raise _Refused(message)
        self._next += 1
        return token

    def _take_mark(self, mark: str) -> None:
        token = self._take(f"{mark!r}")
        if token.text != mark:
            message = f"{token.text!r} at character {token.place} stands where {mark!r} must"
            raise _Refused(message)


def _touches(name: _Token, after: _Token) -> bool:
    return after.place == name.place + len(name.text)


def _check_depth(depth: int) -> None:
    if depth > DEEPEST:
        message = f"more than {DEEPEST} parentheses within one another are not followed here"
        raise _Refused(message)


def _check_field(field: _Token) -> FieldKind:
    kind = find_field(field.text)
    if kind is None:
        message = f"a log entry has no field {field.text!r} (character {field.place})"
        raise _Refused(message)
    return kind


def _check_value(kind: FieldKind, operator: str, value: _Token) -> None:
    if value.kind not in _OPERANDS or value.text in {*_JOINTS, "NOT"}:
        message = f"{value.text!r} at character {value.place} stands where a value must"
        raise _Refused(message)
    bare = _unquote(value)
    if operator in {"=~", "!~"}:
        if value.kind != "text" or not is_re2_pattern(bare):
            message = f"{value.text} at character {value.place} is no regular expression (RE2) in quotes"
            raise _Refused(message)
        return
    wrong = explain_value(kind, operator, bare, quoted=value.kind == "text")
    if wrong:
        known = f"; there are {', '.join(sorted(SEVERITIES))}" if kind is FieldKind.SEVERITY else ""
        message = f"{wrong} at character {value.place}{known}"
        raise _Refused(message)


def _unquote(token: _Token) -> str:
    return re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else token.text


def _is_sample(arguments: list[_Token]) -> bool:
    """A field, and the part of the entries that is taken: 0 to 1."""
    match arguments:
        case [_, part]:
            return re.fullmatch(r"0(\.\d+)?|1(\.0+)?", part.text) is not None
    return False


def _is_network(arguments: list[_Token]) -> bool:
    """A field, and a range of addresses."""
    match arguments:
        case [_, network] if network.kind == "text":
            try:
                ipaddress.ip_network(_unquote(network), strict=False)
            except ValueError:
                return False
            return True
    return False


def _is_search(arguments: list[_Token]) -> bool:
    """A text that is searched for, after the field where there is one."""
    match arguments:
        case [sought] | [_, sought]:
            return sought.kind == "text"
    return False


def _is_log(arguments: list[_Token]) -> bool:
    """The name of a log, without its project."""
    match arguments:
        case [name]:
            return name.kind == "text" and bool(_unquote(name).strip())
    return False


def _is_source(arguments: list[_Token]) -> bool:
    """What holds the logs: a project, a folder, an organisation, a billing account."""
    match arguments:
        case [holder]:
            return _HOLDER.fullmatch(_unquote(holder)) is not None
    return False


_FUNCTIONS: Mapping[str, Callable[[list[_Token]], bool]] = {
    "SEARCH": _is_search,
    "ip_in_net": _is_network,
    "log_id": _is_log,
    "sample": _is_sample,
    "source": _is_source,
}
"""By name: whether a function takes these arguments."""
