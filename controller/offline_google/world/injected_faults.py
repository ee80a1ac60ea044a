"""Failures that a test or a drill asks for: a JSON file of rules, read at every call, and every hit counted.

    [{"name": "tokyo", "fault": "unavailable", "region": "asia-northeast1"},
     {"name": "twice", "fault": "conflict", "call": "create", "type": "gcp:sql/*", "times": 2}]

`call` (create, read, update, delete), `type` and `resource` (the engine's logical name) are patterns; `times` says how
often the rule meets a call, without it always. `region` meets every call for something there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.locations import find_location
from controller.offline_google.world.world_store import WorldStore


@dataclass(frozen=True, slots=True)
class FaultRule:
    """One kind of failure, and which calls it meets."""

    name: str
    fault: str
    call: str = "*"
    type: str = "*"
    resource: str = "*"
    region: str = ""
    times: int | None = None


@dataclass(frozen=True, slots=True)
class EngineCall:
    """A call of the engine's, as far as a rule looks at it."""

    call: str
    type: str
    resource: str
    values: Mapping[str, Value]


_REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "conflict": (409, "The operation was aborted by a concurrent change; try again", "conflict"),
    "quota": (403, "Quota 'CPUS_ALL_REGIONS' exceeded. Limit: 0 globally.", "quotaExceeded"),
    "rate": (429, "Quota exceeded for quota metric 'Queries' per minute", "rateLimitExceeded"),
    "unavailable": (503, "The service is currently unavailable", "backendError"),
    "timeout": (504, "timeout while waiting for state to become 'DONE'; nothing was made", "deadlineExceeded"),
}

KINDS = frozenset({*_REFUSALS, "partial", "lost", "hang"})
"""In the last three the work is done. `partial`: what is made does not come up. `lost`: the call ends in an error.
`hang`: it does not end until the engine gives up or dies."""
_MAKING = ("create", "update")
"""The calls after which something can stand half made."""


def find_injected_fault(store: WorldStore, file: Path | None, call: EngineCall) -> FaultRule | None:
    """The rule that meets this call, counted; None where none does.

    Raises:
        ValueError: the file is no list of rules.
    """
    if file is None or not file.exists():
        return None
    for rule in read_rules(file):
        if not _meets(rule, call):
            continue
        if rule.times is None or store.faults().get(rule.name, 0) < rule.times:
            store.count_fault(rule.name)
            return rule
    return None


def make_refusal(rule: FaultRule) -> GoogleRefusal | None:
    """What Google answers; None for failures in which it does its work and only the answer goes wrong."""
    if rule.fault not in _REFUSALS:
        return None
    status, message, reason = _REFUSALS[rule.fault]
    return GoogleRefusal(status, f"{message} (injected: {rule.name})", reason)


def format_rules(rules: Sequence[FaultRule]) -> str:
    """Rules as the text of a file."""
    return json.dumps([asdict(rule) for rule in rules], indent=1)


def read_rules(file: Path) -> list[FaultRule]:
    """The rules of a file.

    Raises:
        ValueError: it is no list of rules, or a rule names a field or a fault that does not exist, or a half-made
            result of a call that makes nothing.
    """
    known = {entry.name for entry in fields(FaultRule)}
    rules = []
    for entry in json.loads(file.read_bytes()):
        unknown = sorted(entry.keys() - known)
        if unknown or entry.get("fault") not in KINDS or not entry.get("name"):
            kinds = ", ".join(sorted(KINDS))
            message = f"{file}: a rule needs a name and a fault of {kinds}, and has no field {unknown}: {entry}"
            raise ValueError(message)
        rule = FaultRule(**entry)
        if rule.fault == "partial" and not any(fnmatchcase(call, rule.call) for call in _MAKING):
            message = f"{file}: 'partial' meets {' and '.join(_MAKING)} alone, which 'call' leaves out: {entry}"
            raise ValueError(message)
        rules.append(rule)
    return rules


def _meets(rule: FaultRule, call: EngineCall) -> bool:
    patterns = ((call.call, rule.call), (call.type, rule.type), (call.resource, rule.resource))
    if not all(fnmatchcase(text, pattern) for text, pattern in patterns):
        return False
    if rule.fault == "partial" and call.call not in _MAKING:
        return False
    return not rule.region or find_location(call.values) == rule.region
