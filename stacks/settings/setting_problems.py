"""Where settings of a stack's file do not fit one another, or what Google is known to refuse, seen before any preview.

Sources (Google Cloud documentation, by page name): "Direct VPC egress with a VPC network" (addresses of instances and
job tasks, smallest subnet), "Subnets" (four addresses of each are Google's), "Machine series overview" and "Create
instances" of Cloud SQL (tiers by edition, memory of custom ones), "Configure private IP" of Cloud SQL (a /24 of the
allocated range for each region, 172.17.0.0/16 not to be used by it or its clients, clients outside RFC 1918).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network

from stacks.settings.configuration import (
    MOST_LOG_DAYS,
    ApplicationSettings,
    CloudRunHosting,
    DatabaseSettings,
    StackConfiguration,
)
from stacks.settings.database_pair import NEED_PLUS
from stacks.settings.hosting_problems import PRIVATE, RFC_1918, find_hosting_problems, list_ranges
from stacks.settings.production_problems import PRODUCTION, SHARED_CORE, find_production_problems
from stacks.settings.region_problems import RegionProblem

LAB = "lab"
ADDRESSES_AN_INSTANCE = 2
REVISIONS = 2
"""While a revision takes over, the one before it keeps its addresses, for up to 20 minutes."""
ADDRESSES_OF_GOOGLE = 4
"""The first two and the last two of every subnet."""
SMALLEST_SUBNET = 26
"""The longest prefix of a subnet that Cloud Run takes."""
BLOCK_OF_A_REGION = 24
"""The part of the services' range that Cloud SQL takes in each region."""
BRIDGE_OF_CLOUD_SQL = IPv4Network("172.17.0.0/16")
"""Cloud SQL's own containers stand there: an instance has no address in it, and answers nobody who has."""
_PLUS = re.compile(r"db-perf-optimized-N-(2|4|8|16|32|48|64|80|96|128)")
_OTHER_DISKS = "db-c4a-"
"""Machines that take no SSD persistent disk, which is what a database of the stack has: changed, it is another one."""
_CUSTOM = re.compile(r"db-custom-([1-9]\d{0,2})-([1-9]\d{0,6})")
MOST_PROCESSORS = 96
LEAST_MEMORY, MEMORY_STEP = 3_840, 256
LEAST_MEMORY_EACH, MOST_MEMORY_EACH = 0.9 * 1_024, 6.5 * 1_024
"""Megabytes for each processor."""


def find_setting_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Yield what cannot be deployed as it is written, or must not be in production."""
    yield from _find_contradictions(configured)
    yield from _find_range_problems(configured)
    yield from _find_room_problems(configured)
    if configured.databases:
        yield from _find_client_problems(configured)
    for name, application in configured.applications.items():
        place = ("applications", name)
        if isinstance(application.hosting, CloudRunHosting):
            fewest, most = application.hosting.instances
            if fewest > most:
                message = f"the minimum ({fewest}) is more than the maximum ({most}): write [minimum, maximum]"
                yield (*place, "hosting", "instances"), message
        if application.database is not None:
            yield from _find_tier_problems((*place, "database", "tier"), application.database)
            yield from _find_log_problems((*place, "database", "log-days"), application.database)
    yield from find_hosting_problems(configured)
    if configured.environment == PRODUCTION:
        yield from find_production_problems(configured)


def find_pair_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Yield what does not fit the databases' pairs; these are known once nothing is wrong with the regions."""
    yield from _find_services_problems(configured)
    yield from _find_operation_problems(configured)


def find_overlaps(configured: StackConfiguration, used: Mapping[str, Iterable[IPv4Network]]) -> Iterator[RegionProblem]:
    """Yield ranges of the VPC that the city uses already; `used` gives its ranges by whose they are."""
    for key, block in list_ranges(configured):
        for whose, theirs in used.items():
            taken = next((one for one in theirs if one.overlaps(block)), None)
            if taken is not None:
                message = f"{block} overlaps {taken} of {whose}: take a range that the city does not use"
                yield ("network", key), message
                break


