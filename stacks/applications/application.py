"""An application as every component of it is made from, and its container's surroundings on Cloud Run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from controller.compile.identity.iap_bindings import CloudApplication
from stacks.foundation import Foundation
from stacks.settings.configuration import ApplicationSettings
from stacks.settings.database_pair import DatabasePair
from stacks.settings.naming import Naming, make_network_tag
from stacks.settings.regions import RegionId
from stacks.settings.services.containers import Resources
from stacks.settings.services.images import place_image

ContainerEnvironment = Mapping[str, pulumi.Input[str]]
"""What a container is told, by the name of the variable."""


@dataclass(frozen=True)
class DeployedApplication:
    """An application of this stack: `compiled` is what the policy says of it, `settings` what the stack's file says.

    `web_firewall` stands before its backend. Nothing in a region that is `lost` is touched. `pair` are the instances of
    its database, if it has one.
    """

    compiled: CloudApplication
    settings: ApplicationSettings
    foundation: Foundation
    naming: Naming
    project: str
    serving: tuple[RegionId, ...]
    protected: bool
    web_firewall: gcp.compute.SecurityPolicy
    lost: frozenset[RegionId] = frozenset()
    pair: DatabasePair | None = None

    def keep_if_lost(self, region: RegionId, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Return the options of what stands in a region; in one that is lost it is left as it was.

        A call to that region would fail, and the rest of the deployment with it.
        """
        kept = pulumi.ResourceOptions(ignore_changes=["*"])
        return pulumi.ResourceOptions.merge(options, kept) if region in self.lost else options

    def list_needs_of_a_container(self, region: RegionId) -> list[pulumi.Resource]:
        """Return what must be there before a container of a region: its key's users, and the registry of images."""
        return [*self.foundation.keys.run_users, self.foundation.images.repositories[region]]

    def build_labels(self) -> dict[str, str]:
        """Return the labels of everything that is this application's."""
        return self.naming.build_labels(self.compiled.importance, self.compiled.id)

    # Services and jobs take the same shape under different types; the provider's facts check what is built.
    def build_container(
        self, region: RegionId, image: str, resources: Resources, environment: ContainerEnvironment
    ) -> Any:  # noqa: ANN401 see above
        """Return a container as Cloud Run takes it: the image of the region, and what it is told in a fixed order."""
        values = {"TSUNAGU_APPLICATION": self.compiled.id, **environment}
        return {
            "image": place_image(image, self.project, self.foundation.regions.get_location(region)),
            "resources": {"limits": resources.list_limits()},
            "envs": [{"name": key, "value": values[key]} for key in sorted(values)],
        }

    def build_vpc_access(self, region: RegionId) -> Any:  # noqa: ANN401 see above
        """Return how a container stands in the VPC: all that it sends meets the firewall, under its own tag."""
        return {
            # What did not go by the VPC would pass its firewall by.
            "egress": "ALL_TRAFFIC",
            "network_interfaces": [
                {
                    "network": self.foundation.vpc.id,
                    "subnetwork": self.foundation.subnetworks[region].id,
                    "tags": [make_network_tag(self.compiled.id)],
                }
            ],
        }
