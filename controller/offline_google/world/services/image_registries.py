"""What Artifact Registry refuses of a repository, and Cloud Run of an image whose repository is not there.

Which images lie in a repository is not known here. Sources (Google Cloud documentation): the reference of Artifact
Registry's API (`Repository`), "Repository and image names" (names of repositories), "Deploy container images" of Cloud
Run (the image must be there, in a repository that its agent may read: one of the same project).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid, make_not_found
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]

REPOSITORY = "gcp:artifactregistry/repository:Repository"
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/.+")
_NOT_MODELLED = ("remoteRepositoryConfig", "virtualRepositoryConfig", "mavenConfig", "cleanupPolicies")
_FORMATS = ("DOCKER",)


def check_repository(_store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a repository that Artifact Registry would refuse; other formats than DOCKER are not known here.

    Raises:
        GoogleRefusal: as said.
    """
    name, kind = str(values.get("repositoryId")), str(values.get("format"))
    asked = [field for field in _NOT_MODELLED if values.get(field)]
    asked += [f"format {kind}"] if kind.upper() not in _FORMATS else []
    if asked:
        message = f"the offline Google does not model {', '.join(asked)} of artifactregistry.Repository"
        raise GoogleRefusal(501, message, "notImplemented")
    if not _NAME.fullmatch(name):
        field, reason = (
            "repositoryId",
            f"'{name}'. It has 1 to 63 lower-case letters, digits and '-', and begins with a letter",
        )
        raise make_invalid(field, reason)


def check_image_repositories(store: WorldStore, project: str, images: list[str]) -> None:
    """Refuse images of the project whose repository is not there; those of others cannot be judged here.

    Raises:
        GoogleRefusal: a repository is missing.
    """
    for image in images:
        found = _IMAGE.fullmatch(image)
        if found is not None and found[2] == project:
            repository = f"projects/{project}/locations/{found[1]}/repositories/{found[3]}"
            if store.get(REPOSITORY, repository) is None:
                raise make_not_found(repository, f"the image '{image}'")
