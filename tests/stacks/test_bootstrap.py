"""The bootstrap: what it declares, by mocks, and its life on the real engine with the offline Google."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest

from controller.model.city import City
from controller.offline_google.world.iam.roles import list_predefined_roles
from stacks.bootstrap.bootstrap_stack import declare_bootstrap
from stacks.bootstrap.configuration import BOOTSTRAP, BootstrapConfiguration, find_bootstrap_problems
from stacks.guardrails.deployer_roles import (
    ADMIN_CONSOLE,
    GRANTABLE,
    GRANTS,
    ON_ACCESS_POLICY,
    ON_ORGANISATION,
    ROLES_BY_TYPE,
    list_deployer_roles,
)
from stacks.guardrails.granted_access import forbid_unnamed_access
from stacks.guardrails.guardrail import CheckedResource
from stacks.settings.configuration import StackConfiguration
from stacks.settings.read_configuration import ConfigurationRefused, parse_named_configuration
from tests.stacks.declared import (
    ROOT,
    STACKS,
    Recorder,
    changed,
    changed_values,
    configured,
    declare,
    file,
    run_program,
    values,
)
from tests.stacks.test_configuration import JOB
from tests.stacks.test_declared import ON_PREMISES, SAAS, hosted
from tests.stacks.test_declared_restore_test import WITH as WITH_RESTORE_TEST
from tests.stacks.test_declared_vault import VAULT

PACK = ("--policy-pack", str(ROOT / "stacks/guardrails"))
DO = ("--yes", "--skip-preview")


def read(given: Mapping[str, str]) -> BootstrapConfiguration:
    return parse_named_configuration(BootstrapConfiguration, BOOTSTRAP, given, file(BOOTSTRAP), find_bootstrap_problems)


@pytest.fixture(scope="module")
def declared() -> Recorder:
    def program() -> pulumi.Output[None]:
        return pulumi.Output.from_input(dict(declare_bootstrap("kawasaki", read(values(BOOTSTRAP))))).apply(
            lambda _: None
        )

    return run_program(BOOTSTRAP, program)


@pytest.fixture(scope="module")
def stacks(city: City) -> list[Recorder]:
    """Every stack as committed, and with what else one can have.

    That is jobs, servers of the city's, a vendor's service, a backup vault, copies of files, a restore test.
    """
    with_jobs = changed("staging", {"applications/affairs/jobs": {"year-end": JOB}})
    kept = changed("production", {**VAULT, "applications/affairs/files/copies": {"region": "osaka"}})
    tested = changed("production", WITH_RESTORE_TEST)
    others: list[StackConfiguration] = [hosted("staging", ON_PREMISES), hosted("staging", SAAS)]
    others += [with_jobs, kept, tested]
    return [declare(city, one)[0] for one in (*map(configured, STACKS), *others)]


def short(token: str) -> str:
    """The type's name in the SDK: `compute.Network`."""
    module, _, name = token.removeprefix("gcp:").partition("/")
    return f"{module}.{name.rpartition(':')[2]}"


def test_every_type_that_a_stack_declares_has_its_roles_and_no_role_is_given_for_nothing(
    stacks: list[Recorder],
) -> None:
    used = {short(one.type) for recorder in stacks for one in recorder.declared if one.type.startswith("gcp:")}
    assert not used - ROLES_BY_TYPE.keys(), "stacks/guardrails/deployer_roles.py: what do these types need?"
    needed = {role for one in used for role in ROLES_BY_TYPE[one]}
    assert needed == {*list_deployer_roles(), *ON_ACCESS_POLICY, *ON_ORGANISATION, ADMIN_CONSOLE}
    assert needed - {ADMIN_CONSOLE} <= list_predefined_roles()
    assert not needed & {"roles/owner", "roles/editor"}


def test_a_deployer_may_give_what_the_stack_gives_and_nothing_else(stacks: list[Recorder], declared: Recorder) -> None:
    given = {one.inputs["role"] for recorder in stacks for one in recorder.of("IAMMember") if "projects/" in one.type}
    assert given == {*GRANTABLE}
    limited = [one for one in declared.of("IAMMember") if one.inputs.get("role") == GRANTS]
    assert len(limited) == 2
    for one in limited:
        for role in GRANTABLE:
            assert f"'{role}'" in one.inputs["condition"]["expression"]
        assert GRANTS not in one.inputs["condition"]["expression"]


