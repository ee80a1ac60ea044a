"""Keys of our own for everything that is stored: one for each kind of store and place, turned over every 90 days.

A key of a region encrypts what lies in that region; a bucket takes a key only from its own location, also where that
is a dual region.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import ProjectServices
from stacks.settings.configuration import GoogleSettings
from stacks.settings.naming import TYPE, Naming, add_old_name
from stacks.settings.regions import RegionId, StackRegions

ROTATION = "7776000s"
"""90 days."""
USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True)
class EncryptionKeysArgs:
    """What the keys are made from."""

    google: GoogleSettings
    regions: StackRegions
    naming: Naming
    protected: bool
    services: ProjectServices


class EncryptionKeys(pulumi.ComponentResource):
    """Keys and who may use them: Google's own agents of each service, and nobody else.

    Outputs: `storage` (the buckets' key), `database` and `run` (keys by region), and the grants that must exist before
    the first use: `storage_users`, `database_users`, `run_users`.
    """

    def __init__(self, name: str, args: EncryptionKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Keys", name, {}, opts)
        self._name, self._args = name, args
        number = args.google.project_number
        rings = {location: self._add_ring(location) for location in args.regions.ring_locations}
        self.storage = self._add_key("storage", rings[args.regions.shared])
        self.database: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.run: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.database_users: list[pulumi.Resource] = []
        self.run_users: list[pulumi.Resource] = []
        agent = gcp.projects.ServiceIdentity(
            f"{name}-database-agent",
            service="sqladmin.googleapis.com",
            project=args.google.project,
            opts=add_old_name(args.services.build_child_options(self, "sqladmin"), "database-agent"),
        )
        run_agent = f"serviceAccount:service-{number}@serverless-robot-prod.iam.gserviceaccount.com"
        for region in args.regions.regions:
            self.database[region.id] = self._add_key(f"database-{region.id}", rings[region.location])
            self.run[region.id] = self._add_key(f"run-{region.id}", rings[region.location])
            self.database_users.append(
                self._grant_use(f"database-{region.id}", self.database[region.id], agent.email.apply(_format_member))
            )
            self.run_users.append(self._grant_use(f"run-{region.id}", self.run[region.id], run_agent))
        storage_agent = f"serviceAccount:service-{number}@gs-project-accounts.iam.gserviceaccount.com"
        self.storage_users: list[pulumi.Resource] = [self._grant_use("storage", self.storage, storage_agent)]
        self.register_outputs({"storage": self.storage.id})

    def _add_ring(self, location: str) -> gcp.kms.KeyRing:
        options = self._args.services.build_child_options(self, "cloudkms")
        return gcp.kms.KeyRing(f"{self._name}-{location}", location=location, opts=add_old_name(options, location))

    def _add_key(self, name: str, ring: gcp.kms.KeyRing) -> gcp.kms.CryptoKey:
        options = pulumi.ResourceOptions(parent=self, protect=self._args.protected or None)
        return gcp.kms.CryptoKey(
            f"{self._name}-{name}",
            key_ring=ring.id,
            rotation_period=ROTATION,
            version_template={"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protection_level": "HSM"},
            labels=self._args.naming.build_labels("II", "keys"),
            opts=add_old_name(options, name),
        )

    def _grant_use(self, name: str, key: gcp.kms.CryptoKey, member: pulumi.Input[str]) -> gcp.kms.CryptoKeyIAMMember:
        return gcp.kms.CryptoKeyIAMMember(
            f"{self._name}-{name}-user",
            crypto_key_id=key.id,
            role=USE,
            member=member,
            opts=add_old_name(pulumi.ResourceOptions(parent=self), f"{name}-user"),
        )


def _format_member(email: str) -> str:
    return f"serviceAccount:{email}"
