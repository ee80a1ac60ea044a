"""What Google refuses because of what is already there: networks that overlap, ports in use, services not enabled."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from controller.offline_google.models.type_models import find_type_model
from controller.offline_google.schema.diff_suppress import take_link_name
from controller.offline_google.schema.facts import ResourceType
from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.bucket_rules import check_bucket, check_bucket_deletion
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.iam.federation import check_provider
from controller.offline_google.world.iam.service_agents import IDENTITY
from controller.offline_google.world.instance_roles import check_instance
from controller.offline_google.world.log_rules import LOG_RULES, check_log_deletion
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.services import access, databases, dns, front_ends, networks
from controller.offline_google.world.services.backup_vaults import BACKUP_RULES
from controller.offline_google.world.services.containers import check_job, check_service
from controller.offline_google.world.services.database_users import check_user
from controller.offline_google.world.services.file_transfers import check_transfer_job
from controller.offline_google.world.services.image_registries import check_repository
from controller.offline_google.world.services.organisation_policies import check_organisation_policy
from controller.offline_google.world.services.scheduled_calls import check_scheduled_call
from controller.offline_google.world.services.web_firewall import check_security_policy
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]

_SERVICES: Mapping[str, str] = {
    "accesscontextmanager": "accesscontextmanager",
    "artifactregistry": "artifactregistry",
    "backupdisasterrecovery": "backupdr",
    "certificatemanager": "certificatemanager",
    "cloudidentity": "cloudidentity",
    "cloudrunv2": "run",
    "cloudscheduler": "cloudscheduler",
    "compute": "compute",
    "dns": "dns",
    "iam": "iam",
    "iap": "iap",
    "kms": "cloudkms",
    "logging": "logging",
    "monitoring": "monitoring",
    "orgpolicy": "orgpolicy",
    "secretmanager": "secretmanager",
    "serviceaccount": "iam",
    "servicenetworking": "servicenetworking",
    "sql": "sqladmin",
    "storage": "storage",
}
"""The API that must be enabled before. Those not here are part of what sets a project up.