def test_a_state_is_kept_in_two_regions_and_can_be_had_back(declared: Recorder) -> None:
    buckets = declared.of("Bucket")
    assert len(buckets) == 3, "staging's, production's, and the bootstrap's own"
    for one in buckets:
        assert (one.inputs["location"], one.inputs["rpo"]) == ("ASIA1", "ASYNC_TURBO")
        assert one.inputs["versioning"] == {"enabled": True}
        assert one.inputs["softDeletePolicy"] == {"retentionDurationSeconds": 90 * 86_400}
        assert one.inputs["forceDestroy"] is False
        assert one.inputs["publicAccessPrevention"] == "enforced"
        assert one.inputs["encryption"]["defaultKmsKeyName"]
        assert "retentionPolicy" not in one.inputs, "the engine overwrites its files"
        for rule in one.inputs["lifecycleRules"]:
            assert rule["condition"]["numNewerVersions"] > 1, "the version that is now is never taken"


def test_only_jobs_of_the_repository_are_known_and_only_those_of_an_environment_deploy(declared: Recorder) -> None:
    (provider,) = declared.of("WorkloadIdentityPoolProvider")
    assert provider.inputs["attributeCondition"] == (
        "assertion.repository_id == '700000001' && assertion.repository_owner_id == '70000001'"
    )
    acting = {one.name: one.inputs for one in declared.of("IAMMember") if "serviceaccount/" in one.type}
    for environment in ("staging", "production"):
        job = acting[f"{environment}-job"]
        assert job["member"].startswith("principal://iam.googleapis.com/")
        assert job["member"].endswith(f"/subject/repo:kawasaki-virtual/tsunagu:environment:{environment}")
        assert acting[f"{environment}-people"]["member"].startswith("group:")
        assert acting[f"{environment}-any-job"]["serviceAccountId"] != job["serviceAccountId"]


def test_nothing_of_one_stack_is_open_to_the_other(declared: Recorder) -> None:
    for kind in ("BucketIAMMember", "CryptoKeyIAMMember"):
        for one in declared.of(kind):
            environment = one.name.partition("-")[0]
            place = str(one.inputs.get("bucket") or one.inputs["cryptoKeyId"])
            assert environment in place or one.name == "state-buckets-user", one


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("environments/staging", "tsunagu-kawasaki-production", "is the project of"),
        ("environments/staging", "tsunagu-kawasaki-bootstrap", "is the project of this stack, too"),
        ("environments/lab", "tsunagu-kawasaki-lab", "lab"),
        ("repository/name", "kawasaki", "repository.name"),
        ("repository/id", "tsunagu", "repository.id"),
        ("state/deleted-days", 365, "state.deleted-days"),
        ("state/bucket", "mine", "unknown key"),
        ("google/project", "X", "google.project"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(path: str, value: object, words: str) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        read(changed_values(BOOTSTRAP, {path: value}))
    assert words in str(refused.value)
    assert "stacks/config/Pulumi.bootstrap.yaml:" in str(refused.value)


def test_the_sdk_knows_every_type_that_has_a_role() -> None:
    for name in ROLES_BY_TYPE:
        module, _, kind = name.partition(".")
        assert hasattr(getattr(gcp, module), kind), name


@pytest.mark.parametrize(
    ("changes", "stopped"),
    [
        ({}, False),
        ({"role": "roles/iam.securityReviewer"}, False),
        ({"stack": "staging"}, True),
        ({"member": "serviceAccount:other@tsunagu-kawasaki-bootstrap.iam.gserviceaccount.com"}, True),
        ({"member": "group:everybody@kawasaki-virtual.example"}, True),
        ({"role": "roles/owner"}, True),
        ({"role": "roles/iam.securityAdmin"}, True),
        ({"role": GRANTS}, True),
        ({"role": GRANTS, "condition": {"expression": "api.getAttribute('x', []).hasOnly(['y'])"}}, False),
    ],
)
def test_the_guardrails_let_only_the_bootstrap_give_deployers_their_roles(
    changes: dict[str, Any], *, stopped: bool
) -> None:
    """The same grant in another stack, to another account or of another role is stopped."""
    email = "tsunagu-deploy-staging@tsunagu-kawasaki-bootstrap.iam.gserviceaccount.com"
    given = {"stack": BOOTSTRAP, "role": "roles/run.admin", "member": f"serviceAccount:{email}"} | changes
    stack = given.pop("stack")
    resource = CheckedResource("gcp:projects/iAMMember:IAMMember", "one", given, stack)
    assert bool([*forbid_unnamed_access(resource)]) is stopped
