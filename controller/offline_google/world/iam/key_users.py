"""Who encrypts with a key: the agent of the service that stores something, which must be allowed to beforehand.

Sources (Google Cloud documentation, by page name): "Customer-managed encryption keys" of Cloud Storage, "About
customer-managed encryption keys" of Cloud SQL, "Using customer managed encryption keys" of Cloud Run, "Enable
customer-managed encryption keys" of Artifact Registry and of Secret Manager, "Configure CMEK for log buckets", "CMEK
for Backup and DR": each
names the agent that needs `roles/cloudkms.cryptoKeyEncrypterDecrypter` on the key before the key is named. "Key
purposes and algorithms" and "Customer-managed encryption keys" of Cloud KMS: symmetric keys with a version only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.iam.service_agents import (
    STORAGE_DOMAIN,
    find_agent_domain,
    make_agent_email,
    make_logging_agent_email,
)
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world_store import StoredResource, WorldStore

KEY = "gcp:kms/cryptoKey:CryptoKey"
_ON_A_PROJECT = ("gcp:projects/iAMMember:IAMMember", "gcp:projects/iAMBinding:IAMBinding")
_ENCRYPT, _DECRYPT = "roles/cloudkms.cryptoKeyEncrypter", "roles/cloudkms.cryptoKeyDecrypter"
_SYMMETRIC = "ENCRYPT_DECRYPT"
_BOTH = frozenset({"roles/cloudkms.cryptoKeyEncrypterDecrypter", "roles/owner"})
"""The roles that are known here to let somebody encrypt and decrypt."""
_SERVICES: Mapping[str, str] = {
    "artifactregistry": "artifactregistry",
    "backupdisasterrecovery": "backupdr",
    "cloudrunv2": "run",
    "secretmanager": "secretmanager",
    "sql": "sqladmin",
}
"""By module: the service whose agent encrypts. Those of Cloud Storage and Cloud Logging are called otherwise."""


def check_key_user(store: WorldStore, module: str, project: str, key: str) -> None:
    """The agent of a resource's service may use the key that the resource names, and the key can encrypt.

    Raises:
        GoogleRefusal: nothing has let it, it is not known here who would use the key, or the key is of another kind.
    """
    _check_key(store, key)
    email = find_key_user(module, project)
    member = f"serviceAccount:{email}"
    roles = {grant.outputs.get("role") for grant in _list_grants(store, key) if _names(grant, member)}
    if roles & _BOTH or {_ENCRYPT, _DECRYPT} <= roles:
        return
    message = (
        f"Permission 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{key}' for {email}. Grant it "
        "roles/cloudkms.cryptoKeyEncrypterDecrypter on the key first, without a condition, and let this resource "
        "depend on the grant"
    )
    raise GoogleRefusal(403, message, "forbidden")


def _check_key(store: WorldStore, key: str) -> None:
    found = store.get(KEY, key)
    values: Mapping[str, Value] = {} if found is None else found.outputs
    purpose = values.get("purpose") or _SYMMETRIC
    if purpose != _SYMMETRIC:
        message = f"The key '{key}' has the purpose {purpose}; what is stored is encrypted by one of {_SYMMETRIC}"
        raise GoogleRefusal(400, message, "invalid")
    if values.get("skipInitialVersionCreation") is True or values.get("importOnly") is True:
        message = f"The key '{key}' was made without a version, and so encrypts nothing"
        raise GoogleRefusal(400, message, "failedPrecondition")


def find_key_user(module: str, project: str) -> str:
    """Return the address of the agent that encrypts what a module's resources store.

    Raises:
        GoogleRefusal: the offline Google does not know it.
    """
    number = find_project_number(project)
    if module == "logging":
        return make_logging_agent_email(number)
    if module == "storage":
        return make_agent_email(STORAGE_DOMAIN, number)
    if module not in _SERVICES:
        known = ", ".join(sorted((*_SERVICES, "logging", "storage")))
        message = f"the offline Google does not know which agent encrypts for {module}; it knows: {known}"
        raise GoogleRefusal(501, message, "notImplemented")
    return make_agent_email(find_agent_domain(_SERVICES[module]), number)


def _list_grants(store: WorldStore, key: str) -> Iterator[StoredResource]:
    """The grants on a key, and those on its project."""
    on_the_key = [store.get(token, identity) for token, identity, _ in store.users(KEY, key, "belongs")]
    yield from (grant for grant in on_the_key if grant is not None)
    project = key.removeprefix("projects/").partition("/")[0]
    yield from (grant for token in _ON_A_PROJECT for grant in store.all(token) if grant.project == project)


def _names(grant: StoredResource, member: str) -> bool:
    """A grant counts without a condition only: what Google would say of one is not known here."""
    values: Mapping[str, Value] = grant.outputs
    return not values.get("condition") and member in [values.get("member"), *(values.get("members") or ())]
