"""Only types that somebody has thought about, and everything of them in the stack's regions.

Guideline 9.1 and 9.2; that the regions are in the city's country is for the program to judge, which knows the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, list_leaves, say
from stacks.guardrails.resource_types import BUILT_IN, COMPONENTS, KnownType, find_known_type

SINKS = ("logging.FolderSink", "logging.OrganizationSink", "logging.ProjectSink")
_LOG_BUCKET = re.compile(r"logging\.googleapis\.com/projects/[^/]+/locations/([^/]+)/buckets/[^/]+")
_BUCKET = re.compile(r"storage\.googleapis\.com/([^/]+)")
PLACES = frozenset(
    [
        "allowedPersistenceRegions",
        "alternativeLocationId",
        "automaticFailoverZones",
        "dataLocations",
        "gceZone",
        "location",
        "locationId",
        "locations",
        "preferredZone",
        "region",
        "replicaLocations",
        "replicaZones",
        "secondaryZone",
        "storageLocation",
        "storageLocations",
        "zone",
        "zones",
    ]
)
"""Inputs that name a place, at whatever depth they stand."""
_NO_PLACES = frozenset(["condition", "expr", "labels", "userLabels", "transferManifest"])
"""Below these, such a word means something else: where an expression was written, somebody's label, a file."""
_OF_A_NAME = re.compile(r"(?:^|/)(?:locations|regions|zones)/([A-Za-z0-9*-]+)(?=/|$)")
"""A place in the full name of another resource."""
_OF_GOOGLE = re.compile(r"https://([a-z0-9-]+\.)+googleapis\.com/", re.IGNORECASE)
_EXPORTS = ("bigqueryConfig.table", "cloudStorageConfig.bucket", "bigtableConfig.table")
_SOURCES_ABROAD = ("awsKinesis", "awsMsk", "azureEventHubs", "confluentCloud")


def require_known_types(resource: CheckedResource) -> Violations:
    """Find types that are not on the list, and those that must never be used."""
    if resource.type in BUILT_IN or resource.type.startswith(COMPONENTS):
        return
    known = find_known_type(resource.kind)
    if not resource.type.startswith("gcp:"):
        yield say("other-provider", type=resource.type)
    elif known is None:
        yield say("unknown-type", kind=resource.kind)
    elif known.refused:
        yield say(known.refused, kind=resource.kind)


def require_stack_regions(resource: CheckedResource) -> Violations:
    """Find places outside the stack's regions, and resources that have a place and name none."""
    known = find_known_type(resource.kind) or KnownType()
    allowed = _list_allowed(resource, known)
    for path, place in _list_named(resource.inputs, ""):
        if place is not UNKNOWN and not _is_within(str(place), allowed):
            where = resource.regions.describe()
            yield say("place-outside", path=path, place=str(place), where=where, allowed=", ".join(allowed))
    yield from _find_names_abroad(resource, allowed)
    for path in known.places:
        given = resource.list_inputs(path)
        if not given or any(place in (None, "", []) for place in given):
            yield say("no-place", path=path, allowed=", ".join(allowed))
    if resource.kind in SINKS:
        yield from _check_destination(resource, allowed)
    yield from _find_exports(resource)


def _list_allowed(resource: CheckedResource, known: KnownType) -> tuple[str, ...]:
    shared = (resource.regions.shared,) if known.shared else ()
    return tuple(dict.fromkeys((*resource.regions.locations, *shared, *known.also)))


def _find_names_abroad(resource: CheckedResource, allowed: Sequence[str]) -> Violations:
    """What a resource names by its full name (a key, a topic, a subnetwork) stands in the stack's places, too.

    `global` in such a name is the place of what has none: an identity pool, an access policy, a certificate map.
    """
    may = (*allowed, resource.regions.shared, "global")
    for path, value in list_leaves(resource.inputs):
        if isinstance(value, str) and not value.lstrip().startswith(("{", "[")):
            for place in _OF_A_NAME.findall(value):
                if place not in ("-", "*") and not _is_within(place, may):
                    where = resource.regions.describe()
                    yield say("place-outside", path=path, place=place, where=where, allowed=", ".join(allowed))


