"""Keys of our own for everything that is stored: one for each kind of store and place, turned over every 90 days.

A key in Tokyo encrypts what lies in Tokyo, one in Osaka what lies in Osaka; a dual-region bucket takes a key only from
the location of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.services import Services
from stacks.settings.configuration import Google
from stacks.settings.naming import TYPE, Naming
from stacks.settings.regions import BOTH, REGIONS, RegionId

ROTATION = "7776000s"
"""90 days."""
USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True)
class KeysArgs:
    """What the keys are made from."""

    google: Google
    naming: Naming
    protected: bool
    services: Services


class Keys(pulumi.ComponentResource):
    """Keys and who may use them: Google's own agents of each service, and nobody else.

    Outputs: `storage` (the buckets' key), `database` and `run` (keys by region), and the grants that must exist before
    the first use: `storage_users`, `database_users`, `run_users`.
    """

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Keys", name, {}, opts)
        self._args = args
        number = args.google.project_number
        rings = {place: self._ring(place) for place in (*(region.name for region in REGIONS.values()), BOTH)}
        self.storage = self._key("storage", rings[BOTH])
        self.database: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.run: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.database_users: list[pulumi.Resource] = []
        self.run_users: list[pulumi.Resource] = []
        agent = gcp.projects.ServiceIdentity(
            "database-agent",
            service="sqladmin.googleapis.com",
            project=args.google.project,
            opts=args.services.ready(self, "sqladmin"),
        )
        run_agent = f"serviceAccount:service-{number}@serverless-robot-prod.iam.gserviceaccount.com"
        for region in REGIONS.values():
            self.database[region.id] = self._key(f"database-{region.id}", rings[region.name])
            self.run[region.id] = self._key(f"run-{region.id}", rings[region.name])
            self.database_users.append(
                self._user(f"database-{region.id}", self.database[region.id], agent.email.apply(_service_account))
            )
            self.run_users.append(self._user(f"run-{region.id}", self.run[region.id], run_agent))
        storage_agent = f"serviceAccount:service-{number}@gs-project-accounts.iam.gserviceaccount.com"
        self.storage_users: list[pulumi.Resource] = [self._user("storage", self.storage, storage_agent)]
        self.register_outputs({"storage": self.storage.id})

    def _ring(self, location: str) -> gcp.kms.KeyRing:
        return gcp.kms.KeyRing(location, location=location, opts=self._args.services.ready(self, "cloudkms"))

    def _key(self, name: str, ring: gcp.kms.KeyRing) -> gcp.kms.CryptoKey:
        return gcp.kms.CryptoKey(
            name,
            key_ring=ring.id,
            rotation_period=ROTATION,
            version_template={"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protection_level": "HSM"},
            labels=self._args.naming.labels("II", "keys"),
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protected or None),
        )

    def _user(self, name: str, key: gcp.kms.CryptoKey, member: pulumi.Input[str]) -> gcp.kms.CryptoKeyIAMMember:
        return gcp.kms.CryptoKeyIAMMember(
            f"{name}-user", crypto_key_id=key.id, role=USE, member=member, opts=pulumi.ResourceOptions(parent=self)
        )


def _service_account(email: str) -> str:
    return f"serviceAccount:{email}"
