"""CEL as Google's identity-aware proxy evaluates it: access levels over a request, conditions over granted levels.

The environment is typed and closed: an attribute that is not declared here does not compile. An attribute that the
request does not carry is an error, as at Google, and what errs is not granted. Sources: see `access_levels` and
`hours` in `controller.compile.identity`. The evaluator itself is CEL's C++ implementation (`cel-expr-python`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stubs come without a py.typed

from controller.errors import TsunaguError

RequestAttributes = Mapping[str, object]
"""What is known of a request, by full attribute name, e.g. `origin.ip`. What is left out is unknown."""

_TEXT, _FLAG, _NUMBER = cel.Type.STRING, cel.Type.BOOL, cel.Type.INT
_ENCRYPTION = ("ENCRYPTION_UNSPECIFIED", "ENCRYPTION_UNSUPPORTED", "UNENCRYPTED", "ENCRYPTED")
_CONSTANTS: dict[str, object] = {f"DeviceEncryptionStatus.{name}": n for n, name in enumerate(_ENCRYPTION)}
OPERATING_SYSTEMS = (
    "OS_UNSPECIFIED",
    "DESKTOP_MAC",
    "DESKTOP_WINDOWS",
    "DESKTOP_LINUX",
    "DESKTOP_CHROME_OS",
    "ANDROID",
    "IOS",
)
"""Operating systems by the number that `device.os_type` has for them."""
_CONSTANTS |= {f"OsType.{name}": number for number, name in enumerate(OPERATING_SYSTEMS)}
ENCRYPTED = _ENCRYPTION.index("ENCRYPTED")
UNENCRYPTED = _ENCRYPTION.index("UNENCRYPTED")

_REQUEST: dict[str, cel.Type] = {
    "request.time": cel.Type.TIMESTAMP,
    "origin.ip": _TEXT,
    "origin.region_code": _TEXT,
    "device.encryption_status": _NUMBER,
    "device.os_type": _NUMBER,
    "device.is_admin_approved_device": _FLAG,
    "device.is_corp_owned_device": _FLAG,
    "device.is_secured_with_screenlock": _FLAG,
    "device.certificates": cel.Type.List(cel.Type.Map(_TEXT, cel.Type.DYN)),
    "device.vendors": cel.Type.Map(_TEXT, cel.Type.Map(_TEXT, cel.Type.Map(_TEXT, _TEXT))),
    **{f"request.auth.claims.crd_str.{way}": _FLAG for way in ("pwd", "push", "sms", "swk", "hwk", "otp", "mfa")},
    **dict.fromkeys(_CONSTANTS, _NUMBER),
}
_CONDITION: dict[str, cel.Type] = {
    "request.time": cel.Type.TIMESTAMP,
    "request.auth.access_levels": cel.Type.List(_TEXT),
}
RESOURCE: dict[str, cel.Type] = {
    "request.time": cel.Type.TIMESTAMP,
    "resource.name": _TEXT,
    "resource.service": _TEXT,
    "resource.type": _TEXT,
}
"""What a condition of IAM on anything but the proxy may ask, as far as it is known here."""
CLAIMS: dict[str, cel.Type] = {
    "assertion": cel.Type.Map(_TEXT, cel.Type.DYN),
    "attribute": cel.Type.Map(_TEXT, _TEXT),
    "google": cel.Type.Map(_TEXT, cel.Type.DYN),
}
"""What a provider of identities from elsewhere may ask of a token."""


class CelRefused(TsunaguError):
    """An expression that Google's proxy would not take: its syntax, a type, or an attribute that does not exist."""


def explain_expression(expression: str, attributes: Mapping[str, cel.Type], *, truth: bool) -> str:
    """Return why an expression does not compile with these attributes; empty where it does.

    `truth` asks that its value is one. Beside CEL's own functions there are those by which a condition of IAM limits
    which roles may be granted ("Setting limits on granting roles").

    >>> explain_expression("resource.name.startsWith('a')", RESOURCE, truth=True)
    ''
    >>> explain_expression("resource.name", RESOURCE, truth=True)
    'it is no condition but a STRING'
    """
    try:
        compiled = cel.NewEnv(variables=dict(attributes), functions=_list_grant_functions()).compile(expression)
    except RuntimeError as error:
        return str(error)
    kind = compiled.return_type()
    return f"it is no condition but a {kind.name()}" if truth and kind != _FLAG else ""


def _list_grant_functions() -> list[cel.FunctionDecl]:
    names = cel.Type.List(_TEXT)
    asked = cel.Overload("get_attribute", names, [_TEXT, names], is_member=False, impl=lambda _, default: default)
    limits = cel.Overload("has_only", _FLAG, [names, names], is_member=True, impl=lambda one, all_: {*one} <= {*all_})
    return [cel.FunctionDecl("api.getAttribute", [asked]), cel.FunctionDecl("hasOnly", [limits])]


