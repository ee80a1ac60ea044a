"""Identities from elsewhere: how Google calls a pool and its providers, and which providers it refuses.

Sources: the provider's page of `WorkloadIdentityPoolProvider` (attribute mapping and condition), and "Configure
Workload Identity Federation with deployment pipelines": an issuer that many customers share needs a condition on a
claim of its tokens. Whether a condition is CEL is not looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]

POOL = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool"
PROVIDER = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
SHARED_ISSUERS = frozenset({"https://token.actions.githubusercontent.com", "https://gitlab.com"})
"""Issuers whose tokens anybody can have."""
LONGEST_CONDITION, LONGEST_EXPRESSION, MOST_ATTRIBUTES = 4_096, 2_048, 50
SUBJECT, CUSTOM = "google.subject", "attribute."


def name_pool(_store: WorldStore, values: Values) -> dict[str, Value]:
    """What Google fills in: the name has the project's number, and the id its word."""
    number = find_project_number(str(values["project"]))
    pool = f"projects/{number}/locations/global/workloadIdentityPools/{values['workloadIdentityPoolId']}"
    return {"name": pool, "state": "ACTIVE"}


def name_provider(store: WorldStore, values: Values) -> dict[str, Value]:
    """What Google fills in of a provider; its name begins with its pool's."""
    pool = name_pool(store, values)
    return {**pool, "name": f"{pool['name']}/providers/{values['workloadIdentityPoolProviderId']}"}


def check_provider(store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a provider without its pool, and one that Google would not take.

    Raises:
        GoogleRefusal: it is not as the sources say.
    """
    pool, project = str(values.get("workloadIdentityPoolId")), str(values.get("project"))
    if store.get(POOL, f"projects/{project}/locations/global/workloadIdentityPools/{pool}") is None:
        raise GoogleRefusal(404, f"The workload identity pool {pool} does not exist in {project}", "notFound")
    reason = _find_fault(values)
    if reason:
        raise GoogleRefusal(400, reason, "invalid")


def _find_fault(values: Values) -> str:
    mapping, condition = values.get("attributeMapping") or {}, str(values.get("attributeCondition") or "")
    issuer = str((values.get("oidc") or {}).get("issuerUri") or "").rstrip("/")
    if values.get("oidc") and SUBJECT not in mapping:
        return f"The attribute mapping must include a mapping to {SUBJECT}"
    if sum(key.startswith(CUSTOM) for key in mapping) > MOST_ATTRIBUTES:
        return f"The attribute mapping has more than {MOST_ATTRIBUTES} custom attributes"
    if any(len(str(one)) > LONGEST_EXPRESSION for one in mapping.values()) or len(condition) > LONGEST_CONDITION:
        return "An expression of the attribute mapping, or the attribute condition, is too long"
    if issuer in SHARED_ISSUERS and not any(word in condition for word in ("assertion.", "attribute.", "google.")):
        return "The attribute condition must reference one of the provider's claims"
    if values.get("oidc") and not issuer.startswith("https://"):
        return f"The issuer {issuer!r} must be an https address"
    return ""
