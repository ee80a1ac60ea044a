"""Artifact Registry: a repository of container images in each region, under our own key.

Images are pushed to every region's repository by whoever builds them; Google copies none between regions. A tag that
is there cannot be moved to another image.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.data.keys import EncryptionKeys
from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming
from stacks.settings.regions import RegionId, StackRegions
from stacks.settings.services.images import REPOSITORY


@dataclass(frozen=True)
class ImageRegistriesArgs:
    """What the repositories are made from."""

    regions: StackRegions
    keys: EncryptionKeys
    naming: Naming
    protected: bool
    services: ProjectServices


class ImageRegistries(pulumi.ComponentResource):
    """Outputs: `repositories` (by region); a service waits for the one of its region."""

    def __init__(self, name: str, args: ImageRegistriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}ImageRegistries", name, {}, opts)
        self.repositories: dict[RegionId, gcp.artifactregistry.Repository] = {
            region.id: gcp.artifactregistry.Repository(
                f"{name}-{region.id}",
                location=region.location,
                repository_id=REPOSITORY,
                format="DOCKER",
                description="Images of the applications",
                kms_key_name=args.keys.images[region.id].id,
                docker_config={"immutable_tags": True},
                labels=args.naming.build_labels("II", name),
                opts=args.services.build_child_options(
                    self, "artifactregistry", protect=args.protected, after=args.keys.images_users
                ),
            )
            for region in args.regions.regions
        }
        self.register_outputs({})
