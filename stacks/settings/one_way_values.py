"""Values that go one way only: what is deployed cannot be brought to what the stack's file says now.

Google refuses them in the middle of a deployment, or takes hours, or the provider drops them without a word. So they
are compared with the engine's record before anything is declared.

Sources (Google Cloud documentation, by page name): "Bucket Lock" (a locked policy is neither removed nor shortened,
only lengthened), "Bucket locations" (a bucket does not move), "Configure private IP" of Cloud SQL (an allocated range
is in use as long as an instance has an address in it), "Direct VPC egress with a VPC network" (a subnet is held for one
to two hours after the last service has gone), "Subnets" (a range only grows); the provider's source of
`google_sql_database_instance` (a smaller `disk_size` is dropped from the plan with `disk_autoresize`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network

from stacks.settings.configuration import StackConfiguration
from stacks.settings.deployed_record import DeployedResource, find_deployed
from stacks.settings.region_problems import RegionProblem
from stacks.settings.services.one_way_backups import find_backup_problems, find_lock_problems

Record = Sequence[DeployedResource]
AUDIT = "-audit"
"""How the name of the audit logs' bucket ends."""
FILES = "-files"
"""How the name of a bucket for an application's files ends."""
_LONGEST_NUMBER = 9
_RUNS = ("Service", "Job")
_CLOUD_RUN = "gcp:cloudrunv2/"
_DATABASE = "DatabaseInstance"


def find_one_way_problems(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    """Yield what cannot be had any more, as the file says it, of what is deployed."""
    yield from _find_shortened_audit(configured, deployed)
    yield from _find_replaced_ranges(configured, deployed)
    yield from find_backup_problems(configured, deployed)
    if configured.protected:
        yield from _find_moved_data(configured, deployed)
        yield from _find_lost_data(configured, deployed)


def find_ignored_values(configured: StackConfiguration, deployed: Record) -> Iterator[str]:
    """Yield what is asked for and will stay as it is: the provider drops it without a word."""
    sizes = {one.name.partition(".")[0]: one.outputs for one in find_deployed(deployed, _DATABASE)}
    for name, database in configured.databases.items():
        for region in configured.places.by_id:
            settings = sizes.get(f"{name}-{region}", {}).get("settings") or {}
            size = int(settings.get("diskSize") or 0)
            if size > database.disk_gigabytes:
                yield (
                    f"applications.{name}.database.disk-gigabytes: {database.disk_gigabytes} is asked for, and the "
                    f"disk in {region} has {size}. A disk grows (by itself, too) and never gets smaller: it stays at "
                    f"{size}. Write that, so that the file says what there is"
                )


def _find_shortened_audit(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    audit = configured.audit
    for bucket in find_deployed(deployed, "Bucket"):
        if bucket.name.endswith(AUDIT):
            what, days = "the audit logs' bucket", audit.retention_days
            yield from find_lock_problems(bucket, ("audit",), what, days=days, locked=audit.locked)


def _find_replaced_ranges(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    """Ranges that would be made anew while something has addresses in them."""
    if any(find_deployed(deployed, _DATABASE)):
        for address in find_deployed(deployed, "GlobalAddress"):
            if address.outputs.get("purpose") == "VPC_PEERING":
                before = _read_range(f"{address.outputs['address']}/{int(address.outputs['prefixLength'])}")
                if before != configured.network.services:
                    message = (
                        f"databases have their addresses in {before}, so Google keeps that range; it can be neither "
                        f"moved nor resized under them: write {before}"
                    )
                    yield ("network", "services"), message
    busy = {one.outputs.get("location") for one in find_deployed(deployed, *_RUNS) if one.type.startswith(_CLOUD_RUN)}
    ids = {region.location: region.id for region in configured.places.regions}
    for subnet in find_deployed(deployed, "Subnetwork"):
        location = subnet.outputs.get("region")
        before = _read_range(subnet.outputs.get("ipCidrRange"))
        region = ids.get(str(location), "")
        wanted = configured.network.subnets.get(region)
        if before and wanted and not before.subnet_of(wanted) and location in busy:
            message = (
                f"services and jobs in {region} have their addresses in {before}, and {wanted} does not contain it: "
                "the subnet would be made anew, and Cloud Run holds the old one for one to two hours. Take a range "
                f"that contains {before}; or take {region} out of 'serving', deploy, wait two hours, and change it then"
            )
            yield ("network", region), message


def _find_moved_data(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    """Where what holds data would have to move: it would be made anew, empty, beside what is protected."""
    for bucket in find_deployed(deployed, "Bucket"):
        location = str(bucket.outputs.get("location", "")).lower()
        if bucket.name.endswith(AUDIT) and location and location != configured.places.shared:
            message = (
                f"buckets lie in {location} and cannot move to {configured.places.shared}: write "
                f"`tsunagu:shared-location: {location}`"
            )
            yield ("shared-location",), message
    for network in find_deployed(deployed, "Network"):
        project = network.outputs.get("project")
        if project and project != configured.google.project:
            message = f"everything is deployed in the project {project!r}: another project is another stack"
            yield ("google", "project"), message
    locations = {region.location for region in configured.places.regions}
    for subnet in find_deployed(deployed, "Subnetwork"):
        region = subnet.outputs.get("region")
        if region and region not in locations:
            message = (
                f"the region {region} has protected keys, and perhaps databases: it cannot be taken out of the stack. "
                "Take it out of 'serving'; what is kept there stays"
            )
            yield ("regions",), message


def _find_lost_data(configured: StackConfiguration, deployed: Record) -> Iterator[RegionProblem]:
    """Databases and buckets that the file names no more, or under another number: a missing line lets go of no data."""
    ids = {region.location: region.id for region in configured.places.regions}
    for instance in find_deployed(deployed, _DATABASE):
        region = ids.get(str(instance.outputs.get("region")), "")
        base, _, rebuilt = instance.name.partition(".")
        name = base.removesuffix(f"-{region}")
        if not region or name == base:
            continue
        database = configured.databases.get(name)
        if database is None:
            yield _place(configured, name, "database"), _explain_lost(f"the database in {region}")
        elif not rebuilt and database.generation != _read_generation(instance.outputs.get("name")):
            message = (
                f"the database in {region} is called {instance.outputs.get('name')!r}: another number would make it "
                "anew, empty; write its number"
            )
            yield ("applications", name, "database", "generation"), message
    kept = {name for name, one in configured.applications.items() if one.files is not None}
    for bucket in find_deployed(deployed, "Bucket"):
        name = bucket.name.removeprefix(f"{configured.google.project}-").removesuffix(FILES)
        if bucket.name == f"{configured.google.project}-{name}{FILES}" and name not in kept:
            yield _place(configured, name, "files"), _explain_lost("its bucket of files")


def _place(configured: StackConfiguration, name: str, key: str) -> tuple[str, ...]:
    return ("applications", name, key) if name in configured.applications else ("applications", name)


def _explain_lost(what: str) -> str:
    return (
        f"{what} is deployed and protected, and no missing line lets go of data: write it as it was. To be rid of it, "
        "somebody removes it by hand, with `pulumi state unprotect` first"
    )


def _read_generation(name: object) -> int | None:
    """The number at the end of an instance's name, where it has one."""
    last = str(name).rpartition("-")[2]
    return int(last) if last.isdecimal() and len(last) <= _LONGEST_NUMBER else None


def _read_range(text: object) -> IPv4Network | None:
    return IPv4Network(text) if isinstance(text, str) else None
