"""Where the engine keeps the states of the stacks, and the keys of what is secret in them: a bucket and a key for each.

A bucket lies in two regions: with it in a lost one, no failover could be deployed. What is overwritten or deleted can
be had back. A retention lock is not possible: the engine overwrites its files.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.bootstrap.configuration import BootstrapConfiguration
from stacks.data.keys import ROTATION, USE, format_asked_member
from stacks.project_services import ProjectServices
from stacks.settings.naming import TYPE, Naming

SECONDS_A_DAY = 86_400
NEWER_VERSIONS = 20
"""So many newer versions of a state there are before an old one goes, however old it is."""


@dataclass(frozen=True)
class StateStoreArgs:
    """What the store is made from; `stacks` are those whose states it keeps."""

    configured: BootstrapConfiguration
    naming: Naming
    services: ProjectServices
    stacks: tuple[str, ...]


class StateStore(pulumi.ComponentResource):
    """The states of the stacks. Outputs, by stack: `buckets`, and `secrets`, the keys of the secrets."""

    def __init__(self, name: str, args: StateStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}StateStore", name, {}, opts)
        self._name, self._args = name, args
        location = args.configured.places.shared
        ring = gcp.kms.KeyRing(name, location=location, opts=args.services.build_child_options(self, "cloudkms"))
        self.key = self._add_key("buckets", ring)
        self.secrets = {stack: self._add_key(f"secrets-{stack}", ring) for stack in args.stacks}
        user = self._let_storage_use(self.key)
        self.buckets = {stack: self._add_bucket(stack, user) for stack in args.stacks}
        self.register_outputs({})

    def _add_key(self, name: str, ring: gcp.kms.KeyRing) -> gcp.kms.CryptoKey:
        return gcp.kms.CryptoKey(
            f"{self._name}-{name}",
            key_ring=ring.id,
            rotation_period=ROTATION,
            version_template={"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protection_level": "HSM"},
            labels=self._args.naming.build_labels("II", "state"),
            opts=pulumi.ResourceOptions(parent=self, protect=True),
        )

    def _let_storage_use(self, key: gcp.kms.CryptoKey) -> gcp.kms.CryptoKeyIAMMember:
        """Let Cloud Storage's agent use a key; Google makes the agent when it is asked for."""
        asked = pulumi.InvokeOutputOptions(parent=self, depends_on=[self._args.services.on["storage"]])
        agent = gcp.storage.get_project_service_account_output(project=self._args.configured.google.project, opts=asked)
        return gcp.kms.CryptoKeyIAMMember(
            f"{self._name}-buckets-user",
            crypto_key_id=key.id,
            role=USE,
            member=format_asked_member(
                agent.apply(lambda found: found.email_address), self._args.services.on["storage"]
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _add_bucket(self, stack: str, user: pulumi.Resource) -> gcp.storage.Bucket:
        configured = self._args.configured
        return gcp.storage.Bucket(
            f"{configured.google.project}-state-{stack}",
            location=configured.places.shared.upper(),
            # Fifteen minutes at most until a state is in the second region, too.
            rpo="ASYNC_TURBO" if configured.places.is_shared_dual else None,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            versioning={"enabled": True},
            soft_delete_policy={"retention_duration_seconds": configured.state.deleted_days * SECONDS_A_DAY},
            lifecycle_rules=[
                {
                    "action": {"type": "Delete"},
                    "condition": {
                        "days_since_noncurrent_time": configured.state.old_versions_days,
                        "num_newer_versions": NEWER_VERSIONS,
                    },
                }
            ],
            encryption={"default_kms_key_name": self.key.id},
            force_destroy=False,
            labels=self._args.naming.build_labels("II", "state"),
            opts=self._args.services.build_child_options(self, "storage", protect=True, after=[user]),
        )
