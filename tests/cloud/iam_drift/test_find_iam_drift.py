"""Grants that somebody made in the console: found at each resource and of each kind; what was not exported is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.cloud.iam_drift.declared_grants import parse_declared_grants
from controller.cloud.iam_drift.exported_policies import ExportedPolicies
from controller.cloud.iam_drift.find_iam_drift import GrantFault, IamDrift, find_iam_drift
from controller.errors import CloudError
from tests.cloud.iam_drift.exports import (
    ACCESSOR,
    BACKENDS,
    CONDITION,
    FILES,
    PROJECT,
    TEACHERS,
    make_binding,
    make_record,
    write_exports,
)

OWN_ROLE = f"projects/{PROJECT}/roles/helpdesk"


def judge(folder: Path) -> IamDrift:
    return find_iam_drift(parse_declared_grants("production", make_record()), ExportedPolicies(folder))


def test_an_export_of_what_was_declared_differs_in_nothing(tmp_path: Path) -> None:
    found = judge(write_exports(tmp_path))
    assert found == IamDrift((), (), (), (), resources=len(FILES), as_declared=len(BACKENDS))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("member", "role", "condition", "fault"),
    [
        ("allUsers", "roles/viewer", "", GrantFault.EVERYBODY),
        ("allAuthenticatedUsers", ACCESSOR, CONDITION, GrantFault.EVERYBODY),
        ("user:somebody@city.example", ACCESSOR, "", GrantFault.UNCONDITIONAL),
        (TEACHERS, ACCESSOR, "", GrantFault.UNCONDITIONAL),
        ("domain:city.example", ACCESSOR, "true", None),
        (
            "principalSet://iam.googleapis.com/locations/global/workforcePools/p/*",
            ACCESSOR,
            "",
            GrantFault.UNCONDITIONAL,
        ),
    ],
)
def test_a_grant_that_the_stack_has_not_made_is_found_on_every_resource(  # noqa: PLR0913, PLR0917 the table's columns
    name: str, member: str, role: str, condition: str, fault: GrantFault | None, tmp_path: Path
) -> None:
    found = judge(write_exports(tmp_path, {name: make_binding(member, role=role, condition=condition)}))
    [(seen, grant)] = found.faults
    assert seen is (fault or (GrantFault.OTHER if name.startswith("backend-") else GrantFault.ABOVE))
    assert grant.resource.file_name == name
    assert (grant.role, grant.condition) == (role, condition)
    assert found.as_declared == len(BACKENDS)


@pytest.mark.parametrize("name", FILES)
def test_what_opens_nothing_is_no_drift(name: str, tmp_path: Path) -> None:
    assert judge(write_exports(tmp_path, {name: make_binding("user:a@city.example", role="roles/viewer")})).faults == ()


@pytest.mark.parametrize("name", FILES)
def test_a_resource_that_was_not_exported_is_not_judged_and_the_command_is_named(name: str, tmp_path: Path) -> None:
    (write_exports(tmp_path) / name).unlink()
    [(resource, command)] = judge(tmp_path).not_judged
    assert resource is not None
    assert resource.file_name == name
    assert command.startswith("gcloud ")
    assert command.endswith(f"get-iam-policy {resource.name} --format=json > {name}") or PROJECT in command


def test_without_the_list_of_ancestors_or_any_export_that_is_named(tmp_path: Path) -> None:
    (write_exports(tmp_path) / "ancestors.json").unlink()
    assert [resource for resource, _ in judge(tmp_path).not_judged] == [None]
    nothing = find_iam_drift(parse_declared_grants("production", make_record()), None)
    assert (nothing.resources, len(nothing.not_judged)) == (0, len(FILES) - 1)


def test_a_grant_that_is_gone_and_one_whose_condition_was_changed_are_found(tmp_path: Path) -> None:
    name = f"backend-{BACKENDS['affairs']}.json"
    policy = {"etag": "x", "bindings": [make_binding(TEACHERS, condition="true")]}
    (write_exports(tmp_path) / name).write_text(json.dumps(policy), "utf-8")
    assert [(fault, grant.condition) for fault, grant in judge(tmp_path).faults] == [
        (GrantFault.OTHER, "true"),
        (GrantFault.MISSING, CONDITION),
    ]


def test_members_are_compared_as_google_does(tmp_path: Path) -> None:
    name = f"backend-{BACKENDS['affairs']}.json"
    policy = {"etag": "x", "bindings": [make_binding(TEACHERS.replace("city", "CITY"))]}
    (write_exports(tmp_path) / name).write_text(json.dumps(policy), "utf-8")
    assert judge(tmp_path).faults == ()


@pytest.mark.parametrize(
    ("permissions", "faults", "unknown"),
    [(["iap.webServiceVersions.accessViaIAP"], 1, 0), (["compute.instances.get"], 0, 0), (None, 0, 1)],
)
def test_a_role_of_the_city_s_own_is_judged_by_what_it_permits(
    permissions: list[str] | None, faults: int, unknown: int, tmp_path: Path
) -> None:
    write_exports(tmp_path, {"project.json": make_binding("group:helpdesk@city.example", role=OWN_ROLE)})
    if permissions is not None:
        role = {"name": OWN_ROLE, "includedPermissions": permissions, "stage": "GA"}
        (tmp_path / "role-helpdesk.json").write_text(json.dumps(role), "utf-8")
    found = judge(tmp_path)
    assert (len(found.faults), len(found.unknown_roles)) == (faults, unknown)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("project.json", "{}", "project.json: etag: Field required"),
        ("project.json", "[]", "project.json: the whole"),
        ("project.json", '{"etag": "x", "binding": []}', "project.json: binding"),
        ("project.json", '{"etag": "x", "bindings": [{"role": "r", "members": "a"}]}', "bindings.0.members"),
        ("project.json", '{\n"etag": ', "project.json:2: is no JSON"),
        ("web.json", '{"etag": "x", "bindings": [{"role": "roles/a_withcond_1", "members": []}]}', "policy version 3"),
        ("ancestors.json", "[]", "is not of project 'city-production'"),
        ("ancestors.json", '[{"id": "other", "type": "project"}]', "is not of project 'city-production'"),
        ("ancestors.json", '[{"id": "x", "type": "planet"}]', "ancestors.json: 0.type"),
        ("role-x.json", '{"includedPermissions": []}', "role-x.json: name"),
    ],
)
def test_what_is_no_export_is_refused_with_its_file(name: str, text: str, told: str, tmp_path: Path) -> None:
    (write_exports(tmp_path) / name).write_text(text, "utf-8")
    with pytest.raises(CloudError, match=told):
        judge(tmp_path)


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"deployment": None},
        {"deployment": {"resources": [1]}},
        {"deployment": {"resources": []}},
        {"deployment": {"resources": [{"type": "pulumi:providers:gcp", "outputs": {"project": "p"}},
                                      {"type": "gcp:compute/backendService:BackendService"}]}},
    ],
)  # fmt: skip
def test_a_record_without_a_deployment_is_refused(record: object) -> None:
    with pytest.raises(CloudError, match="'production'"):
        parse_declared_grants("production", record)


def test_a_condition_of_any_length_is_compared(tmp_path: Path) -> None:
    name = f"backend-{BACKENDS['affairs']}.json"
    policy = {"etag": "x", "bindings": [make_binding(TEACHERS, condition=CONDITION + " || true" * 9_000)]}
    (write_exports(tmp_path) / name).write_text(json.dumps(policy), "utf-8")
    assert [fault for fault, _ in judge(tmp_path).faults] == [GrantFault.OTHER, GrantFault.MISSING]


@pytest.mark.parametrize(("condition", "fault"), [("", GrantFault.UNCONDITIONAL), ("true", GrantFault.OTHER)])
def test_a_backend_that_the_stack_does_not_know_is_judged_where_it_was_exported(
    condition: str, fault: GrantFault, tmp_path: Path
) -> None:
    policy = {"etag": "x", "bindings": [make_binding("domain:city.example", condition=condition)]}
    (write_exports(tmp_path) / "backend-made-by-hand.json").write_text(json.dumps(policy), "utf-8")
    assert [(seen, grant.resource.name) for seen, grant in judge(tmp_path).faults] == [(fault, "made-by-hand")]


@pytest.mark.parametrize("name", ["folder-124.json", "projects.json", "backend.json", "project.json.txt", "roles.json"])
def test_a_file_that_nothing_reads_is_told(name: str, tmp_path: Path) -> None:
    (write_exports(tmp_path) / name).write_text(json.dumps({"etag": "x"}), "utf-8")
    assert judge(tmp_path).unread == (name,)


@pytest.mark.parametrize(
    ("role", "unknown"), [("roles/iap.newAccessor", 1), ("roles/iap.admin", 0), ("roles/owner", 0), (OWN_ROLE, 1)]
)
def test_a_role_of_the_proxy_that_is_not_known_here_is_not_judged(role: str, unknown: int, tmp_path: Path) -> None:
    found = judge(write_exports(tmp_path, {"web.json": make_binding("group:a@city.example", role=role)}))
    assert (len(found.faults), len(found.unknown_roles)) == (0, unknown)