class LevelEvaluator:
    """The access levels of a policy; which of them a request is granted.

    >>> managed = "levels.japan && device.is_admin_approved_device"
    >>> evaluator = LevelEvaluator({"japan": 'origin.region_code == "JP"', "managed": managed})
    >>> sorted(evaluator.find_granted({"origin.region_code": "JP", "device.is_admin_approved_device": True}))
    ['japan', 'managed']
    >>> sorted(evaluator.find_granted({"origin.region_code": "JP"}))  # an error is not granted
    ['japan']
    """

    def __init__(self, expressions: Mapping[str, str]) -> None:
        """Compile levels by their short name; `levels.X` may ask any other, but not in a circle.

        Raises:
            CelRefused: an expression does not compile, or levels ask one another in a circle.
        """
        variables = {**_REQUEST, **{f"levels.{name}": _FLAG for name in expressions}}
        environment = cel.NewEnv(variables=variables, functions=[_in_ip_range()])
        self._compiled = {
            name: _compile(environment, expressions[name], f"access level {name}") for name in _in_order(expressions)
        }
        timed: set[str] = set()
        for name in self._compiled:
            if "request.time" in expressions[name] or any(_asks(expressions[name], other) for other in timed):
                timed.add(name)
        self._timed = frozenset(timed)
        # CEL has no state: a level is the same wherever the attributes that its text names are the same.
        self._named = {name: _attributes_in(expressions[name], variables) for name in self._compiled}
        self._remembered: dict[tuple[object, ...], bool] = {}

    def find_granted(self, attributes: RequestAttributes, before: frozenset[str] | None = None) -> frozenset[str]:
        """The short names of the levels that hold; an error, of whatever kind, is not granted.

        `before` are those of the same request at another time: then only what depends on the time is asked anew.
        """
        known: dict[str, object] = {**_CONSTANTS, **attributes}
        # The library would cut a text at its first NUL and compare what is left: such an attribute is unknown.
        for name in [name for name, value in attributes.items() if "\\x00" in repr(value)]:
            del known[name]
        granted: set[str] = set()
        for name, expression in self._compiled.items():
            stays = before is not None and name not in self._timed
            holds = name in (before or ()) if stays else self._level(name, expression, known)
            known[f"levels.{name}"] = holds
            if holds:
                granted.add(name)
        return frozenset(granted)

    def _level(self, name: str, expression: cel.Expression, known: Mapping[str, object]) -> bool:
        key = (name, *(_hashable(known.get(one, _UNKNOWN)) for one in self._named[name]))
        found = self._remembered.get(key)
        if found is None:
            found = self._remembered[key] = _holds(expression, known)
        return found


_UNKNOWN = object()


def _attributes_in(expression: str, variables: Iterable[str]) -> tuple[str, ...]:
    """The attributes that an expression could ask for: those whose name stands anywhere in its text."""
    return tuple(name for name in variables if name in expression and name not in _CONSTANTS)


def _hashable(value: object) -> object:
    return repr(value) if isinstance(value, (list, dict)) else value


class IamCondition:
    """The condition of an IAM binding at the proxy; an empty one always holds.

    >>> condition = IamCondition('"accessPolicies/1/accessLevels/japan" in request.auth.access_levels')
    >>> noon = datetime.combine(TODAY, datetime.min.time(), city.timezone)
    >>> condition.holds(["accessPolicies/1/accessLevels/japan"], noon), condition.holds([], noon)
    (True, False)
    """

    def __init__(self, expression: str) -> None:
        """Compile it.

        Raises:
            CelRefused: it does not compile.
        """
        self._compiled = _compile(_conditions(), expression, "condition") if expression else None
        self._expression = expression
        self._remembered: dict[tuple[frozenset[str], datetime | None], bool] = {}

    def holds(self, levels: Iterable[str], at: datetime) -> bool:
        """Tell whether it holds for a request that was granted these levels (by full name) at this time."""
        if self._compiled is None:
            return True
        # One that does not name the time is the same at all times.
        granted = frozenset(levels)
        key = (granted, at if "request.time" in self._expression else None)
        found = self._remembered.get(key)
        if found is None:
            asked = {"request.auth.access_levels": sorted(granted), "request.time": at}
            found = self._remembered[key] = _holds(self._compiled, asked)
        return found


@lru_cache(maxsize=1)
def _conditions() -> cel.Env:
    return cel.NewEnv(variables=_CONDITION)


def _compile(environment: cel.Env, expression: str, what: str) -> cel.Expression:
    try:
        compiled = environment.compile(expression)
    except RuntimeError as error:
        message = f"{what} is refused: {error}"
        raise CelRefused(message) from None
    if compiled.return_type() != _FLAG:
        message = f"{what} is refused: it is no condition but a {compiled.return_type().name()}: {expression}"
        raise CelRefused(message)
    return compiled


def _holds(expression: cel.Expression, known: Mapping[str, object]) -> bool:
    """True only for a plain true: an error is a value of type ERROR here, and no exception."""
    return expression.eval(data=known).value() is True


def _in_ip_range() -> cel.FunctionDecl:
    overload = cel.Overload("in_ip_range", _FLAG, [_TEXT, cel.Type.List(_TEXT)], is_member=False, impl=_within)
    return cel.FunctionDecl("inIpRange", [overload])


def _within(address: str, ranges: Sequence[str]) -> bool:
    asked = _address(address)
    return any(asked in _network(one) for one in ranges)


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text)


@lru_cache(maxsize=4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _in_order(expressions: Mapping[str, str]) -> list[str]:
    """Each level after those that it asks."""
    asks = {n: [m for m in expressions if _asks(text, m)] for n, text in expressions.items()}
    ordered: list[str] = []
    waiting = dict(asks)
    # Every turn puts one in order at least, so there are no more turns than levels.
    for _ in expressions:
        if not waiting:
            break
        ready = sorted(name for name, needs in waiting.items() if all(need in ordered for need in needs))
        if not ready:
            message = f"access levels ask one another in a circle: {', '.join(sorted(waiting))}"
            raise CelRefused(message)
        ordered += ready
        waiting = {name: needs for name, needs in waiting.items() if name not in ready}
    return ordered


def _asks(expression: str, name: str) -> bool:
    # Most expressions name no other level: only where one does its end is looked at.
    asked = f"levels.{name}"
    return asked in expression and re.search(rf"{re.escape(asked)}(?!\w)", expression) is not None
