"""What Google fills in by itself: numbers, links, addresses, names it chooses. Plausible, and never a real thing's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from controller.offline_google.schema.facts import ResourceType
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.iam.federation import POOL, PROVIDER, name_pool, name_provider
from controller.offline_google.world.iam.service_agents import IDENTITY, find_agent_domain, make_agent_email
from controller.offline_google.world.outputs.generated_names import make_etag, make_uuid, short_digest
from controller.offline_google.world.outputs.given_addresses import allocate_private_address
from controller.offline_google.world.outputs.resource_names import find_project_number, make_number
from controller.offline_google.world.services.backup_vaults import ASSOCIATION, PLAN, VAULT, make_vault_account
from controller.offline_google.world.services.scheduled_calls import SCHEDULED_JOB, tell_state
from controller.offline_google.world.world_store import WorldStore

Values = dict[str, Value]
Rule = Callable[[WorldStore, Mapping[str, Value]], Values]
_GIVEN_ONCE = ("creationTimestamp", "createTime")


def compute_fields(store: WorldStore, kind: ResourceType, identity: str, values: Mapping[str, Value]) -> Values:
    """Return what Google fills in beside `values`, which are the program's and, of an update, what was there before.

    Nothing that a program may say is overwritten: its word counts, and without one the last word stays. The rest
    follows from the values as they are now; only the time of making was given out once.

    Raises:
        Refused: something that Google would need is not there.
    """
    made = _common(kind, identity, values)
    rule = _FILLED.get(kind.token)
    if rule is not None:
        made |= rule(store, {**values, "id": identity})
    if isinstance(values.get("condition"), Mapping) or "etag" in kind.properties:
        made["etag"] = make_etag(json.dumps(values, sort_keys=True, default=str))
    made |= {key: values[key] for key in _GIVEN_ONCE if values.get(key) is not None}
    return {key: value for key, value in made.items() if key == "id" or _may_fill(kind, key, values)}


def _may_fill(kind: ResourceType, name: str, values: Mapping[str, Value]) -> bool:
    """Whether it is Google's to say: a property of the type that no program can set, or that nothing was said of."""
    found = kind.properties.get(name)
    return found is not None and (not found.settable or values.get(name) is None)


