"""What Google calls a resource: its id, and the other names it answers to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from controller.offline_google.schema.diff_suppress import strip_self_link, take_link_name
from controller.offline_google.schema.facts import ResourceType
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.existing_organisation import read_existing_organisation

Values = Mapping[str, Value]

_TEMPLATES: Mapping[str, str] = {
    "gcp:compute/networkPeering:NetworkPeering": "{{network}}/{{name}}",
    "gcp:compute/projectMetadata:ProjectMetadata": "{{project}}",
    "gcp:compute/sharedVPCHostProject:SharedVPCHostProject": "{{project}}",
    "gcp:dns/recordSet:RecordSet": "projects/{{project}}/managedZones/{{managed_zone}}/rrsets/{{name}}/{{type}}",
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": (
        "projects/{{project}}/locations/{{location}}/buckets/{{bucket_id}}"
    ),
    "gcp:logging/projectExclusion:ProjectExclusion": "projects/{{project}}/exclusions/{{name}}",
    "gcp:logging/projectSink:ProjectSink": "projects/{{project}}/sinks/{{name}}",
    "gcp:monitoring/dashboard:Dashboard": "{{name}}",
    "gcp:organizations/policy:Policy": "{{org_id}}/{{constraint}}",
    "gcp:organizations/project:Project": "projects/{{project_id}}",
    "gcp:orgpolicy/policy:Policy": "{{name}}",
    "gcp:projects/iAMCustomRole:IAMCustomRole": "projects/{{project}}/roles/{{role_id}}",
    "gcp:projects/iAMAuditConfig:IAMAuditConfig": "{{project}}/audit_config/{{service}}",
    "gcp:projects/service:Service": "{{project}}/{{service}}",
    "gcp:projects/serviceIdentity:ServiceIdentity": "projects/{{project}}/services/{{service}}",
    "gcp:serviceaccount/account:Account": "projects/{{project}}/serviceAccounts/{{email}}",
    "gcp:servicenetworking/connection:Connection": "{{network}}:{{service}}",
    "gcp:sql/user:User": "{{project}}/{{instance}}/{{host}}/{{name}}",
    "gcp:storage/bucket:Bucket": "{{name}}",
    "gcp:compute/firewall:Firewall": "projects/{{project}}/global/firewalls/{{name}}",
}
"""For the types whose id the provider's source does not build from one template. Real ids of a few look different."""

_WHOLE = frozenset({"key_ring", "name", "parent", "secret", "email", "project_id"})
"""Fields that stand in a template as they are; of others that hold a link, its last part does."""
_HOSTS: Mapping[str, str] = {
    "compute": "https://www.googleapis.com/compute/v1/",
    "sql": "https://sqladmin.googleapis.com/sql/v1beta4/",
    "storage": "https://www.googleapis.com/storage/v1/b/",
}
IAM = re.compile(r"^(?P<parent>.*?)(Iam|IAM)(?P<kind>Member|Binding|Policy)$")
"""The name of a type that gives roles on something."""


def name_resource(kind: ResourceType, values: Values) -> str:
    """The id, from what the resource holds once Google has filled in its part."""
    if IAM.match(kind.name):
        return _of_binding(kind, values)
    template = _TEMPLATES.get(kind.token) or str(kind.facts.get("id") or "{{name}}")

    def part(found: re.Match[str]) -> str:
        name = found[1]
        value = values.get(kind.property_of(name))
        text = "" if value is None else str(value)
        return text if name in _WHOLE or "/" not in text else take_link_name(text)

    return re.sub(r"{{%?(\w+)}}", part, template)


def make_self_link(kind: ResourceType, identity_text: str) -> str:
    """The address of the resource in Google's API; empty for types that show none."""
    return _HOSTS[kind.module] + identity_text if kind.module in _HOSTS else ""


def list_aliases(kind: ResourceType, identity_text: str, values: Values) -> frozenset[str]:
    """Every text by which another resource may refer to it. A bare name counts inside its project only."""
    project = str(values.get("project", ""))
    names = {identity_text, strip_self_link(identity_text)}
    for field in ("name", "bucketId", "secretId", "repositoryId", "accountId", "serviceId"):
        value = values.get(field)
        if isinstance(value, str) and value:
            names.add(f"{project}|{value}")
            names.add(value if "/" in value else f"{project}|{value}")
    for field in ("email", "uniqueId"):
        value = values.get(field)
        if isinstance(value, str) and value:
            names.add(value)
    if kind.short == "accesscontextmanager.AccessPolicy":
        names.add(f"accessPolicies/{values.get('name')}")
    if kind.short == "storage.Bucket":
        names.add(str(values.get("name")))
    if kind.short == "organizations.Project":
        names |= {str(values.get("projectId")), str(values.get("number"))}
    if kind.short == "cloudidentity.Group":
        names.add(str((values.get("groupKey") or {}).get("id", "")).lower())
    return frozenset(names - {""})


def make_number(*parts: str, digits: int = 12) -> str:
    """A number as Google gives it out: long, without a meaning, and here always the same for the same thing."""
    raw = int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:16])
    return str(10 ** (digits - 1) + raw % (9 * 10 ** (digits - 1)))


def find_project_number(project: str) -> str:
    """The number of a project: as the landscape says, or one of its own."""
    return read_existing_organisation().projects.get(project) or make_number("project", project)


def _of_binding(kind: ResourceType, values: Values) -> str:
    """What it is on, the role, the member, and the condition where there is one.

    The real provider's id has only the condition's title; IAM tells bindings apart by every word of it, so a replaced
    condition is another binding, and deleting the old one must leave the new one alone.
    """
    on = [
        str(values[name])
        for name, found in kind.properties.items()
        if found.mode in {"required", "optional+computed"} and found.type == "string" and values.get(name)
        if name not in {"role", "member", "policyData"}
    ]
    rest = [str(values[name]) for name in ("role", "member") if values.get(name)]
    condition = values.get("condition") or {}
    words = [str(condition.get(name) or "") for name in ("title", "description", "expression")]
    told_apart = [words[0], make_number(*words, digits=8)] if condition else []
    return "/".join([*(strip_self_link(text) for text in on), *rest, *told_apart])
