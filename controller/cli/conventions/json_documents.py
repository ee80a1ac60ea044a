"""The types of the JSON documents that commands print with --json."""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict


class UnjudgedDocument(TypedDict):
    """A way of others that touches ours and that no proof follows; `more` are interfaces of the same kind."""

    device: str
    line: int
    kind: str
    object: str | None
    text: str
    segments: list[str]
    more: list[str]
    needs: str


class MissingDocument(TypedDict):
    """A device of which no configuration was given, and what of it cannot be judged."""

    device: str
    unseen: str


class RuleOrigin(TypedDict):
    """A rule, and where it is written."""

    id: str
    origin: str


class TrustedDocument(TypedDict):
    """What is taken for granted, and where that is written."""

    origin: str
    message: str


class FindingDocument(TypedDict):
    """One finding of `check`."""

    severity: str
    kind: str
    origin: str
    message: str


class AdoptionDocument(TypedDict):
    """A school that is adopted in part, and what of it is not judged."""

    school: str
    name: str
    adoption: str
    not_judged: list[str]


class CheckDocument(TypedDict):
    """What `check` found."""

    city: str
    on: str
    schools: int
    pupils: int
    segments: int
    applications: int
    rules: int
    trusted: list[TrustedDocument]
    findings: list[FindingDocument]
    adoption: list[AdoptionDocument]


class AdoptDocument(TypedDict):
    """What `adopt` proposes."""

    school: str
    to: str
    devices: list[dict[str, Any]]
    refused: list[str]
    not_judged: list[str]
    not_supported: list[str]


class ObservedDevice(TypedDict):
    """A device as `plan` and `drift` saw it."""

    device: str
    platform: str
    refused: str | None
    left_out: str | None
    changes: list[str]
    delegated: list[str]
    encoding: str | None
    lines: int | None
    managed: int | None
    unmanaged: list[str] | None


class DriftedDevice(ObservedDevice):
    """The same, with whether it would boot with what it runs."""

    saved: bool


class DriftDocument(TypedDict):
    """What `drift` found."""

    devices: list[DriftedDevice]
    adoption: list[AdoptionDocument]
    not_judged: list[UnjudgedDocument]
    missing: list[MissingDocument]


class DeviceOutcome(TypedDict):
    """How a device's change ended."""

    device: str
    school: str
    end: str
    reason: str
    seconds: float


class ProofCheckDocument(TypedDict):
    """One check of `prove`."""

    name: str
    examined: int
    holds: bool
    differences: list[str]
    evidence: list[str]
    not_judged: str | None


class ProofDocument(TypedDict):
    """What `prove` found."""

    summary: str
    proved_now: str
    refused: list[str]
    unsupported: int
    not_judged: list[UnjudgedDocument]
    missing: list[MissingDocument]
    encodings: dict[str, str]
    checks: list[ProofCheckDocument]
    adoption: list[AdoptionDocument]
    seconds: float


class RenderedDocument(TypedDict):
    """What `render` wrote."""

    folder: str
    devices: list[str]
    filters: int
    refused: list[str]
    unsupported: int


class EnforcedEntry(TypedDict):
    """An entry of a filter that decides."""

    device: str
    filter: str
    line: str
    entry: str


class NetworkAnswer(TypedDict):
    """What the network part says about one service of one family."""

    family: int
    service: str
    destination: str
    permitted: bool
    necessities: list[RuleOrigin]
    rules: list[RuleOrigin]
    enforced: list[EnforcedEntry]
    note: str


IdentityAnswer = TypedDict(
    "IdentityAnswer",
    {
        "enforcer": str,
        "permitted": bool | None,
        "rules": list[RuleOrigin],
        "bindings": list[dict[str, Any]],
        "access-levels": list[dict[str, Any]],
        "session": dict[str, Any] | None,
    },
)
ExplainedDocument = TypedDict(
    "ExplainedDocument",
    {
        "from": str,
        "to": str,
        "stage": str | None,
        "network": list[NetworkAnswer],
        "lines": dict[str, Any] | None,
        "identity": IdentityAnswer,
    },
)
FlowAnswer = TypedDict("FlowAnswer", {"class": str, "permitted": bool, "rules": list[RuleOrigin]})
ExplainedFlowDocument = TypedDict(
    "ExplainedFlowDocument",
    {
        "from": str,
        "to": str,
        "classes": list[FlowAnswer],
        "channels": list[dict[str, Any]],
        "connections": list[dict[str, Any]],
        "unplaced": list[dict[str, Any]],
    },
)


