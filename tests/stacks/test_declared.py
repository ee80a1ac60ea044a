"""What the stacks declare, by mocks: logic, and every input against the SDK and the provider's facts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi_gcp as gcp
import pytest

from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.errors import PolicyError, TsunaguError
from controller.model.access.rules import RuleFile
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.policy_files import RULES
from controller.offline_google.schema.facts import find_resource_type
from controller.offline_google.schema.input_checks import check_inputs
from controller.prove.identity.synthetic_principals import FACTS
from stacks.applications.access import format_group_member
from stacks.data.keys import EncryptionKeys, EncryptionKeysArgs
from stacks.guardrails.guardrail import CheckedResource
from stacks.guardrails.pack import GUARDRAILS
from stacks.project_services import ProjectServices
from stacks.settings.configuration import StackConfiguration
from stacks.settings.naming import Naming
from stacks.settings.outputs import OUTPUT, parse_controller_outputs, write_outputs
from stacks.settings.read_configuration import ConfigurationRefused
from stacks.settings.regions import DEFAULT_STACK_REGIONS
from stacks.stack import refuse_real_google
from tests.policies import PolicyFolder
from tests.stacks.declared import (
    REMOVED,
    ROOT,
    STACKS,
    Declared,
    Recorder,
    application,
    changed,
    configured,
    declare,
    list_twice_named,
    rename_application,
    run_program,
    values,
)
from tests.stacks.inventory import GOLDEN, inventory
from tests.stacks.test_configuration import JOB

ON_PREMISES = {"kind": "on-premises", "tokyo": ["10.254.0.10", "10.254.0.11"], "osaka": ["10.254.1.10"]}
SAAS = {"kind": "saas", "endpoint": "affairs.vendor.example"}
COPIED = {"applications/affairs/files/copies": {"region": "osaka", "locked": False}}
Deployed = Callable[[str], tuple[Recorder, dict[str, Any]]]


@pytest.fixture(scope="module")
def deployed(city: City) -> Deployed:
    """Each stack as committed, declared once."""
    known: dict[str, tuple[Recorder, dict[str, Any]]] = {}

    def of(stack: str) -> tuple[Recorder, dict[str, Any]]:
        if stack not in known:
            known[stack] = declare(city, configured(stack))
        return known[stack]

    return of


def hosted(stack: str, hosting: dict[str, Any]) -> StackConfiguration:
    """The stack with the affairs system elsewhere, so without data of ours."""
    return changed(stack, {"applications/affairs": {"host": "affairs", "hosting": hosting}})


def open_to_the_internet(folder: Path) -> City:
    """The city with a flow from an application of the cloud to a public address."""
    policies = PolicyFolder(folder)
    system = "  - {id: mail-relay, name: メール中継, operator: vendor, importance: III, addresses: [203.0.113.25]}\n"
    policies.edit("access/flows.yaml", "systems:\n", f"systems:\n{system}")
    ends = "from: affairs, to: mail-relay, data: [III], carrier: https"
    policies.append("access/flows.yaml", f"  - {{id: affairs-to-mail, effect: permit, purpose: 通知, {ends}}}\n")
    return policies.load()


def with_two_databases(stack: str) -> StackConfiguration:
    """The stack with a second database, which is written to in the other region."""
    settings = json.loads(values(stack)["tsunagu:applications"])["affairs"]["database"]
    return changed(stack, {"applications/file-exchange/database": {**settings, "primary": "osaka"}})


def complaints(declared: list[Declared]) -> list[str]:
    ours = [one for one in declared if one.type.startswith("gcp:")]
    return [
        f"{one.type} {one.name} {wrong}"
        for one in ours
        for wrong in check_inputs(find_resource_type(one.type), one.inputs)
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_every_input_is_one_that_the_provider_takes(deployed: Deployed, stack: str) -> None:
    assert complaints(deployed(stack)[0].declared) == []


@pytest.mark.parametrize("hosting", [SAAS, ON_PREMISES], ids=["saas", "on-premises"])
def test_other_hostings_are_taken_too(city: City, hosting: dict[str, Any]) -> None:
    assert complaints(declare(city, hosted("staging", hosting))[0].declared) == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_inventory_is_the_reviewed_one(deployed: Deployed, stack: str) -> None:
    golden = (GOLDEN / f"{stack}.txt").read_text(encoding="utf-8")
    assert inventory(deployed(stack)[0].declared) == golden, "python -m tests.stacks.inventory writes it anew"


def test_the_list_of_used_types_is_right(city: City, deployed: Deployed, tmp_path: Path) -> None:
    used = {one.type for stack in STACKS for one in deployed(stack)[0].declared}
    vaulted = {"backup-vault": {"region": "osaka"}, "applications/affairs/database/vault": "attached"}
    used |= {one.type for one in declare(city, changed("lab", {**vaulted, **COPIED}))[0].declared}
    used |= {one.type for one in declare(open_to_the_internet(tmp_path), configured("lab"))[0].declared}
    jobs = changed("lab", {"applications/staff-ai/jobs": {"year-end": JOB}})
    used |= {one.type for one in declare(city, jobs)[0].declared}
    test = {"image": JOB["image"], "check": "look"}
    tested = {"applications/affairs/jobs": {"look": JOB}, "applications/affairs/database/restore-test": test}
    used |= {one.type for one in declare(city, changed("production", tested))[0].declared}
    used |= {one.type for hosting in (SAAS, ON_PREMISES) for one in declare(city, hosted("lab", hosting))[0].declared}
    listed = (ROOT / "tools/gcp_types.txt").read_text(encoding="utf-8").splitlines()
    assert sorted(one for one in used if one.startswith("gcp:")) == [one for one in listed if one.startswith("gcp:")]


@pytest.mark.parametrize("stack", STACKS)
def test_no_guardrail_is_broken(deployed: Deployed, stack: str) -> None:
    for one in deployed(stack)[0].declared:
        if one.type.startswith("gcp:"):
            project = configured(stack).google.project
            found = CheckedResource(one.type, one.name, one.inputs, stack, protected=True, project=project)
            assert [v for guardrail in GUARDRAILS for v in guardrail.check(found)] == [], one


def test_logs_lie_in_the_first_region_and_nothing_stays_in_global(deployed: Deployed) -> None:
    recorder, _ = deployed("production")
    (bucket,) = recorder.of("ProjectBucketConfig")
    assert (bucket.inputs["location"], bucket.inputs["retentionDays"]) == ("asia-northeast1", 400)
    assert bucket.inputs["cmekSettings"] == {"kmsKeyName": "CryptoKey/keys-logs"}
    (key,) = (one for one in recorder.of("CryptoKey") if one.name == "keys-logs")
    assert key.inputs["keyRing"] == "KeyRing/keys-asia-northeast1"
    sinks = {one.name: one.inputs for one in recorder.of("ProjectSink")}
    kept = "projects/tsunagu-kawasaki-production/locations/asia-northeast1/buckets/logs"
    assert sinks["logs"]["destination"] == f"logging.googleapis.com/{kept}"
    assert sinks["logs"]["filter"] == 'NOT logName:"cloudaudit.googleapis.com"'
    for kind in ("activity", "data_access", "policy", "system_event"):
        assert f'log_id("cloudaudit.googleapis.com/{kind}")' in sinks["audit"]["filter"].split(" OR ")
    assert [one.inputs["filter"] for one in recorder.of("ProjectExclusion")] == ["severity>=DEFAULT"]


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_proxy_may_invoke_a_service(deployed: Deployed, stack: str) -> None:
    recorder, _ = deployed(stack)
    services = [one for one in recorder.declared if one.type == "gcp:cloudrunv2/service:Service"]
    members = {one.inputs["member"] for one in recorder.of("ServiceIamMember")}
    assert members == {"serviceAccount:service-1@gcp-sa-iap.iam.gserviceaccount.com"}
    assert len(services) == len(recorder.of("ServiceIamMember")) == 8
    assert all(one.inputs["iap"] == {"enabled": True} for one in recorder.of("BackendService"))


def test_a_session_ends_as_the_policy_says(city: City, deployed: Deployed) -> None:
    """Pupils, who have no second factor, are asked for none; and nothing but what is compiled is written."""
    recorder, _ = deployed("production")
    found = {one.name: one.inputs["accessSettings"]["reauthSettings"] for one in recorder.of("Settings")}
    intent = compile_cloud_intent(city, FACTS)
    assert found == {
        one.id: {"method": one.session.method, "maxAge": f"{one.session.seconds}s", "policyType": "DEFAULT"}
        for one in intent.applications
        if one.session
    }
    assert found["learning-dashboard"]["method"] == "LOGIN"
    sooner, _ = declare(application(city, "affairs", session="2h"), configured("production"))
    asked = {one.name: one.inputs["accessSettings"]["reauthSettings"]["maxAge"] for one in sooner.of("Settings")}
    assert asked == {name: one["maxAge"] for name, one in found.items()} | {"affairs": "7200s"}


def test_the_outputs_are_what_the_controller_reads(deployed: Deployed, city: City) -> None:
    read = parse_controller_outputs("lab", 7, {OUTPUT: deployed("lab")[1]})
    assert read.stack == "lab"
    assert read.version == 7
    assert set(read.applications) == set(city.outputs.applications)
    assert read.applications["affairs"].ipv4 == read.applications["file-exchange"].ipv4
    assert read.applications["affairs"].ipv4 != read.applications["staff-ai"].ipv4
    assert {name: one.host for name, one in read.applications.items()} == {
        name: one.host for name, one in city.outputs.applications.items()
    }
    assert {name: region.role for name, region in read.regions.items()} == {"tokyo": "primary", "osaka": "standby"}
    assert {probe.host for probe in read.probes.values()} == {one.host for one in read.applications.values()}


def test_the_city_loads_with_the_outputs_as_written(deployed: Deployed, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", policies, ignore=shutil.ignore_patterns("__pycache__"))
    write_outputs(policies, "lab", 8, {OUTPUT: deployed("lab")[1]})
    assert load_city(policies).outputs.version == 8


def test_an_application_without_outputs_loads_only_for_its_stack(city: City, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", policies, ignore=shutil.ignore_patterns("__pycache__"))
    file = policies / "stack-outputs/lab.json"
    known = json.loads(file.read_text(encoding="utf-8"))
    del known["applications"]["staff-ai"]
    file.write_text(json.dumps(known), encoding="utf-8")
    with pytest.raises(PolicyError, match="hold no application 'staff-ai'"):
        load_city(policies)
    undeployed = load_city(policies, undeployed=True)
    assert undeployed.addresses.destination_addresses("staff-ai", city.schools[0]).included == ()


def test_outputs_that_are_not_known_yet_are_refused() -> None:
    with pytest.raises(TsunaguError, match="deploy it first"):
        parse_controller_outputs("lab", 1, {})
    with pytest.raises(TsunaguError, match="not what the controller reads"):
        parse_controller_outputs("lab", 1, {OUTPUT: {"applications": {"affairs": {"host": "x", "ipv4": []}}}})


@pytest.mark.parametrize(
    ("hosting", "kind", "database"),
    [
        (SAAS, "GlobalNetworkEndpointGroup", False),
        (ON_PREMISES, "NetworkEndpointGroup", False),
        (None, "RegionNetworkEndpointGroup", True),
    ],
    ids=["saas", "on-premises", "cloud-run"],
)
def test_the_hosting_decides_what_stands_behind_the_same_front(
    city: City, hosting: dict[str, Any] | None, kind: str, *, database: bool
) -> None:
    recorder, outputs = declare(city, hosted("staging", hosting) if hosting else configured("staging"))
    groups = [one for one in recorder.of(kind) if one.name.startswith("affairs")]
    assert groups
    assert bool(recorder.of("DatabaseInstance")) == database
    backend = next(one for one in recorder.of("BackendService") if one.name == "affairs")
    assert backend.inputs["iap"] == {"enabled": True}
    assert outputs["applications"]["affairs"]["host"] == "affairs.staging.kawasaki-virtual.example"


def test_two_databases_stand_beside_each_other(city: City) -> None:
    before, _ = declare(city, configured("production"))
    after, outputs = declare(city, with_two_databases("production"))
    assert complaints(after.declared) == []
    assert list_twice_named(after.declared) == []
    added = sorted((one.type.rpartition(":")[2], one.name) for one in after.declared if one not in before.declared)
    assert [one for one in added if one[0] in ("Database", "DatabaseInstance", "User", "ApplicationData")] == [
        ("ApplicationData", "file-exchange"),
        ("Database", "file-exchange"),
        ("Database", "file-exchange"),
        ("DatabaseInstance", "file-exchange-osaka"),
        ("DatabaseInstance", "file-exchange-tokyo"),
        ("User", "file-exchange"),
    ]
    masters = {one.name: one.inputs["instanceType"] for one in after.of("DatabaseInstance")}
    assert masters["file-exchange-osaka"] == masters["affairs-tokyo"] == "CLOUD_SQL_INSTANCE"
    assert len({one.inputs["name"] for one in after.of("DatabaseInstance")}) == 4
    # Each is written to somewhere else, so no region only stands by.
    assert {region["role"] for region in outputs["regions"].values()} == {"primary"}
    told = {
        part: {env["name"]: env["value"] for env in one.inputs["template"]["containers"][0]["envs"]}
        for one in after.of("Service")
        if one.type == "gcp:cloudrunv2/service:Service"
        for part in [one.inputs["labels"]["part"]]
    }
    assert told["affairs"]["DATABASE_NAME"] == "affairs"
    assert told["affairs"]["DATABASE_INSTANCE"] == "project:asia-northeast1:tsunagu-production-affairs-tokyo-1"
    assert told["file-exchange"]["DATABASE_INSTANCE"].startswith("project:asia-northeast2:")
    assert sorted(told["file-exchange"]) == ["DATABASE_INSTANCE", "DATABASE_NAME", "TSUNAGU_APPLICATION"]
    assert sorted(told["staff-ai"]) == ["TSUNAGU_APPLICATION"]


@pytest.mark.parametrize("component", ["keys", "services"])
def test_components_of_one_kind_may_stand_beside_each_other(component: str) -> None:
    google = configured("lab").google

    def program() -> None:
        for name in ("one", "two"):
            services = ProjectServices(name)
            if component == "keys":
                naming = Naming("lab", "city")
                args = EncryptionKeysArgs(google, DEFAULT_STACK_REGIONS, naming, protected=False, services=services)
                EncryptionKeys(name, args)

    recorder = run_program("lab", program)
    assert len(recorder.declared) > 20
    assert list_twice_named(recorder.declared) == []


def test_files_stand_where_the_configuration_says(city: City) -> None:
    settings = changed(
        "lab", {"applications/affairs/files": REMOVED, "applications/staff-ai/files": {"old-versions-days": 30}}
    )
    recorder, _ = declare(city, settings)
    (bucket,) = [one for one in recorder.of("Bucket") if one.name.endswith("-files")]
    assert bucket.name == "tsunagu-kawasaki-lab-staff-ai-files"
    assert bucket.inputs["lifecycleRules"][0]["condition"] == {"daysSinceNoncurrentTime": 30}
    assert sorted(one.name for one in recorder.of("BucketIAMMember")) == ["audit-writer", "staff-ai-files"]
    assert sorted(one.name for one in recorder.of("DatabaseInstance")) == ["affairs-osaka", "affairs-tokyo"]


@pytest.mark.parametrize("serving", [("tokyo", "osaka"), ("osaka",)])
def test_a_job_stands_in_every_serving_region(city: City, serving: tuple[str, ...]) -> None:
    job = {**JOB, "arguments": ["--year", "2027"]}
    settings = changed("production", {"applications/affairs/jobs": {"year-end": job}, "serving": list(serving)})
    recorder, _ = declare(city, settings)
    assert complaints(recorder.declared) == []
    jobs = sorted(recorder.of("Job"), key=lambda one: one.name, reverse=True)
    assert [one.name for one in jobs] == [f"affairs-year-end-{region}" for region in serving]
    by_region = {one.inputs["location"]: one for one in jobs}
    task = by_region["asia-northeast2"].inputs["template"]["template"]
    own_image = str(JOB["image"]).replace("asia-northeast1-", "asia-northeast2-")
    assert (task["timeout"], task["maxRetries"]) == ("3600s", 1)
    (container,) = task["containers"]
    assert (container["image"], container["args"]) == (own_image, ["--year", "2027"])
    assert container["resources"] == {"limits": {"cpu": "1", "memory": "1024Mi"}}
    service = next(one for one in recorder.declared if one.name == "affairs-osaka" and "Service" in one.type)
    assert container["envs"] == service.inputs["template"]["containers"][0]["envs"]
    for field in ("serviceAccount", "encryptionKey", "vpcAccess"):
        assert task[field] == service.inputs["template"][field], field
    found = [CheckedResource(one.type, one.name, one.inputs, "production", protected=True) for one in jobs]
    assert [v for one in found for guardrail in GUARDRAILS for v in guardrail.check(one)] == []


def test_an_application_keeps_its_data_under_another_name(city: City) -> None:
    """The data follow what the configuration says of the application, whatever the application is called."""
    renamed = rename_application(city, "affairs", "school-affairs")
    given = json.loads(values("production")["tsunagu:applications"])
    applications = {("school-affairs" if name == "affairs" else name): one for name, one in given.items()}
    with pytest.raises(ConfigurationRefused, match=r"applications\.affairs: the policy has no such cloud application"):
        declare(renamed, configured("production"))
    before, _ = declare(city, configured("production"))
    after, _ = declare(renamed, changed("production", {"applications": applications}))
    kinds = [sorted(one.type for one in recorder.declared) for recorder in (before, after)]
    assert kinds[0] == kinds[1]
    assert sorted(one.name for one in after.of("DatabaseInstance")) == ["school-affairs-osaka", "school-affairs-tokyo"]


def test_a_region_that_does_not_serve_is_behind_no_backend(city: City) -> None:
    recorder, outputs = declare(city, configured("staging", serving=("osaka",)))
    assert all(len(one.inputs["backends"]) == 1 for one in recorder.of("BackendService"))
    assert outputs["regions"]["tokyo"]["serving"] is False


def test_the_one_public_application_is_named_twice(city: City) -> None:
    opened = application(city, "learning-dashboard", audience="public", proxy=False)
    rules = tuple(rule for rule in opened.rules if not (rule.identity and "learning-dashboard" in rule.applications))
    public = opened.replace_file(RULES, RuleFile(rules=rules))
    with pytest.raises(ConfigurationRefused, match="name it here"):
        declare(public, configured("staging"))
    recorder, _ = declare(public, configured("staging", public="learning-dashboard"))
    backend = next(one for one in recorder.of("BackendService") if one.name == "learning-dashboard")
    assert backend.inputs["iap"] == {"enabled": False}
    assert not [one for one in recorder.of("WebBackendServiceIamBinding") if "dashboard" in one.name]
    with pytest.raises(PolicyError, match="never open to the public"):
        declare(application(city, "affairs", audience="public"), configured("staging", public="affairs"))


@pytest.mark.parametrize("member", ["user:teacher@kawasaki.example", "serviceAccount:x@y.example", "allUsers", "x"])
def test_only_groups_are_bound(member: str) -> None:
    with pytest.raises(TsunaguError, match="only groups"):
        format_group_member(member)


def test_a_group_is_bound() -> None:
    assert format_group_member("teachers@kawasaki.example") == "group:teachers@kawasaki.example"


def test_the_lab_refuses_real_google() -> None:
    refuse_real_google("lab", {"TSUNAGU_OFFLINE": "1"})
    refuse_real_google("production", {})
    with pytest.raises(TsunaguError, match="offline Google only"):
        refuse_real_google("lab", {})


def test_a_misspelt_field_is_found() -> None:
    """The mocks would take it; the check does not."""
    inputs = {"loadBalancingScheme": "EXTERNAL_MANAGED", "iapp": {"enabled": True}}
    kind = find_resource_type("gcp:compute/backendService:BackendService")
    assert "there is no such field; did you mean 'iap'?" in str(check_inputs(kind, inputs))
    assert gcp.compute.BackendService.__name__ == kind.name
