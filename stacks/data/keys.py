"""Keys of our own for everything that is stored: one for each kind of store and place, turned over every 90 days.

A key of a region encrypts what lies in that region; a bucket takes a key only from its own location, also where that
is a dual region.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from stacks.project_services import BACKUPS, ProjectServices
from stacks.settings.configuration import GoogleSettings
from stacks.settings.naming import TYPE, Naming, add_old_name
from stacks.settings.regions import RegionId, StackRegions

ROTATION = "7776000s"
"""90 days."""
USE = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True)
class EncryptionKeysArgs:
    """What the keys are made from.

    `vault` is the region of the backup vault, where there is one; `copies` are those in which copies of files lie.
    """

    google: GoogleSettings
    regions: StackRegions
    naming: Naming
    protected: bool
    services: ProjectServices
    vault: RegionId | None = None
    copies: frozenset[RegionId] = frozenset()


class EncryptionKeys(pulumi.ComponentResource):
    """Keys and who may use them: Google's own agents of each service, and nobody else.

    Outputs: `storage` (the buckets' key), `logs` (the log bucket's, in the first region), `database`, `run` and
    `images` (keys by region), and the grants that must exist before the first use: `storage_users`, `logs_users`,
    `database_users`, `run_users`, `images_users`; with a vault also `vault` and
    `vault_users`; where files are copied also `copies` (by region) and `copies_users`.
    """

    def __init__(self, name: str, args: EncryptionKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{TYPE}Keys", name, {}, opts)
        self._name, self._args = name, args
        number = args.google.project_number
        rings = {location: self._add_ring(location) for location in args.regions.ring_locations}
        self.storage = self._add_key("storage", rings[args.regions.shared])
        self.database: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.run: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.images: dict[RegionId, gcp.kms.CryptoKey] = {}
        self.database_users: list[pulumi.Resource] = []
        self.run_users: list[pulumi.Resource] = []
        self.images_users: list[pulumi.Resource] = []
        database_agent = self._add_agent("database", "sqladmin")
        run_agent = self._add_agent("run", "run")
        images_member = self._add_agent("images", "artifactregistry").email.apply(_format_member)
        # Its address is known beforehand, so that a preview shows it; the grant still waits until it is somebody's.
        run_member = f"serviceAccount:service-{number}@serverless-robot-prod.iam.gserviceaccount.com"
        for region in args.regions.regions:
            self.database[region.id] = self._add_key(f"database-{region.id}", rings[region.location])
            self.run[region.id] = self._add_key(f"run-{region.id}", rings[region.location])
            database_key, run_key = self.database[region.id], self.run[region.id]
            database_member = database_agent.email.apply(_format_member)
            self.database_users.append(self._grant_use(f"database-{region.id}", database_key, database_member))
            self.run_users.append(self._grant_use(f"run-{region.id}", run_key, run_member, run_agent))
            self.images[region.id] = self._add_key(f"images-{region.id}", rings[region.location])
            self.images_users.append(self._grant_use(f"images-{region.id}", self.images[region.id], images_member))
        storage_member = format_asked_member(self._ask_storage_agent(), args.services.on["storage"])
        self.storage_users: list[pulumi.Resource] = [self._grant_use("storage", self.storage, storage_member)]
        self.logs = self._add_key("logs", rings[args.regions.locations[0]])
        logs_member = format_asked_member(self._ask_logging_agent(), args.services.on["logging"])
        self.logs_users: list[pulumi.Resource] = [self._grant_use("logs", self.logs, logs_member)]
        self.copies = {
            region: self._add_key(f"copies-{region}", rings[args.regions.get_location(region)])
            for region in sorted(args.copies)
        }
        self.copies_users: list[pulumi.Resource] = [
            self._grant_use(f"copies-{region}", key, storage_member) for region, key in self.copies.items()
        ]
        self.vault_users: list[pulumi.Resource] = []
        self.vault = None if args.vault is None else self._add_vault_key(args.vault, rings)
        self.register_outputs({"storage": self.storage.id})

    def _add_vault_key(self, region: RegionId, rings: Mapping[str, gcp.kms.KeyRing]) -> gcp.kms.CryptoKey:
        """Add the vault's key, and let its agent use the databases' keys, too.

        A backup of Cloud SQL is encrypted with its instance's key, in another region with the vault's (Google: "CMEK
        for Backup and DR").
        """
        key = self._add_key("vault", rings[self._args.regions.get_location(region)])
        member = self._add_agent("vault", BACKUPS).email.apply(_format_member)
        used = {"vault": key, **{f"vault-{name}": one for name, one in self.database.items()}}
        self.vault_users = [self._grant_use(name, one, member) for name, one in used.items()]
        return key

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

    def _add_agent(self, name: str, word: str) -> gcp.projects.ServiceIdentity:
        """A service's agent: nobody until its API is on and its identity is asked for."""
        options = self._args.services.build_child_options(self, word, "serviceusage")
        return gcp.projects.ServiceIdentity(
            f"{self._name}-{name}-agent",
            service=f"{word}.googleapis.com",
            project=self._args.google.project,
            opts=add_old_name(options, f"{name}-agent"),
        )

    def _ask_storage_agent(self) -> pulumi.Output[str]:
        """The address of Cloud Storage's agent. Google makes it when it is asked; it has no identity to declare."""
        found = gcp.storage.get_project_service_account_output(
            project=self._args.google.project, opts=self._wait_to_ask("storage")
        )
        return found.apply(lambda agent: agent.email_address)

    def _ask_logging_agent(self) -> pulumi.Output[str]:
        """The address of the agent by which Cloud Logging uses keys; it, too, is made when it is asked for."""
        found = gcp.logging.get_project_cmek_settings_output(
            project=self._args.google.project, opts=self._wait_to_ask("logging")
        )
        return found.apply(lambda settings: settings.service_account_id)

    def _wait_to_ask(self, word: str) -> pulumi.InvokeOutputOptions:
        """Nothing is asked before the API is on: the first preview of a project needs no Google."""
        return pulumi.InvokeOutputOptions(parent=self, depends_on=[self._args.services.on[word]])

    def _grant_use(
        self,
        name: str,
        key: gcp.kms.CryptoKey,
        member: pulumi.Input[str],
        agent: gcp.projects.ServiceIdentity | None = None,
    ) -> gcp.kms.CryptoKeyIAMMember:
        """Let a member use a key, after the `agent` that it is, where its address does not say so."""
        options = pulumi.ResourceOptions(parent=self, depends_on=[agent] if agent else None)
        return gcp.kms.CryptoKeyIAMMember(
            f"{self._name}-{name}-user",
            crypto_key_id=key.id,
            role=USE,
            member=member,
            opts=add_old_name(options, f"{name}-user"),
        )


def format_asked_member(email: pulumi.Output[str], service: gcp.projects.Service) -> pulumi.Output[str]:
    """Return how IAM calls an agent that a function of Google's was asked for, after its API was on.

    The answer of a function says what it waited for in a deployment, and not in a preview. A deployment by a saved plan
    may depend on nothing that the preview did not know, so the API is named here.
    """
    return pulumi.Output.all(email, service.id).apply(lambda found: _format_member(found[0]))


def _format_member(email: str) -> str:
    return f"serviceAccount:{email}"
