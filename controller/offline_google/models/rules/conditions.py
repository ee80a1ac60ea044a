"""CEL in what is given to Google: parsed by the project's own CEL, with the attributes that Google documents.

An attribute that is not declared does not compile. So one that Google has and that is not known here is refused, too.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from controller.prove.engine.cel import (
    CLAIMS,
    RESOURCE,
    CelRefused,
    IamCondition,
    LevelEvaluator,
    explain_expression,
)

MOST_ENTRIES = 200
"""Entries of one list in a custom access level."""
MOST_OPERATORS = 12
"""Logical operators in the condition of a binding."""
_OTHER_LEVEL = re.compile(r"\blevels\.([A-Za-z]\w*)")
_RANGES = re.compile(r"inIpRange\(\s*[\w.]+\s*,\s*\[([^\]]*)\]")
_TOKEN = re.compile(r'r?"(?:\\.|[^"\\])*"|r?\'(?:\\.|[^\'\\])*\'|[\[\](),{}]|&&|\|\||!(?!=)')


def explain_level(expression: str) -> str:
    """Return why an expression is no custom access level; empty where it is one.

    >>> explain_level('origin.region_code in ["JP"]')
    ''
    >>> explain_level("device.is_shiny").partition(":")[0]
    'access level this is refused'
    """
    return _explain_level(expression)


@lru_cache(maxsize=1024)
def _explain_level(expression: str) -> str:
    try:
        LevelEvaluator({"this": expression, **dict.fromkeys(list_other_levels(expression), "true")})
    except CelRefused as refused:
        return str(refused)
    wrong = [one for one in _list_ranges(expression) if not _is_range(one)]
    return f"access level is refused: {wrong[0]!r} is no range of addresses (host bits must be zero)" if wrong else ""


def _list_ranges(expression: str) -> list[str]:
    """The texts of the lists that `inIpRange` is given."""
    lists = _RANGES.findall(expression)
    return [double or single for one in lists for double, single in re.findall(r'"([^"]*)"|\'([^\']*)\'', one)]


def _is_range(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def list_other_levels(expression: str) -> list[str]:
    """The short names of the access levels that an expression asks.

    >>> list_other_levels("levels.japan && !levels.abroad")
    ['japan', 'abroad']
    """
    return list(dict.fromkeys(_OTHER_LEVEL.findall(expression)))


def explain_condition(expression: str) -> str:
    """Return why an expression is no condition of a binding at the proxy; empty where it is one.

    >>> explain_condition('"accessPolicies/1/accessLevels/a" in request.auth.access_levels')
    ''
    >>> bool(explain_condition("this is ((( not CEL"))
    True
    """
    if not expression.strip():
        return "condition is refused: it is empty"
    try:
        IamCondition(expression)
    except CelRefused as refused:
        return str(refused)
    return ""


def explain_resource_condition(expression: str) -> str:
    """Return why an expression is no condition of a binding on a resource; empty where it is one.

    >>> explain_resource_condition("api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly(['a'])")
    ''
    >>> bool(explain_resource_condition("resource.colour == 'red'"))
    True
    """
    return explain_expression(expression, RESOURCE, truth=True)


def explain_claims(expression: str, *, truth: bool) -> str:
    """Return why an expression asks nothing of a token from elsewhere; empty where it does.

    >>> explain_claims("assertion.sub", truth=False)
    ''
    >>> bool(explain_claims("token.sub == 'a'", truth=True))
    True
    """
    return explain_expression(expression, CLAIMS, truth=truth)


def count_operators(expression: str) -> int:
    """How many logical operators an expression has; those inside of texts are none.

    >>> count_operators('a && !b || c == "&&"')
    3
    """
    return sum(token in {"&&", "||", "!"} for token in _TOKEN.findall(expression))


def find_longest_list(expression: str) -> int:
    """How many entries the longest list of an expression has.

    >>> find_longest_list('inIpRange(origin.ip, ["192.0.2.0/24", "a,b"]) || x in [[1, 2, 3], [4]]')
    3
    """
    longest, open_lists = 0, list[int | None]()
    for token in _TOKEN.finditer(expression):
        match token.group():
            case "[" | "(" | "{":
                open_lists.append(1 if token.group() == "[" else None)
            case "]" | ")" | "}" if open_lists:
                longest = max(longest, open_lists.pop() or 0)
            case "," if open_lists and open_lists[-1] is not None:
                open_lists[-1] += 1
    return longest