def _check_destination(resource: CheckedResource, allowed: Sequence[str]) -> Violations:
    """Where a sink leads stands inside a name, or nowhere; a log bucket in `global` lies anywhere.

    The name of a bucket of Cloud Storage says no place, so it must be one that the stack declares, and those are asked
    where they lie: their names begin with the project's.
    """
    destination = resource.get_input("destination")
    if destination is UNKNOWN:
        return
    logs, bucket = (pattern.fullmatch(str(destination or "")) for pattern in (_LOG_BUCKET, _BUCKET))
    if logs and not _is_within(logs[1], allowed):
        yield say("sink-outside", place=logs[1], where=resource.regions.describe())
    elif bucket and not _is_of_project(resource, bucket[1]):
        yield say("sink-bucket", bucket=bucket[1])
    elif not logs and not bucket:
        yield say("sink-nowhere", destination=repr(destination), allowed=", ".join(allowed))


def _find_exports(resource: CheckedResource) -> Violations:
    """Find data that are sent to a place of which nothing is known."""
    if resource.kind == "pubsub.Subscription":
        yield from _check_subscription(resource)
    if resource.kind == "pubsub.Topic":
        given = resource.get_input("ingestionDataSourceSettings")
        for name in _SOURCES_ABROAD:
            if isinstance(given, Mapping) and given.get(name):
                yield say("other-cloud", path=f"ingestionDataSourceSettings.{name}")
    if resource.kind == "cloudscheduler.Job":
        yield from _check_call(resource)
    if resource.kind == "storage.TransferJob":
        sink = resource.get_input("transferSpec.gcsDataSink.bucketName")
        if sink is None and resource.get_input("replicationSpec") is not UNKNOWN:
            sink = resource.get_input("replicationSpec.gcsDataSink.bucketName")
        if sink is not UNKNOWN and not _is_of_project(resource, str(sink or "")):
            yield say("export-outside", path="gcsDataSink.bucketName", target=repr(sink))


def _check_subscription(resource: CheckedResource) -> Violations:
    endpoint = resource.get_input("pushConfig.pushEndpoint")
    if isinstance(endpoint, str) and endpoint and resource.get_input("pushConfig.oidcToken") is None:
        yield say("push-unsigned", target=endpoint)
    if isinstance(endpoint, str) and endpoint.lower().startswith("http:"):
        yield say("push-plain", target=endpoint)
    for path in _EXPORTS:
        target = resource.get_input(path)
        if isinstance(target, str) and target and not _is_of_project(resource, target):
            yield say("export-outside", path=path, target=repr(target))


def _check_call(resource: CheckedResource) -> Violations:
    """Whoever gets an account's OAuth token can do at Google all that the account may."""
    url, signed = resource.get_input("httpTarget.uri"), resource.get_input("httpTarget.oauthToken") is not None
    if not isinstance(url, str):
        return
    if url.lower().startswith("http:"):
        yield say("push-plain", target=url)
    elif signed and not _OF_GOOGLE.match(url):
        yield say("token-elsewhere", target=url)


def _is_of_project(resource: CheckedResource, name: str) -> bool:
    """Whether a bucket or table is the stack's, which is asked itself where it lies: its name begins so."""
    return bool(resource.project) and name.startswith((f"{resource.project}-", f"{resource.project}."))


def _is_within(place: str, allowed: Sequence[str]) -> bool:
    last = place.rpartition("/")[2].lower()
    return any(last == one or (last.startswith(f"{one}-") and len(last) == len(one) + 2) for one in allowed)


def _list_named(value: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 any JSON
    if isinstance(value, Mapping):
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            places = item if isinstance(item, list) else [item]
            for one in places if key in PLACES else ():
                if one is UNKNOWN or (isinstance(one, str) and one):
                    yield here, one
            if key not in _NO_PLACES:
                yield from _list_named(item, here)
    elif isinstance(value, list):
        for item in value:
            yield from _list_named(item, path)


def find_single_places(resource: CheckedResource) -> Violations:
    """Find data whose only copies are lost with one region."""
    region, backups = resource.get_input("region"), resource.get_input("settings.backupConfiguration.location")
    if resource.kind == "sql.DatabaseInstance" and isinstance(region, str) and backups == region:
        yield say("backups-beside", region=region)
    if resource.kind == "storage.Bucket":
        location = resource.get_input("location")
        if isinstance(location, str) and location.lower() in resource.regions.locations:
            yield say("one-region", region=location.lower())


KNOWN = Guardrail("known-types", "9.1, 9.2", require_known_types)
IN_THE_REGIONS = Guardrail("stack-regions-only", "9.1, 9.2", require_stack_regions)
SECOND_PLACE = Guardrail("second-place", "6.1(2)", find_single_places, stops=False)
