"""What is good enough for a rehearsal, and not for the schools' own data.

Sources: "Cloud SQL Service Level Agreement" (shared-core machines and single-zone instances are outside it), "Set
minimum instances" and "Set maximum instances" of Cloud Run, "Deploy container images" of Cloud Run (an image of another
project needs a grant there). Images come from the stack's registries alone: they lie under its key, in its regions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stacks.settings.configuration import ApplicationSettings, CloudRunHosting, StackConfiguration
from stacks.settings.region_problems import RegionProblem
from stacks.settings.services.images import REPOSITORY, is_in_own_registry

PRODUCTION = "production"
SHARED_CORE = ("db-f1-micro", "db-g1-small")
"""Machines of Cloud SQL that share a processor with other customers'."""
FEWEST, FEWEST_AT_MOST = 1, 2
"""Instances in a region: what always runs, and what at least may run."""
_OF_PIECES = re.compile(r"([0-9a-f]{1,32}?)\1+")
_COUNTED = ("0123456789abcdef", "fedcba9876543210")
_LONG_RUN = re.compile(r"([0-9a-f])\1{11}")
FEWEST_DIGITS = 11
"""Of the 16 digits, a digest of 64 that chance made has fewer than these once in a thousand million."""
DIGEST_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes at all."""


def find_production_problems(configured: StackConfiguration) -> Iterator[RegionProblem]:
    """Yield what production does not take."""
    if not configured.audit.locked:
        yield ("audit", "locked"), "production keeps its audit logs locked: write `locked: true`"
    for name, application in configured.applications.items():
        place = ("applications", name)
        yield from _find_database_problems((*place, "database"), application)
        if isinstance(application.hosting, CloudRunHosting):
            yield from _find_instance_problems((*place, "hosting", "instances"), application.hosting)
        for where, image in _list_images(place, application):
            yield from _find_image_problems(where, image, configured.google.project)


def is_placeholder_digest(digest: str) -> bool:
    """Whether somebody wrote a digest by hand: no image has it.

    >>> is_placeholder_digest("deadbeef" * 8)
    True
    >>> is_placeholder_digest("0ed98b9c47b89022b8b3922d5977568fa170ab3ec028426dec10b1cdc7293b3b")
    False
    """
    return (
        digest == DIGEST_OF_NOTHING
        or _OF_PIECES.fullmatch(digest) is not None
        or _LONG_RUN.search(digest) is not None
        or any(counted in digest for counted in _COUNTED)
        or len(set(digest)) < FEWEST_DIGITS
    )


def _find_database_problems(place: tuple[str, ...], application: ApplicationSettings) -> Iterator[RegionProblem]:
    database = application.database
    if database is None:
        return
    if database.availability != "REGIONAL":
        message = (
            "production's database outlives the loss of a zone: write `availability: REGIONAL` (ZONAL is for the "
            "lab and staging)"
        )
        yield (*place, "availability"), message
    if database.tier in SHARED_CORE:
        message = (
            f"{database.tier} shares its processor and has no service level: production takes a machine of its own, "
            "such as db-custom-2-7680"
        )
        yield (*place, "tier"), message


def _find_instance_problems(place: tuple[str, ...], hosting: CloudRunHosting) -> Iterator[RegionProblem]:
    fewest, most = hosting.instances
    if fewest < FEWEST or most < FEWEST_AT_MOST:
        message = (
            f"[{fewest}, {most}] leaves production with no instance that runs already, or with none beside it: write "
            f"{FEWEST} or more, and {FEWEST_AT_MOST} or more"
        )
        yield place, message


def _list_images(place: tuple[str, ...], application: ApplicationSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from (((*place, "jobs", job, "image"), one.image) for job, one in application.jobs.items())
    if application.database is not None and application.database.restore_test is not None:
        yield (*place, "database", "restore-test", "image"), application.database.restore_test.image
    if isinstance(application.hosting, CloudRunHosting):
        yield (*place, "hosting", "image"), application.hosting.image


def _find_image_problems(place: tuple[str, ...], image: str, project: str) -> Iterator[RegionProblem]:
    if is_placeholder_digest(image.rpartition("@sha256:")[2]):
        yield place, "the digest is a placeholder; write that of the image that was tested in staging"
    if not is_in_own_registry(image, project):
        host, _, rest = image.partition("/")
        message = (
            f"the image lies in {'/'.join(rest.split('/')[:2])!r}; production runs what lies in the stack's own "
            f"registries: copy it to {host}/{project}/{REPOSITORY}/ (its digest stays the same)"
        )
        yield place, message
