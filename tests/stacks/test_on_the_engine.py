"""The real stacks on the real engine with the offline Google and the policy pack: a whole life of each."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.cloud.pulumi_engine import Engine
from controller.lab.iap.deployed_access import read_deployed_access
from controller.offline_google.environment import RehearsalFolder
from controller.offline_google.rehearsal import choose_engine
from controller.offline_google.world.cross_resource_rules import SERVICE
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.iam.service_agents import agent_exists, make_agent_email
from controller.offline_google.world.services.organisation_policies import BOOLEAN_CONSTRAINTS, LIST_CONSTRAINTS
from controller.offline_google.world.world import OfflineWorld
from controller.offline_google.world.world_store import WorldStore
from tests.cli.running import here
from tests.stacks.declared import ROOT, configured
from tests.stacks.regions import ONE, TWO, write_regions

PACK = ("--policy-pack", str(ROOT / "stacks/guardrails"))
STATES = Path(__file__).parent / "states"
DO = ("--yes", "--skip-preview")


class Rehearsed:
    """One stack on an engine with a world of its own."""

    def __init__(self, stack: str, folder: Path) -> None:
        self.stack, self.rehearsal = stack, RehearsalFolder(folder)
        self.engine: Engine = choose_engine(stack, lambda _: None, rehearsal=self.rehearsal)
        self.engine.ready(stack, lambda _: None)

    def pulumi(self, command: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the engine; what it says on both streams is in `stdout`."""
        # The state is written once, at the end: a killed engine is not what is tested here.
        fast = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
        return subprocess.run(  # noqa: PLW1510 callers look at the exit code
            self.engine.command(command, "--stack", self.stack, *arguments),
            env={**self.engine.environment, **fast, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )

    def succeeds(self, command: str, *arguments: str, **environment: str) -> str:
        answer = self.pulumi(command, *arguments, **environment)
        assert answer.returncode == 0, answer.stdout
        return answer.stdout

    def switch_on(self, *words: str) -> None:
        """Services of the stack's project, in its world."""
        store = WorldStore(self.rehearsal.world)
        try:
            google = OfflineGoogle(store, {"project": configured(self.stack).google.project})
            for word in words:
                google.create(SERVICE, {"service": f"{word}.googleapis.com"})
        finally:
            store.close()

    def count(self) -> int:
        world = OfflineWorld.open(self.rehearsal.world)
        try:
            return len(world.resources())
        finally:
            world.close()

    def is_agent_known(self, domain: str) -> bool:
        """Whether the world has been asked for this service agent of the project."""
        number = self.project_number
        store = WorldStore(self.rehearsal.world)
        try:
            return agent_exists(store, make_agent_email(domain, number))
        finally:
            store.close()

    @property
    def project_number(self) -> str:
        """As the stack's file has it."""
        return configured(self.stack).google.project_number


def list_ungranted_waits(state: Path) -> list[str]:
    """Who may use a key, without having waited for that service and, where there is one, for its agent's identity."""
    resources = json.loads(state.read_text(encoding="utf-8"))["deployment"]["resources"]
    wrong = []
    for one in resources:
        if one["type"] == "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember":
            name = one["urn"].rpartition("::")[2]
            kind = next(word for word in ("database", "run", "storage", "logs", "images") if f"-{word}" in name)
            waits = {urn.rpartition("::")[2] for urn in one["dependencies"]}
            needed = {"storage": "services-storage", "logs": "services-logging"}.get(kind, f"keys-{kind}-agent")
            wrong += [] if needed in waits else [f"{name}: {needed} is not among {sorted(waits)}"]
    return wrong


@pytest.fixture
def rehearsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Rehearsed]:
    monkeypatch.setenv("TSUNAGU_OFFLINE", "1")
    return lambda stack: Rehearsed(stack, tmp_path / stack)


