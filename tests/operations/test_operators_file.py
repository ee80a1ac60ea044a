"""The operators' file: found, read, and refused at its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from controller.errors import OperationsRefused
from controller.operations.operations import ApprovalRule, Approvals, Operations
from controller.operations.operators_file import find_operators_file, load_operations
from controller.operations.restore_settings import RestoreSecret
from tools.make_schemas import OPERATIONS

WHOLE = """format: 1
access:
  switches:
    user: tsunagu
    key: {file: ~/.ssh/tsunagu}
    read-key: {env: TSUNAGU_READ_KEY}
    known-hosts: /etc/tsunagu/known_hosts
    legacy-algorithms: [diffie-hellman-group14-sha1, ssh-rsa]
    jump-host: {host: jump.example.jp, user: tsunagu, key: {file: /k}, known-hosts: /etc/tsunagu/jump}
  old-routers: {user: admin, password: {command: [/usr/bin/pass, show, routers]}, known-hosts: /t, namespace: mgmt}
controllers: [10.255.0.10/32]
reserved: [10.0.0.0/8]
cloud-bounds: {ipv4: 29, ipv6: 64, within: [203.0.113.0/24]}
approvals:
  allowed-signers: /etc/tsunagu/signers
  require:
    - {schools: 1, approvals: 1}
    - {schools: 20, approvals: 2, from: [sato@example.jp, suzuki@example.jp]}
plans: {expire-after-hours: 4}
rollout:
  canary: as-e04
  schools-at-once: 4
  windows:
    - {days: [mon, tue, wed, thu, fri], from: "18:00", until: "22:00"}
retention: {events-days: 200, rollouts-days: 30, audit-days: 200}
tokens: {controller: /etc/tsunagu/c, probe: /etc/tsunagu/p}
audit: {head: journal}
numbers: {yamaha_rtx: {filters: 5000000, keepalives: 21, tunnels: 7}}
restore:
  secrets:
    - {line: "snmp-server community <redacted>", secret: {file: ~/.config/tsunagu/secrets/community}}
  leave-out: ["description <redacted>"]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "operations.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(OperationsRefused) as caught:
        load_operations(write(folder, text))
    return str(caught.value)


def test_every_field_is_read(tmp_path: Path) -> None:
    found = load_operations(write(tmp_path, WHOLE))
    assert found.access["switches"].legacy_algorithms == ("diffie-hellman-group14-sha1", "ssh-rsa")
    key = found.access["switches"].key
    assert key is not None
    assert key.file == Path.home() / ".ssh/tsunagu"
    assert found.access["old-routers"].namespace == "mgmt"
    assert found.plans.expire_after_hours == 4
    assert found.audit.head == "journal"
    assert [rule.approvals for rule in found.approvals.find_rules(20)] == [1, 2]


def test_the_schema_agrees(tmp_path: Path) -> None:
    schema = json.loads(OPERATIONS.read_text(encoding="utf-8"))
    jsonschema.validate(yaml.safe_load(WHOLE), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"format": 1, "acess": {}}, schema)
    assert "unknown field" in refused(tmp_path, "format: 1\nacess: {}\n")


def test_where_no_file_is_named_and_none_is_there_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TSUNAGU_OPERATIONS", raising=False)
    assert load_operations() == Operations()
    assert Operations().approvals == Approvals(require=(ApprovalRule(schools=1, approvals=1),))


def test_a_file_that_was_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(tmp_path / "nothing.yaml"))
    with pytest.raises(OperationsRefused, match="file is missing"):
        load_operations()


def test_a_variable_without_a_value_names_nothing() -> None:
    path, named = find_operators_file({"TSUNAGU_OPERATIONS": ""})
    assert (path.name, named) == ("operations.yaml", False)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("access: {}\n", 1, "needs the field format: 1"),
        ("format: 2\n", 1, "is of format 2"),
        ("format: 1\naccess:\n  a: {user: x, known-hosts: /k}\n", 3, "exactly one of key, password"),
        ("format: 1\naccess:\n  a: {user: x, known-hosts: k, key: {env: K}}\n", 3, "begins with / or ~/"),
        ("format: 1\naccess:\n  A b: {user: x, known-hosts: /k, key: {env: K}}\n", 3, "access.A b"),
        (
            "format: 1\naccess:\n  a:\n    user: x\n    known-hosts: /k\n    password: {command: [pass, x]}\n",
            6,
            "whole path",
        ),
        ("format: 1\napprovals:\n  require:\n    - {approvals: 2, from: [a, a]}\n", 4, "2 approvals of 1 people"),
        ("format: 1\ncontrollers: [8]\n", 2, "write a prefix"),
        ("format: 1\ntokens: {probe: probe}\n", 2, "begins with / or ~/"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    said = refused(tmp_path, text)
    assert f"operations.yaml:{line}:" in said
    assert message in said


def test_every_item_of_a_list_of_the_file_remembers_its_line() -> None:
    """The reader gives each of them its place; one that cannot hold it could never be written."""
    models: list[type[BaseModel]] = [Operations]
    lost: list[str] = []
    for model in models:
        for field in model.model_fields.values():
            for found, is_item in _list_models(field.annotation):
                if is_item and "origin" not in found.model_fields:
                    lost.append(found.__name__)
                if found not in models:
                    models.append(found)
    assert RestoreSecret in models
    assert lost == []


def _list_models(annotation: Any, *, is_item: bool = False) -> list[tuple[type[BaseModel], bool]]:  # noqa: ANN401 a type
    """Every model in a field's type, and whether it stands in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, is_item)]
    inside = is_item or get_origin(annotation) is tuple
    return [one for part in get_args(annotation) for one in _list_models(part, is_item=inside)]
