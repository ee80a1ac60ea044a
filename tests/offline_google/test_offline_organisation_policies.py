"""What the offline Google takes and refuses of organisation policies: names and values that documents know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.services.organisation_policies import BOOLEAN_CONSTRAINTS, POLICY
from tests.offline_google.worlds import PROJECT, a_google

ON: dict[str, Any] = {"enforce": "TRUE"}
KEYS = "iam.disableServiceAccountKeyCreation"


@pytest.fixture
def google(tmp_path: Path) -> OfflineGoogle:
    google = a_google(tmp_path / "world.db")
    google.create("gcp:projects/service:Service", {"service": "orgpolicy.googleapis.com"})
    return google


def policy(constraint: str, *rules: dict[str, Any], parent: str = f"projects/{PROJECT}", **more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    return {"name": f"{parent}/policies/{constraint}", "parent": parent, "spec": {"rules": [*rules], **more}}


def values(*, allowed: list[str] | None = None, denied: list[str] | None = None) -> dict[str, Any]:
    return {"values": {"allowedValues": allowed, "deniedValues": denied}}


@pytest.mark.parametrize(
    "wanted",
    [
        *(policy(constraint, ON) for constraint in sorted(BOOLEAN_CONSTRAINTS)),
        policy("compute.vmExternalIpAccess", {"denyAll": "TRUE"}),
        policy("gcp.resourceLocations", values(allowed=["in:asia-northeast1-locations", "asia1"])),
        policy("gcp.restrictNonCmekServices", values(denied=["is:storage.googleapis.com"])),
        policy("iam.allowedPolicyMemberDomains", values(allowed=["C0kawasaki"])),
        policy("sql.restrictPublicIp", ON, parent="folders/123"),
        policy(KEYS, reset=True),
    ],
)
def test_a_policy_that_documents_know_is_taken(google: OfflineGoogle, wanted: dict[str, Any]) -> None:
    assert google.create(POLICY, wanted).id == wanted["name"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (policy("iam.disableServiceAccountKeys", ON), "constraints/iam.disableServiceAccountKeys' was not found"),
        (policy(KEYS, ON, parent="projects/nobodys"), "has not been used in project"),
        ({**policy(KEYS, ON), "parent": "folders/123"}, "PARENT/policies/CONSTRAINT"),
        ({**policy(KEYS, ON), "name": KEYS}, "PARENT/policies/CONSTRAINT"),
        (policy(KEYS), "a policy needs a rule"),
        (policy(KEYS, ON, reset=True), "resets has no rules"),
        (policy(KEYS, {"denyAll": "TRUE"}), "say enforce, not denyAll"),
        (policy(KEYS, {**ON, "denyAll": "TRUE"}), "a rule says one of"),
        (policy(KEYS, {}), "a rule says one of"),
        (policy(KEYS, {"enforce": "maybe"}), "enforce is TRUE or FALSE"),
        (policy("gcp.resourceLocations", ON), "say allowAll, denyAll or values, not enforce"),
        (policy("gcp.resourceLocations", values(allowed=["in:Tokyo"])), "'in:Tokyo' is no value"),
        (policy("gcp.resourceLocations", values()), "values are empty"),
        (policy("gcp.restrictNonCmekServices", values(allowed=["is:run.googleapis.com"])), "only to deny"),
        (policy("gcp.restrictNonCmekServices", values(denied=["run"])), "'run' is no value"),
        (policy("iam.allowedPolicyMemberDomains", values(allowed=["kawasaki.example"])), "is no value"),
        (policy("run.allowedIngress", values(allowed=["INGRESS_TRAFFIC_ALL"])), "is no value"),
        (policy(KEYS, {**ON, "condition": {"expression": "x"}}), "does not model condition"),
        ({**policy(KEYS, ON), "dryRunSpec": {"rules": [ON]}}, "without a dryRunSpec"),
    ],
)
def test_what_is_not_known_is_refused(google: OfflineGoogle, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(GoogleRefusal) as refused:
        google.create(POLICY, wanted)
    assert said in str(refused.value)


def test_the_api_must_be_on(tmp_path: Path) -> None:
    with pytest.raises(GoogleRefusal, match=r"orgpolicy.googleapis.com has not been used"):
        a_google(tmp_path / "world.db").create(POLICY, policy(KEYS, ON))
