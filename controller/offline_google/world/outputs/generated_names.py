"""Names that Google chooses: what an id is made of before there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping

from controller.offline_google.schema.diff_suppress import take_link_name
from controller.offline_google.schema.facts import ResourceType
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.outputs.resource_names import find_project_number, make_number
from controller.offline_google.world.world_store import WorldStore

Values = dict[str, Value]
Rule = Callable[[WorldStore, Mapping[str, Value]], Values]


def generate_names(store: WorldStore, kind: ResourceType, values: Mapping[str, Value]) -> Values:
    """What the id is made of and Google chooses.

    Raises:
        Refused: a value from which Google would choose is wrong.
    """
    rule = _CHOSEN.get(kind.token)
    return rule(store, values) if rule else {}


def _account(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    email = f"{values['accountId']}@{values['project']}.iam.gserviceaccount.com"
    return {"email": email, "member": f"serviceAccount:{email}", "uniqueId": make_number("account", email, digits=21)}


def _access_policy(store: WorldStore, values: Mapping[str, Value]) -> Values:
    parent = str(values.get("parent"))
    scopes = values.get("scopes") or []
    for other in store.all("gcp:accesscontextmanager/accessPolicy:AccessPolicy"):
        if other.outputs.get("parent") == parent and (other.outputs.get("scopes") or []) == scopes:
            message = f"Policy already exists with parent {parent} and scopes {scopes}"
            raise GoogleRefusal(409, message, "alreadyExists")
    return {"name": make_number("policy", parent, json.dumps(scopes))}


def _access_level(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    parent, name = str(values["parent"]), str(values["name"])
    if not re.fullmatch(rf"{re.escape(parent)}/accessLevels/[A-Za-z][A-Za-z0-9_]{{0,49}}", name):
        message = f"Invalid value for field 'name': '{name}'. It must be {parent}/accessLevels/ and a short name"
        raise GoogleRefusal(400, message, "invalid")
    return {}


def _group(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"name": f"groups/{short_digest('group', str((values.get('groupKey') or {}).get('id')))}"}


def _membership(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    member = (values.get("preferredMemberKey") or values.get("memberKey") or {}).get("id")
    return {"name": f"{values['group']}/memberships/{short_digest('member', str(values['group']), str(member))}"}


def _named(collection: str, *fields: str) -> Rule:
    """A name that the service gives: the project, the collection, and a number that follows from the fields."""

    def rule(_store: WorldStore, values: Mapping[str, Value]) -> Values:
        seed = [str(values.get(field)) for field in (*fields, "displayName")]
        return {"name": f"projects/{values['project']}/{collection}/{make_number(collection, *seed, digits=19)}"}

    return rule


def _dashboard(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    owner = find_project_number(str(values["project"]))
    return {"name": f"projects/{owner}/dashboards/{make_uuid(str(values['dashboardJson']))}"}


def _secret_version(store: WorldStore, values: Mapping[str, Value]) -> Values:
    secret = str(values["secret"])
    prefix = f"{secret}/versions/"
    used = [int(found.id.rpartition("/")[2]) for found in store.all() if found.id.startswith(prefix)]
    version = str(max(used, default=0) + 1)
    return {"name": prefix + version, "version": version}


def _custom_service(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    service = values.get("serviceId") or short_digest("service", str(values.get("displayName")))
    return {"name": f"projects/{values['project']}/services/{service}", "serviceId": service}


def _objective(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    service = take_link_name(str(values.get("service")))
    objective = values.get("sloId") or short_digest("objective", service, str(values.get("displayName")))
    return {
        "name": f"projects/{values['project']}/services/{service}/serviceLevelObjectives/{objective}",
        "sloId": objective,
    }


def _metric(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"name": f"projects/{values['project']}/metricDescriptors/{values['type']}"}


def _project(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"number": find_project_number(str(values["projectId"]))}


_CHOSEN: Mapping[str, Rule] = {
    "gcp:accesscontextmanager/accessPolicy:AccessPolicy": _access_policy,
    "gcp:accesscontextmanager/accessLevel:AccessLevel": _access_level,
    "gcp:cloudidentity/group:Group": _group,
    "gcp:cloudidentity/groupMembership:GroupMembership": _membership,
    "gcp:monitoring/alertPolicy:AlertPolicy": _named("alertPolicies", "conditions"),
    "gcp:monitoring/notificationChannel:NotificationChannel": _named("notificationChannels", "type", "labels"),
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": _named("uptimeCheckConfigs"),
    "gcp:monitoring/customService:CustomService": _custom_service,
    "gcp:monitoring/slo:Slo": _objective,
    "gcp:monitoring/metricDescriptor:MetricDescriptor": _metric,
    "gcp:monitoring/dashboard:Dashboard": _dashboard,
    "gcp:organizations/project:Project": _project,
    "gcp:secretmanager/secretVersion:SecretVersion": _secret_version,
    "gcp:secretmanager/regionalSecretVersion:RegionalSecretVersion": _secret_version,
    "gcp:serviceaccount/account:Account": _account,
}
"""Before the id."""


def make_etag(text: str) -> str:
    """Return a fingerprint of a text, as in an etag."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:9]).decode()


def short_digest(*parts: str) -> str:
    """Return a short text that is the same for the same parts, as in a generated name."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def make_uuid(text: str) -> str:
    """Return a fingerprint of a text in the form of a UUID."""
    digits = hashlib.sha256(text.encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:32]))