def copied_policies(folder: Path, file: str, old: str, new: str) -> Path:
    """The policies with one thing changed."""
    copy = folder / "policies"
    shutil.copytree(ROOT / "policies", copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / file).read_text(encoding="utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    return copy


def firewall_rules_kept(state: Path) -> tuple[list[str], dict[str, set[str]]]:
    """Which rules of the firewall open, and for each that closes what was made before it."""
    resources = json.loads(state.read_text(encoding="utf-8"))["deployment"]["resources"]
    rules = [one for one in resources if one["type"] == "gcp:compute/firewall:Firewall"]
    opening = [one["urn"] for one in rules if one["inputs"].get("allows")]
    return opening, {one["urn"]: set(one["dependencies"]) for one in rules if one["inputs"].get("denies")}


def write_exports(folder: Path, state: Path, project: str) -> None:
    """Write the IAM policies of a deployed stack as Google's CLI would export them: all as declared."""
    resources = json.loads(state.read_text(encoding="utf-8"))["deployment"]["resources"]
    policies: dict[str, list[dict[str, Any]]] = {"project": [], "web": [], "web-backends": []}
    for one in resources:
        if one["type"] == "gcp:compute/backendService:BackendService":
            policies.setdefault(f"backend-{one['outputs']['name']}", [])
        if one["type"] == "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding":
            made = one["outputs"]
            binding = {key: made[key] for key in ("role", "members")}
            if made.get("condition"):
                binding["condition"] = {key: made["condition"][key] for key in ("title", "expression")}
            policies.setdefault(f"backend-{made['webBackendService'].rpartition('/')[2]}", []).append(binding)
    folder.mkdir()
    for name, bindings in policies.items():
        text = json.dumps({"etag": "BwXhqDmQ", "version": 3, "bindings": bindings})
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / "ancestors.json").write_text(json.dumps([{"id": project, "type": "project"}]), encoding="utf-8")