Storage, Logging and Monitoring are on in a project that the console makes, and not in one that a program makes.
"""
SERVICE = "gcp:projects/service:Service"
_PROJECTS, _PROJECT_IAM = "cloudresourcemanager", "gcp:projects/iAM"
"""The API that keeps the roles, and what is logged, of a whole project."""


def check_cross_resource_rules(store: WorldStore, kind: ResourceType, identity: str, values: Values) -> None:
    """Refuse what the rest of the world does not allow.

    Raises:
        Refused: the resource cannot be as it is wanted, beside what there is.
    """
    _service_enabled(store, kind, values)
    model = find_type_model(kind.token)
    for name in model.world_rules if model is not None else ():
        if name not in OF_EVERY_TYPE:
            WORLD_RULES[name](store, identity, values)


def _service_enabled(store: WorldStore, kind: ResourceType, values: Values) -> None:
    # An identity is the agent of the service that it names.
    named = str(values.get("service")).removesuffix(".googleapis.com") if kind.token == IDENTITY else None
    word = named or find_service(kind)
    # What stands on a folder or an organisation asks the API of the project whose quota counts (`callers`).
    kind_of_parent, _, parent = str(values.get("parent") or "").partition("/")
    asked = parent if kind_of_parent == "projects" else values.get("project")
    project = str(asked or "")
    if word is not None and project:
        check_service_enabled(store, project, word)


def find_service(kind: ResourceType) -> str | None:
    """Return the first word of the API that answers for a type; None where it is part of what sets a project up."""
    return _SERVICES.get(kind.module) or (_PROJECTS if kind.token.startswith(_PROJECT_IAM) else None)


def check_service_enabled(store: WorldStore, project: str, word: str) -> None:
    """Refuse what asks a service whose API is off in the project.

    Raises:
        GoogleRefusal: it is off.
    """
    service = f"{word}.googleapis.com"
    if store.get(SERVICE, f"{project}/{service}"):
        return
    message = (
        f"{service} has not been used in project {find_project_number(project)} ({project}) before or it is disabled. "
        "Enable it first (projects.Service), and let this resource depend on it"
    )
    raise GoogleRefusal(403, message, "accessNotConfigured")


def _subnetwork(store: WorldStore, identity: str, values: Values) -> None:
    wanted = values.get("ipCidrRange")
    if not isinstance(wanted, str):
        return
    networks.check_allocated_range_free(store, identity, values)
    for other in store.all("gcp:compute/subnetwork:Subnetwork"):
        same = take_link_name(str(other.outputs.get("network"))) == take_link_name(str(values.get("network")))
        there = other.outputs.get("ipCidrRange")
        if other.id == identity or not same or not there or other.project != values.get("project"):
            continue
        if ipaddress.ip_network(wanted).overlaps(ipaddress.ip_network(there)):
            message = f"Invalid IPCidrRange: {wanted} conflicts with existing subnetwork '{other.name}' ({there})"
            raise GoogleRefusal(400, message, "invalid")


def _forwarding_rule(store: WorldStore, identity: str, values: Values) -> None:
    address, ports = values.get("ipAddress"), values.get("portRange")
    if not address or not ports:
        return
    for token in _RULES:
        for other in store.all(token):
            if other.id != identity and (other.outputs.get("ipAddress"), other.outputs.get("portRange")) == (
                address,
                ports,
            ):
                message = (
                    f"Invalid value for field 'ipAddress': '{address}'. Specified IP address is in-use on port {ports} "
                    f"by '{other.id}' and would result in a conflict"
                )
                raise GoogleRefusal(400, message, "invalid")


def _connection_unused(store: WorldStore, values: Values) -> None:
    network = take_link_name(str(values.get("network")))
    for other in store.all(INSTANCE):
        settings = (other.outputs.get("settings") or {}).get("ipConfiguration") or {}
        if take_link_name(str(settings.get("privateNetwork"))) == network:
            message = (
                f"Failed to delete connection; Producer services (e.g. CloudSQL '{other.name}') are still using it"
            )
            raise GoogleRefusal(400, message, "FLOW_SN_DC_RESOURCE_PREVENTING_DELETE_CONNECTION")


def check_deletion(store: WorldStore, token: str, values: Values) -> None:
    """Refuse a deletion for a reason that no link tells.

    Raises:
        Refused: something still needs it.
    """
    check_log_deletion(token, values)
    check_bucket_deletion(token, values)
    if token == "gcp:servicenetworking/connection:Connection":  # noqa: S105 a resource type
        _connection_unused(store, values)


_RULES = ("gcp:compute/globalForwardingRule:GlobalForwardingRule", "gcp:compute/forwardingRule:ForwardingRule")
WORLD_RULES: Mapping[str, Callable[[WorldStore, str, Values], None]] = {
    "access-level-neighbours": access.check_level_neighbours,
    "allocated-range-overlap": networks.check_allocated_range,
    "backend-groups": networks.check_backends,
    "binding-count": access.check_binding_count,
    "certificate-map-host": networks.check_host_once,
    "connection-ranges": networks.check_connection_ranges,
    "database-name": databases.check_database_name,
    "database-roles": check_instance,
    "database-user-flag": databases.check_user_of_iam,
    "database-user-roles": check_user,
    "dns-private-zone": dns.check_private_zone,
    "dns-record-place": dns.check_record_place,
    "bucket-retention-lock": check_bucket,
    "nat-alone": networks.check_nat_alone,
    "organisation-policy": check_organisation_policy,
    "port-in-use": _forwarding_rule,
    "front-end": front_ends.check_front_end,
    "identity-provider": check_provider,
    "image-repository": check_repository,
    "proxy-target": front_ends.check_proxy_target,
    "run-job": check_job,
    "run-service": check_service,
    "scheduled-call": check_scheduled_call,
    "subnet-overlap": _subnetwork,
    "web-firewall": check_security_policy,
    "transfer-job": check_transfer_job,
    **LOG_RULES,
    **BACKUP_RULES,
}
"""By the name that the tables of `models` call it: what the rest of the world does not allow."""
OF_EVERY_TYPE: Mapping[str, str] = {
    "generated-name": "outputs.generated_names",
    "key-user": "iam.key_users",
    "log-settings": "log_rules",
    "members": "iam.members",
    "project": "google",
    "roles": "iam.roles",
    "service-agents": "iam.service_agents",
    "service-connection": "outputs.given_addresses",
}
"""Rules that are asked whether a table names them or not, and the module that asks."""
