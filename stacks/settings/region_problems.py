"""Where a stack's configuration speaks of its regions and does not agree with itself, or with the city's country."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol

from controller.inputs.near_matches import suggest_names
from stacks.settings.configuration import CloudRunHosting, OnPremisesHosting, StackConfiguration
from stacks.settings.database_pair import find_operation_problem
from stacks.settings.google_locations import COUNTRIES, find_members, list_regions_of
from stacks.settings.regions import RESERVED, Region, RegionId
from stacks.settings.services.backups import ATTACHED
from stacks.settings.services.images import find_image_location

RegionProblem = tuple[tuple[str | int, ...], str]
"""The place of a key in the stack's file, and what is wrong there."""


def find_region_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Yield what is said of regions that the stack does not have, what is said twice, and what is missing."""
    yield from _find_problems_of_the_list(configured)
    if len({region.id for region in configured.regions}) < len(configured.regions):
        return  # what is said of a region by its id would be judged for the wrong one
    known = [region.id for region in configured.regions]
    yield from _compare_with_regions(("network",), configured.network.subnets, known, known)
    yield from _find_unknown(("serving",), enumerate(configured.serving), known)
    yield from _find_unknown(("outside-country",), enumerate(configured.outside_country), known)
    if configured.backup_vault is not None:
        yield from _find_unknown(("backup-vault",), [("region", configured.backup_vault.region)], known)
    for name, application in configured.applications.items():
        place = ("applications", name)
        if application.files is not None and application.files.copies is not None:
            yield from _find_unknown((*place, "files", "copies"), [("region", application.files.copies.region)], known)
        if application.database is not None:
            yield from _find_database_problems(configured, name, known)
        if isinstance(application.hosting, OnPremisesHosting):
            serving = [region for region in configured.serving if region in known]
            yield from _compare_with_regions((*place, "hosting"), application.hosting.servers, known, serving)
        images: list[tuple[tuple[str | int, ...], str]] = [
            ((*place, "jobs", job, "image"), one.image) for job, one in application.jobs.items()
        ]
        if isinstance(application.hosting, CloudRunHosting):
            images.append(((*place, "hosting", "image"), application.hosting.image))
        if application.database is not None and application.database.restore_test is not None:
            images.append(((*place, "database", "restore-test", "image"), application.database.restore_test.image))
        for where, image in images:
            yield from _find_image_problems(where, image, configured)
    yield from _find_names_given_twice(configured)


class PlacedStack(Protocol):
    """What has regions."""

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, in order."""

    @property
    def shared_location(self) -> str | None:
        """Where buckets lie, if the file says so."""

    @property
    def outside_country(self) -> tuple[RegionId, ...]:
        """Regions abroad that the board of education has agreed to."""


def find_country_problems(configured: PlacedStack, country: str) -> Iterator[RegionProblem]:
    """Yield regions outside the city's country that nobody has agreed to, and a shared location that leads out of it.

    Guideline 9.1 and 9.2 ask where data are kept; a region abroad is named in the stack's file, so that it is reviewed.
    """
    here = ", ".join(list_regions_of(country)) or "none"
    agreed = {region.location for region in configured.regions if region.id in configured.outside_country}
    for number, region in enumerate(configured.regions):
        if COUNTRIES.get(region.location) != country and region.location not in agreed:
            message = (
                f"{region.location} stands in {COUNTRIES.get(region.location, 'no known country')}, and the city is in "
                f"{country} (regions of Google's there: {here}). Where the board of education has agreed to it, write "
                f"`tsunagu:outside-country: [{region.id}]`"
            )
            yield ("regions", number, "location"), message
    shared = configured.shared_location
    for member in sorted(find_members(shared)) if shared else ():
        if COUNTRIES[member] != country and member not in agreed:
            message = (
                f"{shared} keeps data in {member}, which stands in {COUNTRIES[member]}; the city is in {country}, and "
                "no region under 'outside-country' is there"
            )
            yield ("shared-location",), message