class WhatIfDocument(TypedDict):
    """What `what-if` found; `exchange` is the old name of `data_flows`."""

    before: str
    after: str
    on: str
    nothing: bool
    answers: dict[str, int]
    network: list[dict[str, Any]]
    identity: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    admission: list[dict[str, Any]]
    data_flows: list[dict[str, Any]]
    exchange: list[dict[str, Any]]
    equipment: list[dict[str, Any]]
    stages: list[dict[str, Any]]
    later: list[dict[str, Any]]
    unjudged: list[str]


RewriteDocument = TypedDict(
    "RewriteDocument",
    {"file": str, "from": int | None, "to": int, "steps": list[str], "diff": str, "operators_file": list[str]},
)


class StarterDocument(TypedDict):
    """What `init` wrote; `notes` say what of a source was left out."""

    folder: str
    files: list[str]
    notes: list[str]


class MigrationDocument(TypedDict):
    """What `migrate` would rewrite, or has."""

    files: int
    written: bool
    rewrites: list[RewriteDocument]


class DeviceProgramDocument(TypedDict):
    """The program of `agent`."""

    platform: str
    program: str


class HostKeyDocument(TypedDict):
    """What `trust` saw and did. `end`: pinned, unchanged, or signed by an authority."""

    device: str
    type: str
    fingerprint: str
    end: str


class MonitorDocument(TypedDict):
    """Where the monitor that is about to start listens (`port` 0: a free one, which it says itself) and keeps data."""

    address: str
    port: int
    store: str


class RoundDocument(TypedDict):
    """A round of measurements; where a finding of a diagnosis has several causes, they are not told apart."""

    run: str
    store: str
    schools: list[dict[str, Any]]
    measurements: list[dict[str, Any]]
    diagnoses: list[dict[str, Any]]
    common_causes: list[dict[str, Any]]


class WatchedDocument(TypedDict):
    """An event of `measure --watch`, on a line of its own; further fields name the school, line and region."""

    at: str
    event: str
    text: str
    school: NotRequired[str]


class MeasurementDocument(TypedDict):
    """One measurement with the words of its program."""

    id: int
    run: str
    at: str | None
    school: str
    line: str
    region: str
    family: int
    kind: str
    outcome: str
    figures: dict[str, float]
    target: str
    method: str
    reason: str
    in_lessons: bool
    raw: str


class CloudDocument(TypedDict):
    """How a command of the cloud ended; `outputs` is the file that `up` wrote. Pulumi's words go to standard error."""

    command: str
    stack: str
    offline: bool
    outputs: str | None


class PlaybookDocument(TypedDict):
    """What a playbook did."""

    folder: str
    hosts: list[dict[str, Any]]
    left_out: list[str]


class AuditVerifiedDocument(TypedDict):
    """Whether the audit trail is as it was written; `fault` names the first broken entry."""

    fault: str | None
    trails: list[str]
    entries: int
    timelines: int
    measurement_stores: int
    notes: list[str]


class AuditPrunedDocument(TypedDict):
    """What was removed."""

    removed: list[str]
    keep_days: int


class ProblemDocument(TypedDict):
    """One thing wrong in a file."""

    file: str
    line: int
    field: str
    message: str


class ErrorBody(TypedDict):
    """A refusal: its code, the exit code, the message for people, and where the problems are."""

    code: str
    exit: int
    message: str
    problems: list[ProblemDocument]
    device: NotRequired[str]
    command: NotRequired[str]
    rollout: NotRequired[str]
    temporary: NotRequired[bool]


class ErrorDocument(TypedDict):
    """What stands on standard output where a run with --json was refused."""

    error: ErrorBody
