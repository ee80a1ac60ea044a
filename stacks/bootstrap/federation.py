"""How jobs of the repository are known to Google without any key: their tokens, by Workload Identity Federation.

Source: "Configure Workload Identity Federation with deployment pipelines". GitHub has one issuer for all its customers,
so the condition names the repository and its owner, by number: a name that is given up can become another's.
"""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp

from stacks.bootstrap.configuration import BootstrapConfiguration
from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming

ISSUER = "https://token.actions.githubusercontent.com"


class Federation(pulumi.ComponentResource):
    """The pool of identities, and its one provider. Outputs: `provider`, the name that a workflow gives."""

    def __init__(
        self,
        name: str,
        configured: BootstrapConfiguration,
        naming: Naming,
        services: ProjectServices,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(f"{TYPE}Federation", name, {}, opts)
        self._repository = configured.repository
        self._pool = gcp.iam.WorkloadIdentityPool(
            name,
            workload_identity_pool_id=f"{naming.prefix}-jobs",
            display_name="Jobs that deploy",
            opts=services.build_child_options(self, "iam", "sts", "iamcredentials"),
        )
        self.provider = gcp.iam.WorkloadIdentityPoolProvider(
            name,
            workload_identity_pool_id=self._pool.workload_identity_pool_id,
            workload_identity_pool_provider_id="github",
            display_name="GitHub",
            attribute_mapping={
                "google.subject": "assertion.sub",
                "attribute.repository_id": "assertion.repository_id",
            },
            attribute_condition=(
                f"assertion.repository_id == '{self._repository.id}' && "
                f"assertion.repository_owner_id == '{self._repository.owner_id}'"
            ),
            oidc={"issuer_uri": ISSUER},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"provider": self.provider.name})

    def make_principal(self, subject: str) -> pulumi.Output[str]:
        """Return how IAM calls the jobs with this subject."""
        return self._pool.name.apply(lambda pool: f"principal://iam.googleapis.com/{pool}/subject/{subject}")

    def make_repository_principals(self) -> pulumi.Output[str]:
        """Return how IAM calls all jobs of the repository."""
        number = self._repository.id
        return self._pool.name.apply(
            lambda pool: f"principalSet://iam.googleapis.com/{pool}/attribute.repository_id/{number}"
        )
