"""Containers' images, and the registries of the stack that they come from: one in each region, with the same images.

A service pulls its image from the registry of its own region. If a region is lost, the failover makes new revisions in
the other one, and those must not ask the lost region for their image.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Image = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9-]{1,38}[0-9]-docker\.pkg\.dev/[a-z0-9._/-]{1,300}@sha256:[0-9a-f]{64}$")
]
"""A container in a registry of one region, by its digest."""
REPOSITORY = "applications"
"""The stack's repository, by the same name in each of its regions."""
_HOST = "-docker.pkg.dev"


def find_image_location(image: str) -> str:
    """Return the region whose registry an image is named in."""
    return image.partition(_HOST)[0]


def is_in_own_registry(image: str, project: str) -> bool:
    """Whether an image comes from a registry of the stack.

    >>> is_in_own_registry("asia-northeast1-docker.pkg.dev/school/applications/affairs@sha256:0ed9", "school")
    True
    >>> is_in_own_registry("asia-northeast1-docker.pkg.dev/vendor/applications/affairs@sha256:0ed9", "school")
    False
    """
    return image.partition("/")[2].startswith(f"{project}/{REPOSITORY}/")


def place_image(image: str, project: str, location: str) -> str:
    """Return an image as a region pulls it: from its own registry, where the image is one of the stack's.

    The digest is the content's, so it is the same image.

    >>> place_image("asia-northeast1-docker.pkg.dev/school/applications/affairs@sha256:0ed9", "school", "europe-west1")
    'europe-west1-docker.pkg.dev/school/applications/affairs@sha256:0ed9'
    """
    if not is_in_own_registry(image, project):
        return image
    return f"{location}{image[len(find_image_location(image)) :]}"
