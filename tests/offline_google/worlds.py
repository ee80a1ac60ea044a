"""What the tests of the offline Google share: a world with a project in which everything is switched on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.world_store import StoredResource, WorldStore

PROJECT = "school-lab"
TOKYO = "asia-northeast1"
OSAKA = "asia-northeast2"
SERVICES = ("compute", "cloudkms", "sqladmin", "run", "iap", "iam", "servicenetworking", "secretmanager", "dns")
MORE_SERVICES = (
    *("accesscontextmanager", "certificatemanager", "cloudidentity", "cloudresourcemanager"),
    *("cloudscheduler", "logging", "monitoring", "storage"),
)

NETWORK = "gcp:compute/network:Network"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
FIREWALL = "gcp:compute/firewall:Firewall"
GLOBAL_ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
ADDRESS = "gcp:compute/address:Address"
BACKEND = "gcp:compute/backendService:BackendService"
KEY_RING = "gcp:kms/keyRing:KeyRing"
KEY = "gcp:kms/cryptoKey:CryptoKey"
DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
USER = "gcp:sql/user:User"
BUCKET = "gcp:storage/bucket:Bucket"
PROJECT_MEMBER = "gcp:projects/iAMMember:IAMMember"
GROUP = "gcp:cloudidentity/group:Group"
DISCUSSION = {"cloudidentity.googleapis.com/groups.discussion_forum": ""}
"""The label of every Google group."""
LEVEL = "gcp:accesscontextmanager/accessLevel:AccessLevel"
ROUTER = "gcp:compute/router:Router"
NAT = "gcp:compute/routerNat:RouterNat"


def a_google(file: Path) -> OfflineGoogle:
    google = OfflineGoogle(WorldStore(file), {"project": PROJECT})
    for service in (*SERVICES, *MORE_SERVICES):
        google.create(SERVICE, {"service": f"{service}.googleapis.com"})
    return google


def a_network(google: OfflineGoogle, name: str = "main") -> StoredResource:
    return google.create(NETWORK, {"name": name, "autoCreateSubnetworks": False})


def a_subnetwork(google: OfflineGoogle, network: str, cidr: str = "10.0.0.0/20", **more: Any) -> StoredResource:  # noqa: ANN401 JSON
    wanted = {"name": "tokyo", "network": network, "ipCidrRange": cidr, "region": TOKYO}
    return google.create(SUBNETWORK, wanted | more)


def a_key(google: OfflineGoogle, location: str = TOKYO) -> StoredResource:
    ring = google.create(KEY_RING, {"name": f"ring-{location}", "location": location})
    return google.create(KEY, {"name": "data", "keyRing": ring.id, "purpose": "ENCRYPT_DECRYPT"})


def database(**more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    wanted = {
        "name": "affairs",
        "region": TOKYO,
        "databaseVersion": "POSTGRES_17",
        "deletionProtection": False,
        "settings": {"tier": "db-custom-2-7680"},
    }
    return wanted | more