def count_needed_addresses(applications: Iterable[ApplicationSettings]) -> int:
    """Return how many addresses of a region's subnet these may take, while each one's revision is replaced.

    A job's task takes one.
    """
    needed = 0
    for application in applications:
        if isinstance(application.hosting, CloudRunHosting):
            needed += application.hosting.instances[1] * ADDRESSES_AN_INSTANCE * REVISIONS + len(application.jobs)
            needed += application.database is not None and application.database.restore_test is not None
    return needed


def _find_contradictions(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """What is said twice, or in one place against another."""
    disposable = configured.environment == LAB
    if not configured.protected and not disposable:
        yield ("protected",), "'protected' may be false only in the lab"
    if configured.audit.locked and not configured.protected:
        message = "a locked audit bucket can never be destroyed; lock it only where 'protected' is true"
        yield ("audit", "locked"), message
    for name, application in configured.applications.items():
        copies = application.files.copies if application.files is not None else None
        if copies is not None and copies.locked and not configured.protected:
            message = "a locked bucket can never be destroyed; write `locked: false` where 'protected' is false"
            yield ("applications", name, "files", "copies", "locked"), message
    for number, region in enumerate(configured.serving):
        if region in configured.serving[:number]:
            yield ("serving", number), f"'serving' names the region {region!r} twice"
    hosts: dict[str, str] = {}
    for name, application in configured.applications.items():
        first = hosts.setdefault(application.host, name)
        if first != name:
            message = f"{first!r} and {name!r} have the same 'host', {application.host!r}: give each its own"
            yield ("applications", name, "host"), message
        if application.database is not None and application.database.generation is None and not disposable:
            message = "may be left out only in the lab: write `generation: 1`, and one more for each new instance"
            yield ("applications", name, "database", "generation"), message


def _find_range_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    ranges = list_ranges(configured)
    for number, (key, block) in enumerate(ranges):
        if not any(block.subnet_of(one) for one in PRIVATE):
            message = f"{block} is no private range; take one inside {', '.join(map(str, PRIVATE))}"
            yield ("network", key), message
        for other, theirs in ranges[:number]:
            if theirs.overlaps(block):
                yield ("network", key), f"{other} ({theirs}) and {key} ({block}) overlap"


def _find_room_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """A subnet in which not every instance finds its addresses: at the morning's peak the rest would not start."""
    needed = count_needed_addresses(configured.applications.values())
    if not needed:
        return
    for region, subnet in configured.network.subnets.items():
        if subnet.num_addresses - ADDRESSES_OF_GOOGLE < needed or subnet.prefixlen > SMALLEST_SUBNET:
            longest = min(SMALLEST_SUBNET, 32 - (needed + ADDRESSES_OF_GOOGLE - 1).bit_length())
            message = (
                f"{subnet} has {max(0, subnet.num_addresses - ADDRESSES_OF_GOOGLE)} addresses for instances, and the "
                f"applications on Cloud Run may take {needed} in a region (the maximum of each x "
                f"{ADDRESSES_AN_INSTANCE} addresses x {REVISIONS} revisions, and 1 a job): take a /{longest}, or lower "
                "the maximum of 'instances'"
            )
            yield ("network", region), message


def _find_services_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    services = configured.network.services
    pairs = [configured.begin_pair(database) for database in configured.databases.values()]
    regions = {instance.region for pair in pairs for instance in (pair.primary, pair.replica) if instance}
    needed = max(1, len(regions)) * 2 ** (32 - BLOCK_OF_A_REGION)
    if services.num_addresses < needed:
        message = (
            f"{services} is too small: Google takes a /{BLOCK_OF_A_REGION} of it for each region with a database "
            f"({max(1, len(regions))}): take a /{32 - (needed - 1).bit_length()} or larger, such as a /20"
        )
        yield ("network", "services"), message
    if services.overlaps(BRIDGE_OF_CLOUD_SQL):
        message = f"{services} overlaps {BRIDGE_OF_CLOUD_SQL}, where Cloud SQL answers nobody: take another range"
        yield ("network", "services"), message


def _find_client_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Subnets from which no instance could reach a private database: what it answers would go elsewhere."""
    for region, subnet in configured.network.subnets.items():
        if subnet.overlaps(BRIDGE_OF_CLOUD_SQL):
            message = (
                f"{subnet} overlaps {BRIDGE_OF_CLOUD_SQL}, from where no Cloud SQL database can be reached, and the "
                "stack has one: take another range"
            )
            yield ("network", region), message
        elif any(subnet.subnet_of(one) for one in PRIVATE) and not any(subnet.subnet_of(one) for one in RFC_1918):
            message = (
                f"{subnet} is outside RFC 1918, and a private database of Cloud SQL answers only there unless each "
                f"such range is given to it: take one inside {', '.join(map(str, RFC_1918))}"
            )
            yield ("network", region), message


def _find_tier_problems(place: tuple[str, ...], database: DatabaseSettings) -> Iterator[RegionProblem]:
    tier = database.tier
    if database.edition == "ENTERPRISE_PLUS":
        plus = "db-perf-optimized-N-2 (4, 8, 16, 32, 48, 64, 80, 96, 128)"
        if tier.startswith(_OTHER_DISKS):
            yield place, f"{tier!r} takes no disk of the kind PD_SSD, which the stack's databases have: take {plus}"
        elif not _PLUS.fullmatch(tier):
            yield place, f"edition ENTERPRISE_PLUS has no tier {tier!r}: take {plus}"
        return
    custom = _CUSTOM.fullmatch(tier)
    if custom is None:
        if tier not in SHARED_CORE:
            yield (
                place,
                (
                    f"edition ENTERPRISE has no tier {tier!r}: take db-custom-PROCESSORS-MEGABYTES, such as "
                    f"db-custom-2-7680 (or {' or '.join(SHARED_CORE)}, without a service level)"
                ),
            )
        return
    wrong = _explain_custom_tier(int(custom[1]), int(custom[2]))
    if wrong:
        yield place, f"{tier!r}: {wrong}"


def _find_log_problems(place: tuple[str, ...], database: DatabaseSettings) -> Iterator[RegionProblem]:
    most = MOST_LOG_DAYS[database.edition]
    if database.log_days > most:
        yield place, f"edition {database.edition} keeps transaction logs for at most {most} days"
    if database.log_days > database.backups:
        message = f"logs of {database.log_days} days need as many backups, and `backups` is {database.backups}"
        yield place, f"{message}: keep fewer days of logs, or more backups"


def _explain_custom_tier(processors: int, memory: int) -> str:
    """Why Cloud SQL has no such machine; empty where it has.

    >>> _explain_custom_tier(2, 7680)
    ''
    >>> _explain_custom_tier(7, 15360)
    'the number of processors is 1, or even and at most 96'
    """
    if processors > MOST_PROCESSORS or (processors > 1 and processors % 2):
        return f"the number of processors is 1, or even and at most {MOST_PROCESSORS}"
    if memory < LEAST_MEMORY or memory % MEMORY_STEP:
        return f"the memory is {LEAST_MEMORY} MB or more, and a multiple of {MEMORY_STEP}"
    if not LEAST_MEMORY_EACH * processors <= memory <= MOST_MEMORY_EACH * processors:
        return "the memory is between 0.9 and 6.5 GB (of 1,024 MB) for each processor"
    return ""


def _find_operation_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Operations on a pair that its settings do not allow, and a region that is lost to one database only."""
    lost = configured.lost_regions
    for name, database in configured.databases.items():
        place: tuple[str | int, ...] = ("applications", name, "database")
        for number, operation in enumerate(database.operations):
            here = (*place, "operations", number)
            for kind in operation:
                if kind in NEED_PLUS and database.edition != "ENTERPRISE_PLUS":
                    yield here, f"edition {database.edition} has no {kind}: it needs ENTERPRISE_PLUS"
        if database.operations and (database.generation is None or not configured.protected):
            message = (
                "operations need a `generation` and `protected: true`: without a name of its own, and without "
                "protection, a line taken back could replace an instance and its data"
            )
            yield (*place, "operations"), message
        primary = configured.find_pair(database).primary.region
        if primary in lost:
            message = f"{primary} is lost to another database, and this one is written to there: fail it over, too"
            yield (*place, "operations") if database.operations else place, message
    if lost >= {*configured.serving}:
        yield ("serving",), f"{' and '.join(sorted(lost))} is lost and nothing else serves: name another region, too"