def format_now() -> str:
    """The time as Google writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _common(kind: ResourceType, identity: str, values: Mapping[str, Value]) -> Values:
    labels = values.get("labels") or {}
    count = make_number(kind.token, identity, digits=18)
    deletion = {key: value for key, value in kind.facts.get("deletion", {}).items() if values.get(key) is None}
    common: Values = {
        "creationTimestamp": format_now(),
        "createTime": format_now(),
        "updateTime": format_now(),
        "generatedId": int(count[:15]),
        "uid": make_uuid(identity),
        "labelFingerprint": make_etag(json.dumps(labels, sort_keys=True)),
        "fingerprint": make_etag(identity),
        "effectiveLabels": labels,
        "pulumiLabels": labels,
    }
    return {**common, **{key: value for key, value in deletion.items() if value is not None}}


def _account_name(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"name": f"projects/{values['project']}/serviceAccounts/{values['email']}"}


def _identity(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    number = find_project_number(str(values["project"]))
    email = make_agent_email(find_agent_domain(str(values["service"])), number)
    return {"email": email, "member": f"serviceAccount:{email}"}


def _run(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    name, place = str(values["name"]), str(values["location"])
    host = f"{name}-{find_project_number(str(values['project']))}.{place}.run.app"
    revision = f"{name}-00001-{short_digest('revision', name)[:3]}"
    return {
        "uri": f"https://{host}",
        "urls": [f"https://{host}"],
        "generation": "1",
        "observedGeneration": "1",
        "latestReadyRevision": revision,
        "latestCreatedRevision": revision,
        "launchStage": "GA",
        "ingress": "INGRESS_TRAFFIC_ALL",
    }


def _run_job(_store: WorldStore, _values: Mapping[str, Value]) -> Values:
    return {"generation": "1", "observedGeneration": "1", "executionCount": 0, "launchStage": "GA"}


def _database(store: WorldStore, values: Mapping[str, Value]) -> Values:
    name, project = str(values["name"]), str(values["project"])
    region = str(values["region"])
    account = f"p{find_project_number(project)}-{short_digest('sql', name)}"
    settings = (values.get("settings") or {}).get("ipConfiguration") or {}
    found: Values = {
        "connectionName": f"{project}:{region}:{name}",
        "serviceAccountEmailAddress": f"{account}@gcp-sa-cloud-sql.iam.gserviceaccount.com",
        "dnsName": f"{short_digest('dns', name)}.{short_digest('sql', project)}.{region}.sql.goog.",
        "instanceType": "READ_REPLICA_INSTANCE" if values.get("masterInstanceName") else "CLOUD_SQL_INSTANCE",
        "maintenanceVersion": f"{values.get('databaseVersion')}.R20260101.00_00",
    }
    network = settings.get("privateNetwork")
    kept = values.get("privateIpAddress")
    private = kept or (allocate_private_address(store, _INSTANCE, str(values["id"]), network) if network else "")
    addresses = [{"type": "PRIVATE", "ipAddress": private, "timeToRetire": ""}] if private else []
    return {**found, "privateIpAddress": private, "ipAddresses": addresses, "firstIpAddress": private}


def _bucket(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"url": f"gs://{values['name']}", "projectNumber": int(find_project_number(str(values["project"])))}


def _sink(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    shared = "cloud-logs@system.gserviceaccount.com"
    own = make_agent_email("gcp-sa-logging", find_project_number(str(values["project"])))
    return {"writerIdentity": f"serviceAccount:{shared if values.get('uniqueWriterIdentity') is False else own}"}


def _connection(_store: WorldStore, _values: Mapping[str, Value]) -> Values:
    return {"peering": "servicenetworking-googleapis-com"}


def _zone(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    servers = [f"ns-cloud-a{place}.googledomains.com." for place in range(1, 5)]
    return {"nameServers": servers, "managedZoneId": int(make_number("zone", str(values["id"]), digits=15))}


def _authorization(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    domain = str(values["domain"])
    token = short_digest("authorization", str(values["id"]))
    record = {
        "name": f"_acme-challenge.{domain}.",
        "type": "CNAME",
        "data": f"{token}.authorize.certificatemanager.goog.",
    }
    return {"dnsResourceRecords": [record]}


def _network(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"numericId": make_number("network", str(values["id"]), digits=19), "gatewayIpv4": ""}


def _subnetwork(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    if not values.get("ipCidrRange"):
        return {}
    octets, _, rest = str(values["ipCidrRange"]).partition("/")
    first, _, end = octets.rpartition(".")
    return {"gatewayAddress": f"{first}.{int(end) + 1}" if rest and end.isdigit() else ""}


def _key(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {"primaries": [{"name": f"{values['id']}/cryptoKeyVersions/1", "state": "ENABLED"}]}


def _certificate(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    domains = (values.get("managed") or {}).get("domains") or []
    return {
        "subjectAlternativeNames": domains,
        "certificateId": int(make_number("certificate", str(values["id"]), digits=15)),
    }


def _vault(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    number = find_project_number(str(values["project"]))
    account = make_vault_account(number, make_number("vault", str(values["id"]), digits=8))
    return {"name": values["id"], "serviceAccount": account, "state": "ACTIVE", "backupCount": "0"}


def _plan(store: WorldStore, values: Mapping[str, Value]) -> Values:
    vault = store.called(str(values.get("backupVault")), [VAULT])
    account = "" if vault is None else vault.outputs["serviceAccount"]
    types = [values.get("resourceType")]
    return {"name": values["id"], "backupVaultServiceAccount": account, "supportedResourceTypes": types}


def _association(_store: WorldStore, values: Mapping[str, Value]) -> Values:
    return {
        "name": values["id"],
        "dataSource": f"{values['backupPlan']}/dataSources/{short_digest('data', values['id'])}",
    }


_INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"

_FILLED: Mapping[str, Rule] = {
    VAULT: _vault,
    PLAN: _plan,
    ASSOCIATION: _association,
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": _authorization,
    "gcp:cloudrunv2/job:Job": _run_job,
    "gcp:cloudrunv2/service:Service": _run,
    SCHEDULED_JOB: tell_state,
    POOL: name_pool,
    PROVIDER: name_provider,
    "gcp:compute/managedSslCertificate:ManagedSslCertificate": _certificate,
    "gcp:compute/network:Network": _network,
    "gcp:compute/subnetwork:Subnetwork": _subnetwork,
    "gcp:dns/managedZone:ManagedZone": _zone,
    "gcp:kms/cryptoKey:CryptoKey": _key,
    "gcp:logging/projectSink:ProjectSink": _sink,
    IDENTITY: _identity,
    "gcp:serviceaccount/account:Account": _account_name,
    "gcp:servicenetworking/connection:Connection": _connection,
    _INSTANCE: _database,
    "gcp:storage/bucket:Bucket": _bucket,
}
"""After it."""
