"""The fields of a log entry, and what each may be compared with; a field that is not named here is refused.

Sources: `LogEntry`, `HttpRequest`, `MonitoredResource`, `LogEntryOperation`, `LogEntrySourceLocation`, `LogSplit` and
`LogSeverity` in the reference of Logging's API (other numbers of a severity than the listed ones: "undefined"), "Values
and conversions" in "Logging query language" (numbers, times, durations).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import Enum, auto
from math import isfinite

SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
"""In their order; the number of each is its place times 100."""


class FieldKind(Enum):
    """What stands in a field. A group holds other fields; what is free holds whatever the writer of the log put in."""

    TEXT = auto()
    NUMBER = auto()
    TRUTH = auto()
    TIME = auto()
    DURATION = auto()
    SEVERITY = auto()
    GROUP = auto()
    FREE = auto()


_WORDS: Mapping[FieldKind, str] = {
    FieldKind.NUMBER: "number",
    FieldKind.TRUTH: "true or false",
    FieldKind.TIME: 'time such as "2027-04-01T08:30:00Z" in quotes',
    FieldKind.DURATION: "duration such as 1.5s",
}
_FREE_ONES = ("apphub", "apphubdestination", "apphubsource", "jsonpayload", "labels", "protopayload")
_TEXTS = ("errorgroups.id", "insertid", "logname", "operation.id", "operation.producer", "resource.type", "spanid")
_MORE_TEXTS = ("sourcelocation.file", "sourcelocation.function", "split.uid", "textpayload", "trace")
_OF_A_REQUEST = ("protocol", "referer", "remoteip", "requestmethod", "requesturl", "serverip", "useragent")
_COUNTS_OF_A_REQUEST = ("cachefillbytes", "requestsize", "responsesize", "status")
_TRUTHS_OF_A_REQUEST = ("cachehit", "cachelookup", "cachevalidatedwithoriginserver")
_FIELDS: Mapping[str, FieldKind] = {
    **dict.fromkeys((*_TEXTS, *_MORE_TEXTS), FieldKind.TEXT),
    **dict.fromkeys((f"httprequest.{one}" for one in _OF_A_REQUEST), FieldKind.TEXT),
    **dict.fromkeys((f"httprequest.{one}" for one in _COUNTS_OF_A_REQUEST), FieldKind.NUMBER),
    **dict.fromkeys((f"httprequest.{one}" for one in _TRUTHS_OF_A_REQUEST), FieldKind.TRUTH),
    **dict.fromkeys(("sourcelocation.line", "split.index", "split.totalsplits"), FieldKind.NUMBER),
    **dict.fromkeys(("operation.first", "operation.last", "tracesampled"), FieldKind.TRUTH),
    **dict.fromkeys(("receivetimestamp", "timestamp"), FieldKind.TIME),
    **dict.fromkeys((*_FREE_ONES, "metadata.systemlabels", "metadata.userlabels", "resource.labels"), FieldKind.FREE),
    "httprequest.latency": FieldKind.DURATION,
    "severity": FieldKind.SEVERITY,
}
"""By path, in small letters and without underscores: the language takes both spellings."""
_GROUPS = frozenset(path.partition(".")[0] for path in _FIELDS if "." in path)
_PART = re.compile(r'"(?:\\.|[^"\\])*"|[^."]+')
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:T(?:[01]\d|2[0-3])(?::[0-5]\d){1,2}(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?)?")
_DURATION = re.compile(r"-?\d+(?:\.\d+)?(?:h|m|s|ms|us|ns)?")


def find_field(path: str) -> FieldKind | None:
    """Return what stands in a field of a log entry; None where it has none of this path.

    >>> find_field("http_request.status"), find_field('labels."a.b"'), find_field("resource.kind")
    (<FieldKind.NUMBER: 2>, <FieldKind.FREE: 8>, None)
    """
    parts = _PART.findall(path)
    if ".".join(parts) != path:
        return None
    plain = [part.replace("_", "").lower() for part in parts]
    for length in (1, 2):
        kind = _FIELDS.get(".".join(plain[:length]))
        if kind is not None:
            return kind if kind is FieldKind.FREE or len(parts) == length else None
    return FieldKind.GROUP if plain[0] in _GROUPS and len(parts) == 1 else None


def explain_value(kind: FieldKind, operator: str, value: str, *, quoted: bool) -> str:
    """Return why a field of this kind is not compared so; empty where it is. A `:` asks whether something is in it.

    >>> explain_value(FieldKind.NUMBER, ">=", "many", quoted=False)
    "'many' is no number"
    """
    if operator == ":" and kind is not FieldKind.SEVERITY:
        return ""
    match kind:
        case FieldKind.SEVERITY:
            numbers = {str(100 * place) for place in range(len(SEVERITIES))}
            known = value.upper() in {*SEVERITIES, *numbers} or (operator == ":" and value == "*")
            return "" if known else f"{value!r} is no severity"
        case FieldKind.GROUP:
            return "a group of fields is only asked with ':'; compare one of them"
        case FieldKind.NUMBER:
            fits = _is_number(value)
        case FieldKind.TRUTH:
            fits = value.lower() in {"true", "false"}
        case FieldKind.TIME:
            fits = quoted and _is_time(value)
        case FieldKind.DURATION:
            fits = _DURATION.fullmatch(value) is not None
        case _:
            return ""
    return "" if fits else f"{value!r} is no {_WORDS[kind]}"


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _is_time(text: str) -> bool:
    if _TIME.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
