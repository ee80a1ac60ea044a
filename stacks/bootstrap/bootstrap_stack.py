"""The bootstrap: the states' store, the accounts that deploy, and how the city's repository is known to Google.

It is deployed once by a person, with its state on that person's disk, and then moves into its own bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_gcp as gcp

from stacks.bootstrap.configuration import BOOTSTRAP, BootstrapConfiguration
from stacks.bootstrap.deployers import Deployers, DeployersArgs
from stacks.bootstrap.federation import Federation
from stacks.bootstrap.state_store import StateStore, StateStoreArgs
from stacks.project_services import ProjectServices
from stacks.settings.naming import Naming

SERVICES = (
    "accesscontextmanager",
    "cloudidentity",
    "cloudkms",
    "cloudresourcemanager",
    "iam",
    "iamcredentials",
    "logging",
    "serviceusage",
    "storage",
    "sts",
)


def declare_bootstrap(city: str, configured: BootstrapConfiguration) -> Mapping[str, Any]:
    """Declare every resource of the bootstrap; return its outputs, by name.

    `city` is the city's id in the policy.
    """
    naming = Naming(BOOTSTRAP, city)
    google = gcp.Provider(
        "google",
        project=configured.google.project,
        region=configured.places.locations[0],
        billing_project=configured.google.project,
        user_project_override=True,
    )
    opts = pulumi.ResourceOptions(providers=[google])
    services = ProjectServices("services", opts, SERVICES)
    # Who read a state, and who acted as a deployer: that, too, is written down.
    gcp.projects.IAMAuditConfig(
        "audit",
        project=configured.google.project,
        service="allServices",
        audit_log_configs=[{"log_type": kind} for kind in ("ADMIN_READ", "DATA_READ", "DATA_WRITE")],
        opts=pulumi.ResourceOptions(provider=google, depends_on=[services.on["cloudresourcemanager"]]),
    )
    kept = (BOOTSTRAP, *configured.environments)
    store = StateStore("state", StateStoreArgs(configured, naming, services, kept), opts=opts)
    federation = Federation("jobs", configured, naming, services, opts=opts)
    accounts = {
        environment: Deployers(
            environment,
            DeployersArgs(configured, environment, project, naming, services, store, federation),
            opts=opts,
        )
        for environment, project in configured.environments.items()
    }
    return {
        "states": {stack: bucket.name.apply(lambda name: f"gs://{name}") for stack, bucket in store.buckets.items()},
        "secretsProviders": {
            stack: key.id.apply(lambda id_: f"gcpkms://{id_}") for stack, key in store.secrets.items()
        },
        "deployers": {environment: one.deployer.email for environment, one in accounts.items()},
        "previewers": {environment: one.previewer.email for environment, one in accounts.items()},
        "workloadIdentityProvider": federation.provider.name,
    }
