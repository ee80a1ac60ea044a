"""The JSON documents that commands print with --json, as types: `docs/json/` holds a JSON Schema of each.

Every document has a field `format`, its name and version. Within a version fields are only added. Text in a document
that is meant for people (messages, changes, summaries) is no part of the format: do not parse it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from controller.cli.conventions.import_documents import ImportDocument
from controller.cli.conventions.json_documents import (
    AdoptDocument,
    AuditPrunedDocument,
    AuditVerifiedDocument,
    CheckDocument,
    CloudDocument,
    DeviceProgramDocument,
    DriftDocument,
    ErrorDocument,
    ExplainedDocument,
    ExplainedFlowDocument,
    HostKeyDocument,
    MeasurementDocument,
    MigrationDocument,
    MonitorDocument,
    PlaybookDocument,
    ProofDocument,
    RenderedDocument,
    RoundDocument,
    StarterDocument,
    WatchedDocument,
    WhatIfDocument,
)
from controller.cli.conventions.lab_documents import (
    LabBuiltDocument,
    LabFaultDocument,
    LabRemovedDocument,
    LabRepairedDocument,
    NodeCommandDocument,
)
from controller.cli.output import name_form


class JsonForm(NamedTuple):
    """A document: the commands that print it, and its type (or where a model of it is defined)."""

    commands: tuple[str, ...]
    type: Any


FORMS: Mapping[str, JsonForm] = MappingProxyType(
    {
        "check": JsonForm(("check",), CheckDocument),
        "plan": JsonForm(("plan",), "controller.cli.devices.plan:PlanDocument"),
        "adopt": JsonForm(("adopt",), AdoptDocument),
        "adopt-rules": JsonForm(("adopt",), "controller.cli.devices.learnt_rules:LearntRulesDocument"),
        "adopt-release": JsonForm(("adopt",), "controller.cli.devices.take_over:ReleaseDocument"),
        "apply": JsonForm(("apply",), "controller.cli.devices.apply:ApplyDocument"),
        "rollout": JsonForm(
            (
                "rollout start",
                "rollout resume",
                "rollout pause",
                "rollout cancel",
                "rollout show",
                "rollout write-off",
                "rollout watch",
                "rollout undo",
            ),
            "controller.cli.rollouts.documents:RolloutDocument",
        ),
        "rollout-event": JsonForm(
            ("rollout start", "rollout resume", "rollout watch", "rollout undo"),
            "controller.cli.rollouts.progress:RolloutEvent",
        ),
        "rollout-undo": JsonForm(("rollout undo",), "controller.cli.rollouts.undo:RolloutUndoDocument"),
        "rollout-list": JsonForm(
            ("rollout list", "rollout worker"), "controller.cli.rollouts.documents:RolloutsDocument"
        ),
        "drift": JsonForm(("drift",), DriftDocument),
        "explain": JsonForm(("explain",), ExplainedDocument),
        "explain-flow": JsonForm(("explain",), ExplainedFlowDocument),
        "what-if": JsonForm(("what-if",), WhatIfDocument),
        "integrate-plan": JsonForm(("integrate plan",), "controller.cli.integration.documents:IntegratePlanDocument"),
        "integrate-confirm": JsonForm(
            ("integrate confirm",), "controller.cli.integration.confirm:ConfirmationDocument"
        ),
        "init": JsonForm(("init",), StarterDocument),
        "import": JsonForm(("import",), ImportDocument),
        "migrate": JsonForm(("migrate",), MigrationDocument),
        "approve": JsonForm(("approve", "rollout approve"), "controller.cli.devices.approve:ApprovalDocument"),
        "agent": JsonForm(("agent",), DeviceProgramDocument),
        "trust": JsonForm(("trust",), HostKeyDocument),
        "repair": JsonForm(("repair",), "controller.cli.devices.repair:RepairDocument"),
        "measure": JsonForm(("measure",), RoundDocument),
        "measure-watch": JsonForm(("measure",), WatchedDocument),
        "measure-probes": JsonForm(("measure",), "controller.cli.measurement.probe_measurements:ProbedSchoolsDocument"),
        "measure-schedule": JsonForm(("measure schedule",), "controller.cli.measurement.schedule:TestScheduleDocument"),
        "measure-uplinks": JsonForm(("measure uplinks",), "controller.cli.measurement.uplinks:UplinksDocument"),
        "measure-import": JsonForm(
            ("measure import",), "controller.cli.measurement.import_measurements:ManualImportDocument"
        ),
        "render": JsonForm(("render",), RenderedDocument),
        "prove": JsonForm(("prove",), ProofDocument),
        "run-event": JsonForm(("run",), "controller.cli.daemon.run:RunEvent"),
        "monitor": JsonForm(("monitor",), MonitorDocument),
        "lab-up": JsonForm(("lab up",), LabBuiltDocument),
        "lab-down": JsonForm(("lab down",), LabRemovedDocument),
        "lab-status": JsonForm(("lab status",), "controller.lab.lab_status:LabStatus"),
        "lab-matrix": JsonForm(("lab matrix",), "controller.lab.trials.matrix_results:MatrixResult"),
        "lab-people": JsonForm(("lab people",), "controller.lab.trials.people.people_results:PeopleResult"),
        "lab-break": JsonForm(("lab break",), LabFaultDocument),
        "lab-repair": JsonForm(("lab repair",), LabRepairedDocument),
        "lab-run": JsonForm(("lab run",), NodeCommandDocument),
        "cloud": JsonForm(("cloud preview", "cloud up", "cloud refresh", "cloud destroy"), CloudDocument),
        "cloud-drift": JsonForm(("cloud drift",), "controller.cli.cloud:CloudDriftDocument"),
        "playbook-list": JsonForm(("playbook list",), "controller.cli.devices.playbook:PlaybookListDocument"),
        "playbook-run": JsonForm(("playbook run",), PlaybookDocument),
        "rotate": JsonForm(("rotate",), "controller.cli.rotation.rotate:RotationDocument"),
        "restore": JsonForm(("restore",), "controller.cli.recovery.restore:RestoreDocument"),
        "backup": JsonForm(("backup create", "backup restore"), "controller.cli.recovery.backup:BackupDocument"),
        "integrate-computers": JsonForm(
            ("integrate computers",), "controller.cli.integration.computers:ComputersDocument"
        ),
        "integrate-status": JsonForm(("integrate status",), "controller.cli.integration.status:StagesDocument"),
        "integrate-schedule": JsonForm(("integrate schedule",), "controller.cli.integration.schedule:ScheduleDocument"),
        "drill": JsonForm(
            ("drill restore", "drill line", "drill region", "drill state"), "controller.drills.drill_record:DrillRecord"
        ),
        "drill-list": JsonForm(("drill list",), "controller.cli.recovery.drill:DrillsDocument"),
        "probe-enrol": JsonForm(("probe enrol",), "controller.cli.measurement.probe:ProbeEnrolledDocument"),
        "probe-list": JsonForm(("probe list",), "controller.cli.measurement.probe:ProbesDocument"),
        "probe-revoke": JsonForm(("probe revoke",), "controller.cli.measurement.probe:ProbeRevokedDocument"),
        "audit-verify": JsonForm(("audit verify",), AuditVerifiedDocument),
        "audit-prune": JsonForm(("audit prune",), AuditPrunedDocument),
        "report-integration": JsonForm(
            ("report integration",), "controller.cli.integration.report:IntegrationReportDocument"
        ),
        "report-availability": JsonForm(
            ("report availability",), "controller.cli.measurement.availability:AvailabilityDocument"
        ),
        "report-bandwidth": JsonForm(("report bandwidth",), "controller.cli.measurement.report:ReportDocument"),
        "report-measurement": JsonForm(("report measurement",), MeasurementDocument),
        "error": JsonForm((), ErrorDocument),
    }
)
"""By the name that stands in `format`."""


def build_json_schemas() -> Mapping[str, dict[str, Any]]:
    """Return the JSON Schema of each document; the types of all commands are loaded for it."""
    return {name: _build_schema(name, form) for name, form in FORMS.items()}


def _build_schema(name: str, form: JsonForm) -> dict[str, Any]:
    kind = resolve_name(form.type) if isinstance(form.type, str) else form.type
    schema = TypeAdapter(kind).json_schema(mode="serialization")
    commands = " and ".join(f"`tsunagu {one} --json`" for one in form.commands) or "any command with --json, refused"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{name}: {commands}",
        **{key: value for key, value in schema.items() if key != "title"},
        "properties": {"format": {"const": name_form(name)}, **schema["properties"]},
        "required": ["format", *schema.get("required", [])],
        "additionalProperties": True,
    }
