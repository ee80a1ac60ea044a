"""Attacks on necessities.yaml: what a network needs to live, used as a rule that no review shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.errors import AnchorWidened, ProofFailed
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.operations.anchors import AnchorName, collect_anchors, find_wider_anchors
from controller.operations.operations import CloudBounds
from controller.plan.derive import refuse_undeclared_ways
from controller.plan.what_if.compare import compare_policies
from controller.prove.compliance.external_connections import find_undeclared_connections
from controller.prove.lint.check_policy import check_policy
from controller.prove.lint.finding import Severity
from controller.prove.lint.infrastructure_protocols import KIND
from tests.cli.running import here
from tests.policies import PolicyFolder
from tests.security.plan_scene import Scene, make_operations

AFFAIRS = "203.0.113.10/32"
FILE = "access/necessities.yaml"


def need(**fields: str) -> str:
    """One necessity more: pupils to the affairs system, unless other fields say otherwise."""
    usual = {"id": "zz-open", "why": "端末の更新", "family": "4", "direction": "from", "protocol": "tcp"}
    usual |= {"segments": "[pupil]", "ports": "[443, 443]", "source": "[segment]", "destination": f"[{AFFAIRS}]"}
    return "  - {" + ", ".join(f"{name}: {value}" for name, value in (usual | fields).items()) + "}\n"


def answer(place: str = AFFAIRS) -> str:
    own = {"ports": "[0, 65535]", "source-port": "443", "established": "true", "source": f"[{place}]"}
    return need(id="zz-open2", direction="to", destination="[segment]", **own)


def load(tmp_path: Path, *needs: str) -> City:
    policies = PolicyFolder(tmp_path)
    policies.append(FILE, "".join(needs))
    return load_city(policies.path)


ERRORS = {
    "an application": need(),
    "a part of what is behind it": need(destination="[203.0.113.0/28]"),
    "another port of it": need(ports="[22, 22]"),
    "every segment": need(segments="[]"),
    "everything": need(destination="[0.0.0.0/0]"),
    "half of everything": need(destination="[128.0.0.0/1, segment]"),
    "another school": need(destination="[10.154.0.0/16]"),
    "the controller": need(destination="[10.255.0.10/32]"),
    "its answer alone": answer(),
    "echo from anywhere": need(
        direction="to", protocol="icmp", ports="[8, 8]", source="[0.0.0.0/0]", destination="[segment]"
    ),
    "errors and more from anywhere": need(
        direction="to", protocol="icmp", ports="[3, 8]", source="[0.0.0.0/0]", destination="[segment]"
    ),
    "IPv6": need(family="6", destination='["::/0"]', ports="[1, 65535]"),
    "spoofed": need(source="[0.0.0.0/0]", destination="[gateway]"),
}
WARNINGS = {
    "an address of nobody's": need(destination="[9.9.9.9/32]"),
    "multicast that routers forward": need(protocol="udp", destination="[239.255.255.250/32]"),
    "global multicast": need(family="6", protocol="udp", destination='["ff0e::101/128"]'),
}
GOOD = {
    "the link's multicast": need(protocol="udp", destination="[224.0.0.251/32]"),
    "link-local": need(family="6", destination='["fe80::/10"]'),
    "the gateway": need(destination="[gateway]"),
    "admission": need(destination="[admission]"),
}


@pytest.mark.parametrize(
    ("written", "severity"),
    [
        *(pytest.param(text, Severity.ERROR, id=name) for name, text in ERRORS.items()),
        *(pytest.param(text, Severity.WARNING, id=name) for name, text in WARNINGS.items()),
        *(pytest.param(text, None, id=name) for name, text in GOOD.items()),
    ],
)
def test_check_finds_what_leaves_the_link(tmp_path: Path, written: str, severity: Severity | None) -> None:
    found = [one for one in check_policy(load(tmp_path, written)) if one.kind == KIND]
    assert {one.severity for one in found} == ({severity} if severity else set())
    assert all("write a rule" in one.message for one in found)


def test_check_says_what_is_reached(tmp_path: Path) -> None:
    (found,) = [one for one in check_policy(load(tmp_path, need())) if one.kind == KIND]
    assert FILE in str(found.origin)
    assert f"'zz-open' lets packets to {AFFAIRS} pass at pupil, and there is application" in found.message


@pytest.mark.parametrize("name", ["an application", "another port of it", "everything", "its answer alone"])
def test_the_guideline_finds_it_although_the_application_is_declared(tmp_path: Path, name: str) -> None:
    assert any("opens a connection" in one for one in find_undeclared_connections(load(tmp_path, ERRORS[name])))


@pytest.mark.parametrize("name", [*ERRORS, "an address of nobody's"])
def test_nothing_is_planned_or_applied_with_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProofFailed, match="zz-open"):
        refuse_undeclared_ways(load(tmp_path, (ERRORS | WARNINGS)[name]))


def test_neither_plan_nor_apply_takes_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path, operations=make_operations(tmp_path))
    before = scene.load()
    scene.policies.append(FILE, need() + answer())
    with pytest.raises(ProofFailed, match="zz-open"):
        scene.plan()
    # A plan that somebody made elsewhere, from the same policy: its digest is right, what it leads to is not.
    scene.plan(city=before)
    scene.edit(lambda plan: plan.update(policy=scene.load().digest))
    reads = scene.logins
    with pytest.raises(ProofFailed, match="zz-open"):
        scene.start(made_elsewhere=True)
    assert scene.logins == reads


@pytest.mark.parametrize("port", ["443", "8443"])
@pytest.mark.parametrize("segment", ["pupil", "guest"])
def test_what_if_and_explain_tell_it(tmp_path: Path, segment: str, port: str) -> None:
    policies = PolicyFolder(tmp_path)
    before = load_city(policies.path)
    policies.append(FILE, need(segments=f"[{segment}]", ports=f"[{port}, {port}]"))
    changes = compare_policies(before, load_city(policies.path))
    assert not changes.nothing
    told = [one for one in changes.network if one.segment == segment and "203.0.113.10" in one.packet]
    assert told
    assert all((one.way, one.services) == ("opens", (f"tcp/{port}",)) for one in told)
    assert all(one.rules[0].startswith("necessity zz-open") for one in told)
    back = compare_policies(load_city(policies.path), before)
    assert {one.way for one in back.network} == {"closes"}

    words = ("explain", "--from", f"kw-e01/{segment}", "--to", told[0].application, "--policies", str(policies.path))
    said = here(*words, cwd=tmp_path)
    (line,) = [one for one in said.said.splitlines() if f"IPv4 tcp/{port} to 203.0.113.10" in one]
    assert "permitted  necessity zz-open" in line
    found = [one for one in json.loads(here(*words, "--json", cwd=tmp_path).said)["network"] if one["permitted"]]
    assert [(one["service"], one["necessities"][0]["id"]) for one in found] == [(f"tcp/{port}", "zz-open")]
    assert "permit" in found[0]["enforced"][0]["entry"]


def test_a_forbid_takes_it_from_a_necessity_as_well(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    before = load_city(policies.path)
    apps = (one for one in before.applications.values() if not one.segment)
    names = ", ".join(one.id for one in apps if "203.0.113.10" in str(before.addresses.application_prefixes(one)))
    policies.append(FILE, need())
    policies.append(
        "access/rules.yaml",
        f"  - {{id: zz-forbid, effect: forbid, purpose: 試験, applications: [{names}], network: {{from: [pupil]}}}}\n",
    )
    assert not [one for one in compare_policies(before, load_city(policies.path)).network if one.segment == "pupil"]


def test_a_new_necessity_is_an_anchor(tmp_path: Path) -> None:
    scene = Scene(tmp_path, operations=make_operations(tmp_path, anchors="kept"))
    before = collect_anchors(scene.load())
    for written in (
        need(destination="[gateway]", ports="[22, 22]"),
        need(protocol="udp", destination="[224.0.0.9/32]"),
    ):
        policies = PolicyFolder(tmp_path / str(abs(hash(written))))
        policies.append(FILE, written)
        after = collect_anchors(load_city(policies.path))
        (wider,) = find_wider_anchors(before, after, CloudBounds())
        assert wider.name is AnchorName.NECESSITIES
        assert "passes at every school without a rule" in wider.message
        assert not list(find_wider_anchors(after, before, CloudBounds()))
    scene.plan()
    with pytest.raises(AnchorWidened):
        scene.start()


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        ("ports: [123, 123]", "ports: [123, 124]", True),
        ("ports: [123, 123]", "ports: [1, 65535]", True),
        ("segments: [management], family: 4, direction: from", "family: 4, direction: from", True),
        ("segments: [management], family", "segments: [management, pupil], family", True),
        ("source-port: 53, established: true, source: [gateway]", "source-port: 53, source: [gateway]", True),
        ("source-port: 53, established: true, source: [gateway]", "established: true, source: [gateway]", True),
        ("ports: [1, 4]", "ports: [1, 3]", False),
        ("why: 名前解決の応答", "why: 別の説明", False),
        ("id: ntp-query", "id: ntp-question", False),
    ],
)
def test_a_wider_necessity_is_one_and_a_narrower_is_none(tmp_path: Path, old: str, new: str, *, wider: bool) -> None:
    policies = PolicyFolder(tmp_path)
    before = collect_anchors(load_city(policies.path))
    path = policies.path / FILE
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    found = list(find_wider_anchors(before, collect_anchors(load_city(policies.path)), CloudBounds()))
    assert {one.name for one in found} == ({AnchorName.NECESSITIES} if wider else set())


def test_another_admission_server_is_a_wider_necessity(city: City, tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit("access/admission.yaml", str(city.admission_servers[0]), "10.254.77.7")
    found = list(find_wider_anchors(collect_anchors(city), collect_anchors(load_city(policies.path)), CloudBounds()))
    assert AnchorName.NECESSITIES in {one.name for one in found}


def test_a_claim_that_a_router_keeps_the_state_is_an_anchor(city: City) -> None:
    before = collect_anchors(city)
    assert before.keeps_state
    (router, kept), *_ = before.keeps_state.items()
    without = before.model_copy(update={"keeps_state": {}})
    other = before.model_copy(update={"keeps_state": {**before.keeps_state, router: f"{kept} (2)"}})
    for old, new in ((without, before), (before, other)):
        (first, *_) = find_wider_anchors(old, new, CloudBounds())
        assert first.name is AnchorName.STATEFUL
        assert router in first.message
    assert not list(find_wider_anchors(before, without, CloudBounds()))
    # The record of an older release knows neither: they are asked for once.
    older = before.model_copy(update={"necessities": None, "keeps_state": None})
    assert {one.name for one in find_wider_anchors(older, before, CloudBounds())} == {"necessities", "keeps-state"}
