"""A stack under Pulumi's mocks: what it declares, without an engine, in milliseconds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import MockCallArgs, MockResourceArgs, Mocks

from controller.model.access.rules import ApplicationFile, RuleFile
from controller.model.city import City
from controller.model.policy_files import APPLICATIONS, RULES
from stacks.settings.configuration import StackConfiguration
from stacks.settings.read_configuration import parse_stack_configuration
from stacks.stack import build_controller_outputs, declare_stack

ROOT = Path(__file__).parents[2]
SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 a mark of the wire
"""The key by which the engine's wire marks an object as something special, such as a secret."""
REMOVED = object()
STACKS = ("lab", "staging", "production")


ALWAYS_KNOWN: Mapping[str, Mapping[str, Any]] = {
    "BackupVault": {"serviceAccount": "vault-1@gcp-sa-backupdr-pr.iam.gserviceaccount.com"},
    "ManagedZone": {"nameServers": ["ns1.google."]},
    "ProjectSink": {"writerIdentity": "serviceAccount:logs@google.example"},
}
"""What Google says of every resource of a type."""


@dataclass(frozen=True)
class Declared:
    """A resource as the program declares it, with the engine's names of its inputs."""

    type: str
    name: str
    inputs: Mapping[str, Any]


class Recorder(Mocks):
    """Answers with what Google would compute, as far as the program reads it."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Remember what is declared."""
        inputs: dict[str, Any] = _plain(args.inputs)
        self.declared.append(Declared(args.typ, args.name, inputs))
        number, kind = len(self.declared), args.typ.rpartition(":")[2]
        known: dict[str, Any] = {"name": inputs.get("name", args.name), "selfLink": f"https://google/{args.name}"}
        known |= ALWAYS_KNOWN.get(kind, {})
        match kind:
            case "GlobalAddress" if inputs.get("addressType") != "INTERNAL":
                known["address"] = f"2001:db8::{number}" if inputs["ipVersion"] == "IPV6" else f"203.0.113.{number}"
            case "Account":
                known["email"] = f"{inputs['accountId']}@project.iam.gserviceaccount.com"
            case "ServiceIdentity":
                known["email"] = f"service-1@gcp-sa-{inputs['service'].partition('.')[0]}.iam.gserviceaccount.com"
            case "BackendService":
                known["generatedId"] = number
            case "DatabaseInstance":
                known["connectionName"] = f"project:{inputs['region']}:{known['name']}"
            case "DnsAuthorization":
                record = {"name": f"_acme-challenge.{inputs['domain']}.", "type": "CNAME", "data": "proof.google."}
                known["dnsResourceRecords"] = [record]
        place = {"Network": "projects/project/global/networks/"}.get(kind, f"{kind}/")
        if kind == "ProjectBucketConfig":
            place = f"projects/{inputs['project']}/locations/{inputs['location']}/buckets/"
        return f"{place}{args.name}", {**inputs, **known}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        """The functions of Google's that are called: who the agents of Cloud Storage and Cloud Logging are."""
        agents = {
            "getProjectServiceAccount": ("emailAddress", "service-1@gs-project-accounts.iam.gserviceaccount.com"),
            "getTransferProjectServiceAccount": ("email", "project-1@storage-transfer-service.iam.gserviceaccount.com"),
            "getProjectCmekSettings": ("serviceAccountId", "cmek-p1@gcp-sa-logging.iam.gserviceaccount.com"),
        }
        name, email = agents[args.token.rpartition(":")[2]]
        return {name: email}, []

    def of(self, kind: str) -> list[Declared]:
        """The resources of a type, by the last word of its name."""
        return [one for one in self.declared if one.type.rpartition(":")[2] == kind]


def values(stack: str) -> dict[str, str]:
    """A stack's configuration as the engine hands it over."""
    read = yaml.safe_load((ROOT / f"stacks/config/Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return {key: _text(value) for key, value in read["config"].items()}


def configured(stack: str, **changes: object) -> StackConfiguration:
    """A stack's configuration as committed, with changes."""
    return parse_stack_configuration(stack, values(stack), file(stack)).model_copy(update=changes)


def changed_values(stack: str, changes: Mapping[str, object]) -> dict[str, str]:
    """A stack's configuration with changes by path, such as `applications/affairs/host`; REMOVED takes a key away."""
    document = {key: _parsed(text) for key, text in values(stack).items()}
    for path, value in changes.items():
        *above, last = f"tsunagu:{path}".split("/")
        place: Any = document
        for part in above:
            place = place.setdefault(part, {})
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return {key: _text(value) for key, value in document.items()}


def changed(stack: str, changes: Mapping[str, object]) -> StackConfiguration:
    """The same, read."""
    return parse_stack_configuration(stack, changed_values(stack, changes), file(stack))


def file(stack: str) -> Path:
    """The stack's file."""
    return ROOT / f"stacks/config/Pulumi.{stack}.yaml"


def declare(city: City, settings: StackConfiguration) -> tuple[Recorder, dict[str, Any]]:
    """What a stack declares, and the outputs that the controller gets."""
    exported: dict[str, Any] = {}

    def program() -> pulumi.Output[None]:
        stack = declare_stack(city, settings, file(settings.environment))
        found = pulumi.Output.from_input(build_controller_outputs(stack, settings))
        return found.apply(exported.update)

    return run_program(settings.environment, program), exported


def run_program(stack: str, program: Callable[[], pulumi.Output[None] | None]) -> Recorder:
    """What a program declares."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="tsunagu", stack=stack, preview=False)
    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return recorder


def list_twice_named(declared: list[Declared]) -> list[tuple[str, str]]:
    """Types and names that occur twice: components of one kind have children under one type, so one full name."""
    counted = Counter((one.type, one.name) for one in declared)
    return [key for key, count in counted.items() if count > 1]


def rename_application(city: City, old: str, new: str) -> City:
    """The city with an application under another id, also where rules and flows speak of it."""

    def renamed(name: str) -> str:
        return new if name == old else name

    rules = tuple(
        rule.model_copy(update={"applications": tuple(map(renamed, rule.applications))}) for rule in city.rules
    )
    applications = {
        renamed(name): one.model_copy(update={"id": renamed(name)}) for name, one in city.applications.items()
    }
    return city.replace_file(RULES, RuleFile(rules=rules)).replace_file(
        APPLICATIONS, ApplicationFile(applications=tuple(applications.values()))
    )


def application(city: City, name: str, **changes: object) -> City:
    """The city with one application changed."""
    changed = city.applications[name].model_copy(update=changes)
    return city.replace_file(
        APPLICATIONS, ApplicationFile(applications=tuple({**city.applications, name: changed}.values()))
    )


def _parsed(text: str) -> Any:  # noqa: ANN401 any JSON
    return json.loads(text) if text[:1] in ("{", "[") else text


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _plain(value: Any) -> Any:  # noqa: ANN401 any JSON
    """Without what the wire adds: it marks secrets, and has only one kind of number (a whole one is an int)."""
    if isinstance(value, Mapping) and SECRET in value:
        return _plain(value["value"])
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
