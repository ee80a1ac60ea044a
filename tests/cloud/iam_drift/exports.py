"""A stack's record and what Google's CLI exports of it, as tests need them: all as declared, or with something planted.

The forms are those of the documents of Google (IAM's "Policy", `gcloud projects get-ancestors`) and of the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = "city-production"
ACCESSOR = "roles/iap.httpsResourceAccessor"
BACKENDS = {"affairs": "affairs-3f1c2a", "groupware": "groupware-77aa01"}
CONDITION = '"accessPolicies/1/accessLevels/managed" in request.auth.access_levels'
TEACHERS = "group:tsunagu-production-teacher@city.example"
FILES = (
    "organization-900.json",
    "folder-123.json",
    "project.json",
    "web.json",
    "web-backends.json",
    *(f"backend-{name}.json" for name in BACKENDS.values()),
)


def make_record() -> dict[str, Any]:
    """The engine's record of a stack of two applications; teachers may use both."""
    provider = {"type": "pulumi:providers:gcp", "outputs": {"project": PROJECT, "region": "asia-northeast1"}}
    backends = [
        {"type": "gcp:compute/backendService:BackendService", "outputs": {"name": name}} for name in BACKENDS.values()
    ]
    bindings = [
        {
            "type": "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding",
            "outputs": {
                "webBackendService": f"projects/{PROJECT}/iap_web/compute/services/{name}",
                "role": ACCESSOR,
                "members": [TEACHERS],
                "condition": {"title": f"{application} teacher 1", "expression": CONDITION},
            },
        }
        for application, name in BACKENDS.items()
    ]
    return {"version": 3, "deployment": {"resources": [provider, *backends, *bindings]}}


def make_binding(member: str, *, role: str = ACCESSOR, condition: str = CONDITION) -> dict[str, Any]:
    """A binding as IAM writes it; an empty condition is left out."""
    found: dict[str, Any] = {"role": role, "members": [member]}
    return found | ({"condition": {"title": "t", "expression": condition}} if condition else {})


def write_exports(folder: Path, added: Mapping[str, dict[str, Any]] | None = None) -> Path:
    """Write a whole export, all as declared, with bindings added by file."""
    folder.mkdir(exist_ok=True)
    above = [("project", PROJECT), ("folder", "123"), ("organization", "900")]
    ancestors = [{"id": name, "type": kind} for kind, name in above]
    (folder / "ancestors.json").write_text(json.dumps(ancestors), "utf-8")
    for name in FILES:
        bindings = [make_binding(TEACHERS)] if name.startswith("backend-") else []
        bindings += [added[name]] if added and name in added else []
        policy = {"etag": "BwXhqDmQ", "version": 3} | ({"bindings": bindings} if bindings else {})
        (folder / name).write_text(json.dumps(policy), "utf-8")
    return folder