def find_drift(lab: Rehearsed, folder: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was changed by hand is seen: nothing first, then a resource, and a grant in the console for everything."""
    monkeypatch.setattr("controller.cli.cloud.choose_engine", lambda *_, **__: lab.engine)
    project = configured("lab").google.project
    write_exports(folder, state, project)
    asked = ("cloud", "drift", "--stack", "lab", "--iam-exports", str(folder))
    as_declared = here(*asked, cwd=ROOT)
    assert as_declared.code == 0, as_declared
    assert re.search(r"grants at the proxy: \d IAM policies judged, [1-9]\d as declared, 0 differ", as_declared.said)
    granted = {"role": "roles/iap.httpsResourceAccessor", "members": ["user:somebody@city.example"]}
    (folder / "project.json").write_text(json.dumps({"etag": "x", "bindings": [granted]}), encoding="utf-8")
    (folder / "web.json").unlink()
    world = OfflineWorld.open(lab.rehearsal.world)
    backend = next(one for one in world.resources() if one.token.endswith(":BackendService"))
    world.change(backend, {"description": "by hand"})
    world.close()
    before = lab.count()
    changed = here(*asked, cwd=ROOT)
    assert changed.code == 2, changed
    assert "resources: changed by hand" in changed.said
    assert f"x project {project}: user:somebody@city.example passes the proxy without any condition" in changed.said
    wanted = f"? web {project}: not judged; export it with: gcloud iap web get-iam-policy --project={project}"
    assert wanted in changed.said
    assert lab.count() == before


def test_the_lab_from_preview_to_destroy(
    rehearsed: Callable[[str], Rehearsed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = rehearsed("lab")
    assert re.search(r"\+ 2[3-9]\d to create", lab.succeeds("preview", *PACK))
    assert lab.count() == 0
    assert not lab.is_agent_known("gs-project-accounts"), "the first preview asks Google nothing"
    lab.succeeds("up", *DO, *PACK)
    assert lab.is_agent_known("gs-project-accounts")
    lab.succeeds("preview", "--expect-no-changes", *PACK)
    lab.succeeds("refresh", "--expect-no-changes", "--yes", "--skip-preview")
    lab.succeeds("stack", "export", "--file", str(tmp_path / "state.json"))
    assert list_ungranted_waits(tmp_path / "state.json") == []
    fronts = read_deployed_access(OfflineWorld.open(lab.rehearsal.world)).fronts.values()
    sessions = {one.application: one.session for front in fronts for one in front.hosts.values()}
    assert {name: one and one.method for name, one in sessions.items()} == {
        "affairs": "ENROLLED_SECOND_FACTORS",
        "file-exchange": "ENROLLED_SECOND_FACTORS",
        "learning-dashboard": "LOGIN",
        "staff-ai": "ENROLLED_SECOND_FACTORS",
    }
    find_drift(lab, tmp_path / "exports", tmp_path / "state.json", monkeypatch)
    resources = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["deployment"]["resources"]
    (exclusion,) = (one for one in resources if one["type"].endswith(":ProjectExclusion"))
    assert any(urn.endswith("ProjectSink::logs") for urn in exclusion["dependencies"]), "no log is lost in between"
    opening, closing = firewall_rules_kept(tmp_path / "state.json")
    assert opening
    assert len(closing) == 4
    assert all(set(opening) <= waits for waits in closing.values())

    rule = "applications: [staff-ai]\n    network: {from: [staff]}\n    identity:\n      enforced-by: [proxy]\n"
    roles = "      roles: [teacher, principal, clerk, board-staff]\n"
    policies = copied_policies(
        tmp_path, "access/rules.yaml", rule + roles, rule + "      roles: [teacher, principal, clerk]\n"
    )
    changed = {"TSUNAGU_POLICIES": str(policies)}
    shown = lab.succeeds("preview", "--diff", **changed)
    assert "staff-ai-board-staff-1" in shown
    assert re.search(r"- 1 to delete\s+2[3-9]\d unchanged", shown), shown
    lab.succeeds("up", *DO, *PACK, **changed)

    lab.succeeds("destroy", *DO)
    # Services stay on, and Google never forgets a key ring or a key.
    assert lab.count() <= 40


def test_one_region_of_any_name_is_deployed_and_grows_to_two(
    rehearsed: Callable[[str], Rehearsed], tmp_path: Path
) -> None:
    lab = rehearsed("lab")
    config = tmp_path / "Pulumi.lab.yaml"
    options = ("--config-file", str(config))
    said: list[str] = []
    for regions in (ONE, TWO):
        written = write_regions(regions)
        written["config"]["tsunagu:shared-location"] = ONE[0]["location"]
        config.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
        said.append(lab.succeeds("up", *DO, *options, *PACK))
        lab.succeeds("preview", "--expect-no-changes", *options)
    for words in (
        "the stack has one region, 松江 (asia-northeast2): its databases have no replica",
        "has its backups in its own region, asia-northeast2",
    ):
        assert words in said[0]
        assert words not in said[1]
    # Nothing is made anew; the instance learns of its replica and keeps its backups there.
    assert not re.search(r"\d+ (replaced|deleted)", said[1]), said[1]
    outputs = json.loads(lab.succeeds("stack", "output", "--json"))["controller"]["regions"]
    assert {name: one["name"] for name, one in outputs.items()} == {one["id"]: one["location"] for one in TWO}


IMAGES = ("keys-images-{}", "keys-images-{}-user", "images-{}")
OLD_NAMES = ("::tokyo", "::osaka")
KINDS = ("same", "create", "replace", "update", "delete")


def test_nothing_is_replaced_where_an_older_program_deployed(
    rehearsed: Callable[[str], Rehearsed], tmp_path: Path
) -> None:
    """The state is what the last program that read format 1 left behind: other names, one component with data.

    New since then: the levels of known registrations, the name of the country's level, and the conditions that ask for
    them. A binding is its role and its condition, so those are made anew, before the old ones go; everything else
    stays. (There is no world behind the state but the APIs that are asked, so what would be made is not made here.)
    """
    lab = rehearsed("lab")
    state = tmp_path / "old.json"
    state.write_bytes(gzip.decompress((STATES / "lab_format_1.json.gz").read_bytes()))
    resources = json.loads(state.read_text(encoding="utf-8"))["deployment"]["resources"]
    old = {one["urn"] for one in resources}
    assert any("tsunagu:cloud:Affairs" in urn for urn in old)
    assert sum(urn.endswith(OLD_NAMES) for urn in old) == 4
    lab.succeeds("stack", "import", "--file", str(state))
    lab.switch_on("storage", "logging")
    said = lab.succeeds("preview", "--json", "--show-sames", *PACK)
    steps = json.JSONDecoder().raw_decode(said[said.index("{") :])[0]["steps"]
    by_kind: dict[str, list[dict[str, Any]]] = {kind: [one for one in steps if one["op"] == kind] for kind in KINDS}
    assert sum(map(len, by_kind.values())) == len(steps), {one["op"] for one in steps}
    levels = "accessLevel:AccessLevel::"
    watching = [one["urn"] for one in by_kind["create"] if "tsunagu:cloud:CloudMonitoring" in one["urn"]]
    assert len(watching) == 22, "alert policies, dashboards, a channel, and the component"
    made = [one["urn"].rpartition(levels)[2] for one in by_kind["create"] if one["urn"] not in watching]
    added = {"services-artifactregistry", "services-iamcredentials", "services-monitoring", "services-serviceusage"}
    added |= {"keys-run-agent", "keys-logs", "keys-logs-user", "logs", "logs-default"}
    regions = ("tokyo", "osaka")
    added |= {"services-orgpolicy", "organisation-policies", *BOOLEAN_CONSTRAINTS, *LIST_CONSTRAINTS}
    added |= {"keys-images-agent", "images", "web-firewall", "web-firewall-deny-60000-1"}
    added |= {f"{name.format(region)}" for region in regions for name in IMAGES}
    # APIs that were on by chance, the agent whose grants did not wait for it, a log bucket of our own, registries for
    # images, the web firewall and organisation policies.
    assert added <= {urn.rpartition("::")[2] for urn in made}
    rest = [name for name in made if name.rpartition("::")[2] not in added]
    assert all(name == "in-country" or name.startswith("registered") for name in rest)
    # The level of the country has its name of any country; what asked for the old one asks for the new one first.
    deleted = sorted(one["urn"].rpartition("::")[2] for one in by_kind["delete"])
    # No flow leads to the internet, so nobody needs a NAT gateway.
    assert deleted == sorted(["japan", *(f"{one}-{kind}" for one in regions for kind in ("nat", "router"))])
    # The audit logs take in what was denied by policy and Google's own events; a replica has no window of its own;
    # databases tell what queries cost and take connectors only, services have limits and times, backends stand behind
    # the web firewall, the provider names whose quota counts.
    updated = {tuple(one["urn"].rpartition(":")[0:3:2]) for one in by_kind["update"] if levels not in one["urn"]}
    kept_names = {(urn.rpartition("$")[2].rpartition("/")[0], name) for urn, name in updated}
    applications = ("affairs", "file-exchange", "staff-ai", "learning-dashboard")
    services = {("gcp:cloudrunv2", f"{name}-{region}") for name in applications for region in regions}
    backends = {("gcp:compute", name) for name in applications}
    sessions = {("gcp:iap", name) for name in ("staff-ai", "learning-dashboard")}
    assert kept_names == {
        ("gcp:logging", "audit"),
        ("gcp:storage", "tsunagu-kawasaki-lab-audit"),
        ("gcp:sql", "affairs-osaka"),
        ("gcp:sql", "affairs-tokyo"),
        ("", "google"),
        *sessions,
        *services,
        *backends,
    }
    assert len(by_kind["update"]) == len(updated) + 1
    assert all("WebBackendServiceIamBinding::" in one["urn"] for one in by_kind["replace"])
    kept = [one for one in by_kind["same"] if one["oldState"]["urn"] in old]
    assert len(kept) == len(by_kind["same"]) == len(old) - sum(len(by_kind[kind]) for kind in KINDS[2:])
    assert not [one for one in steps if "tsunagu:cloud:Affairs" in one["urn"] or one["urn"].endswith(OLD_NAMES)]
    renamed = [one for one in (*kept, *by_kind["update"]) if one["urn"] != one["oldState"]["urn"]]
    gone = old - {one["urn"] for one in steps}
    assert gone, "the older program had other names"
    assert {one["oldState"]["urn"] for one in renamed} == gone, "each is kept under its new name"


def change_production(folder: Path, old: str, new: str) -> tuple[str, str]:
    """The options for production with one thing of its file changed."""
    text = (ROOT / "stacks/config/Pulumi.production.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    file = folder / "Pulumi.production.yaml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    return "--config-file", str(file)


def test_production_refuses_to_be_destroyed_and_drains_a_region(
    rehearsed: Callable[[str], Rehearsed], tmp_path: Path
) -> None:
    production = rehearsed("production")
    production.succeeds("up", *DO, *PACK)
    before = production.count()
    refused = production.pulumi("destroy", "--yes")
    assert refused.returncode != 0
    for name in ("tokyo", "osaka", "affairs-files", "audit", "teacher", "affairs-ipv4"):
        assert re.search(rf"state unprotect '[^']*{name}'", refused.stdout), name
    assert production.count() == before

    shortened = production.pulumi("preview", *change_production(tmp_path, "retention-days: 400", "retention-days: 200"))
    assert shortened.returncode != 0
    assert "audit.retention-days: the audit logs' bucket is locked at 400 days" in shortened.stdout

    # A region is drained, all in one: services of one region go, the data of both stay, alerts follow. Then it serves
    # again.
    drained = change_production(tmp_path, "serving: [tokyo, osaka]", "serving: [osaka]")
    said = production.succeeds("up", *drained, *DO, *PACK)
    assert re.search(r"~ 12 updated\s+- 12 deleted", said), said
    production.succeeds("preview", "--expect-no-changes", *drained)
    production.succeeds("up", *DO, *PACK)
    production.succeeds("preview", "--expect-no-changes")
    assert production.count() == before


def test_a_refusal_on_the_engine_names_file_and_line(rehearsed: Callable[[str], Rehearsed], tmp_path: Path) -> None:
    """Seen once: the engine starts the program inside stacks/, and every refusal said line 1."""
    lab = rehearsed("lab")
    name = "file-exchange"
    policies = copied_policies(tmp_path, "access/applications.yaml", f"  - id: {name} ", "  - id: renamed ")
    for path in (policies / "access").glob("*.yaml"):
        path.write_text(re.sub(rf"\b{name}\b", "renamed", path.read_text(encoding="utf-8")), encoding="utf-8")
    answer = lab.pulumi("preview", TSUNAGU_POLICIES=str(policies))
    lines = (ROOT / "stacks/config/Pulumi.lab.yaml").read_text(encoding="utf-8").splitlines()
    line = lines.index(f"    {name}:") + 1
    assert answer.returncode != 0
    assert f"stacks/config/Pulumi.lab.yaml:{line}: applications.{name}: the policy has no such" in answer.stdout


def test_a_guardrail_stops_what_the_program_would_take(rehearsed: Callable[[str], Rehearsed], tmp_path: Path) -> None:
    """A public application is the single exception, and the pack's settings must name it, too."""
    lab = rehearsed("lab")
    policies = copied_policies(
        tmp_path,
        "access/applications.yaml",
        "    hosting: cloud-run\n    audience: pupil\n    importance: III\n    services: [tcp/443]\n    proxy: true\n",
        "    hosting: cloud-run\n    audience: public\n    importance: III\n    services: [tcp/443]\n",
    )
    rules = policies / "access/rules.yaml"
    text = rules.read_text(encoding="utf-8")
    for name in ("dashboard-pupils", "dashboard-staff"):
        text = re.sub(rf"(  - id: {name}\n.*?)    identity:.*?(?=\n  - id:)", r"\1", text, flags=re.DOTALL)
    rules.write_text(re.sub(r"\n\s*\n", "\n", text), encoding="utf-8")
    config = tmp_path / "Pulumi.lab.yaml"
    committed = (ROOT / "stacks/config/Pulumi.lab.yaml").read_text(encoding="utf-8")
    opened = committed.replace("  tsunagu:serving:", "  tsunagu:public: learning-dashboard\n  tsunagu:serving:")
    config.write_text(opened, encoding="utf-8")
    answer = lab.pulumi("preview", "--config-file", str(config), *PACK, TSUNAGU_POLICIES=str(policies), LC_ALL="C")
    assert answer.returncode != 0
    assert "learning-dashboard has no identity-aware proxy: set iap.enabled (guideline 6.1(7)" in answer.stdout