def _find_problems_of_the_list(configured: StackConfiguration) -> Iterator[RegionProblem]:
    for field in ("id", "location"):
        counted = Counter(getattr(region, field) for region in configured.regions)
        for number, region in enumerate(configured.regions):
            value = getattr(region, field)
            if counted[value] > 1:
                counted[value] = 0  # said once
                yield ("regions", number, field), f"two regions have the {field} {value!r}"
    for number, region in enumerate(configured.regions):
        if region.id in RESERVED:
            message = f"{region.id!r} is a word of this file; give the region another id"
            yield ("regions", number, "id"), message
        if region.location not in COUNTRIES:
            message = f"Google has no region {region.location!r}{suggest_names(region.location, sorted(COUNTRIES))}"
            yield ("regions", number, "location"), message
    shared = configured.shared_location
    if shared is not None and not find_members(shared):
        message = (
            f"{shared!r} is neither a region of Google's nor a dual region with keys of its own: leave it out for "
            f"{configured.model_copy(update={'shared_location': None}).places.shared}"
        )
        yield ("shared-location",), message


def _find_database_problems(configured: StackConfiguration, name: str, known: list[str]) -> Iterator[RegionProblem]:
    place = ("applications", name, "database")
    database = configured.databases[name]
    if database.vault is not None and configured.backup_vault is None:
        message = "the stack has no vault: write `tsunagu:backup-vault: {region: ...}`, or remove this key"
        yield (*place, "vault"), message
    others = [region for region in known if region != database.primary]
    vault = configured.backup_vault if database.vault == ATTACHED else None
    # After a failover it may be so until the way back, which is no choice of anybody's.
    if vault is not None and vault.region == database.primary and others:
        message = (
            f"the vault stands in {database.primary!r} as the database does, and would be lost with it: write another "
            f"region at 'backup-vault' ({', '.join(others)})"
        )
        yield (*place, "vault"), message
    named = [("primary", database.primary), ("standby", database.standby)]
    yield from _find_unknown(place, ((key, value) for key, value in named if value is not None), known)
    if database.standby == database.primary:
        yield (*place, "standby"), "the replica stands in another region than 'primary'"
    elif database.standby is None and len(known) > len(("primary", "standby")):
        yield place, f"the stack has {len(known)} regions: write `standby: ` with the replica's ({' or '.join(others)})"
    else:
        operations = database.operations
        named_there = [(number, region) for number, one in enumerate(operations) for region in one.values()]
        yield from _find_unknown((*place, "operations"), named_there, known)
        wrong = find_operation_problem(configured.begin_pair(database), operations)
        if wrong is not None and all(region in known for _, region in named_there):
            yield (*place, "operations", wrong[0]), wrong[1]


def _find_image_problems(
    place: tuple[str | int, ...], image: str, configured: StackConfiguration
) -> Iterator[RegionProblem]:
    location = find_image_location(image)
    if location not in configured.places.locations:
        allowed = ", ".join(configured.places.locations)
        yield place, f"the image lies in {location}, which is none of the stack's regions ({allowed})"


def _find_names_given_twice(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """An id that ends like another's with a region's before it: both make the same name of a resource."""
    made: dict[str, tuple[str, str]] = {}
    for name in configured.applications:
        for region in configured.regions:
            other = made.setdefault(f"{name}-{region.id}", (name, region.id))
            if other != (name, region.id):
                message = (
                    f"{name!r} in region {region.id!r} and {other[0]!r} in region {other[1]!r} make the same name, "
                    f"'{name}-{region.id}': give the region another id"
                )
                yield ("applications", name), message


def _compare_with_regions(
    place: tuple[str | int, ...], given: Iterable[str], known: list[str], needed: list[str]
) -> Iterator[RegionProblem]:
    """What is written by regions' ids: each that is needed, and none that the stack does not have."""
    written = list(given)
    yield from (((*place, region), "required key is missing") for region in needed if region not in written)
    yield from _find_unknown(place, ((region, region) for region in written), known)


def _find_unknown(
    place: tuple[str | int, ...], given: Iterable[tuple[str | int, str]], known: list[str]
) -> Iterator[RegionProblem]:
    for key, region in given:
        if region not in known:
            yield (*place, key), f"unknown region {region!r}; 'regions' has: {', '.join(known)}"
