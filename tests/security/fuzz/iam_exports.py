"""Exported IAM policies, and the engine's record of a stack, for the fuzzer: what they begin from, and what reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from controller.cloud.iam_drift.declared_grants import parse_declared_grants
from controller.cloud.iam_drift.exported_policies import ANCESTORS, ExportedPolicies
from controller.cloud.iam_drift.find_iam_drift import find_iam_drift
from controller.errors import TsunaguError
from controller.inputs.bounded_json import JsonRefused, parse_json
from tests.cloud.iam_drift.exports import FILES, TEACHERS, make_binding, make_record, write_exports

_POLICY = json.dumps({"etag": "x", "version": 3, "bindings": [make_binding(TEACHERS)]}).encode()
_ANCESTRY = b'[{"id": "city-production", "type": "project"}, {"id": "1", "type": "folder"}]'
_ROLE = b'{"name": "organizations/1/roles/a", "includedPermissions": ["iap.webServiceVersions.accessViaIAP"]}'
_RECORD = json.dumps(make_record()).encode()
_REFUSALS = (TsunaguError, JsonRefused)
Run = Callable[[bytes], object]


def list_iam_readers(folder: Path) -> list[tuple[str, tuple[bytes, ...], Run, tuple[str, ...], tuple[type, ...]]]:
    """What each reader is called, what it begins from, what reads, what it covers, and its refusals."""
    exports = write_exports(folder / "exports")
    declared = parse_declared_grants("production", make_record())

    def judge_with(name: str) -> Run:
        def run(data: bytes) -> None:
            path = exports / name
            kept = path.read_bytes() if path.exists() else None
            path.write_bytes(data)
            try:
                find_iam_drift(declared, ExportedPolicies(exports))
            finally:
                if kept is None:
                    path.unlink()
                else:
                    path.write_bytes(kept)

        return run

    return [
        ("exported IAM policy", (_POLICY,), judge_with(FILES[0]), ("read_grants",), _REFUSALS),
        ("exported ancestors", (_ANCESTRY,), judge_with(ANCESTORS), ("read_ancestors",), _REFUSALS),
        ("exported role", (_ROLE,), judge_with("role-a.json"), ("read_roles",), _REFUSALS),
        ("record of a stack", (_RECORD,), lambda data: parse_declared_grants("production", parse_json(data)),
         ("parse_declared_grants",), _REFUSALS),
    ]  # fmt: skip
