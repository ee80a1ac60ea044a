from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.errors import CloudError, LabError
from controller.lab.iap.deployed_access import (
    DeployedSession,
    DeploymentWatcher,
    check_deployed_addresses,
    find_deployed_world,
    read_deployed_access,
)
from controller.lab.state.perimeter import plan_perimeter
from controller.model.city import City
from controller.offline_google.world.world import OfflineWorld
from controller.offline_google.world.world_store import WorldStore
from controller.prove.identity.synthetic_principals import FACTS
from tests.lab.iap.deployments import BACKEND, BINDING, LEVEL, SETTINGS, deploy, put


@pytest.fixture
def world(city: City, tmp_path: Path) -> Path:
    deploy(city, tmp_path / "world.sqlite")
    return tmp_path / "world.sqlite"


def test_hosts_lead_to_the_backends_of_their_front(world: Path) -> None:
    found = read_deployed_access(OfflineWorld.open(world))
    for front in found.fronts.values():
        for host, backend in front.hosts.items():
            assert backend.application == host.partition(".")[0]
            assert front.backend(host) is backend
            assert backend.guarded
            assert backend.audience.startswith("/projects/122280514809/global/backendServices/10")
        assert front.backend("elsewhere.example") is front.otherwise


def test_a_change_by_hand_is_seen_at_the_next_look(world: Path) -> None:
    watch = DeploymentWatcher(world, read_deployed_access)
    before, first = watch.now()
    assert watch.now()[0] == before
    other = OfflineWorld.open(world)
    victim = other.resources(BINDING)[0]
    other.remove(victim)
    after, second = watch.now()
    assert after != before
    name = str(victim.outputs["webBackendService"])

    old = {b.name: b for f in first.fronts.values() for b in f.hosts.values()}[name]
    new = {b.name: b for f in second.fronts.values() for b in f.hosts.values()}[name]
    assert len(new.bindings) == len(old.bindings) - 1


def test_a_world_that_is_made_anew_is_another(city: City, world: Path) -> None:
    watch = DeploymentWatcher(world, read_deployed_access)
    watch.now()
    for file in world.parent.glob("world.sqlite*"):
        file.unlink()
    with pytest.raises(CloudError, match="no offline Google"):
        watch.now()
    deploy(city, world)
    assert watch.now()[1].fronts


def test_only_a_plain_no_turns_the_proxy_off(world: Path) -> None:
    for number, iap in enumerate(({"enabled": False}, {"enabled": None}, {}, None)):
        store = WorldStore(world)
        put(store, BACKEND, "backendServices/affairs", {"iap": iap, "generatedId": 1, "backends": []})
        store.close()
        found = {
            b.name: b for f in read_deployed_access(OfflineWorld.open(world)).fronts.values() for b in f.hosts.values()
        }
        assert found["affairs"].guarded is (number > 0)


def test_levels_have_their_full_names(world: Path) -> None:
    found = read_deployed_access(OfflineWorld.open(world)).levels
    assert len(found) == len(OfflineWorld.open(world).resources(LEVEL))
    assert all(name.startswith("accessPolicies/") for name in found)


def test_other_addresses_than_the_outputs_are_refused(city: City, world: Path) -> None:
    with pytest.raises(LabError, match="do not say what"):
        plan_perimeter(city, world)
    same = deploy(city, world)
    check_deployed_addresses(plan_perimeter(same, world))
    (rule, *_) = OfflineWorld.open(world).resources("gcp:compute/globalForwardingRule:GlobalForwardingRule")
    OfflineWorld.open(world).remove(rule)
    with pytest.raises(LabError, match="tsunagu cloud up"):
        check_deployed_addresses(plan_perimeter(same, world))


def test_a_world_without_a_load_balancer_stands_for_nothing(tmp_path: Path) -> None:
    assert find_deployed_world(tmp_path / "none.sqlite") is None
    WorldStore(tmp_path / "empty.sqlite").close()
    assert find_deployed_world(tmp_path / "empty.sqlite") is None


def test_each_backend_has_its_session(city: City, world: Path) -> None:
    compiled = {app.id: app.session for app in compile_cloud_intent(city, FACTS).applications}
    found = find_sessions(world)
    assert {name: (one.length.total_seconds(), one.method) for name, one in found.items() if one} == {
        name: (one.seconds, one.method) for name, one in compiled.items() if one
    }


@pytest.mark.parametrize("length", ["", "10h", "-1s", "36000", "1e9s", None])
def test_a_length_that_cannot_be_read_asks_everybody_at_once(world: Path, length: str | None) -> None:
    opened = OfflineWorld.open(world)
    (one, *_) = opened.resources(SETTINGS)
    opened.change(one, {"accessSettings": {"reauthSettings": {"method": "LOGIN", "maxAge": length}}})
    assert timedelta(seconds=-1) in {session.length for session in find_sessions(world).values() if session}


def test_settings_of_nobodys_backend_are_of_none(world: Path) -> None:
    opened = OfflineWorld.open(world)
    for one in opened.resources(SETTINGS):
        opened.remove(one)
    assert set(find_sessions(world).values()) == {None}


def find_sessions(world: Path) -> dict[str, DeployedSession | None]:
    fronts = read_deployed_access(OfflineWorld.open(world)).fronts.values()
    return {backend.application: backend.session for front in fronts for backend in front.hosts.values()}
