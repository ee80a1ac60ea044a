"""The real databases are made what the deployment says: read from a world, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.errors import LabError
from controller.lab.trials.region.databases.deployed_pair import DeployedInstance, DeployedPair, find_deployed_pair
from controller.lab.trials.region.databases.pair_follower import PairFollower, choose_step
from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.world.world import OfflineWorld
from controller.offline_google.world.world_store import WorldStore
from tests.lab.iap.deployments import BACKEND, put

TOKYO, OSAKA = "asia-northeast1", "asia-northeast2"
PLACES = {"tokyo": TOKYO, "osaka": OSAKA}


def instance(name: str, master: str = "") -> DeployedInstance:
    location = PLACES[name.partition("-")[0]]
    return DeployedInstance(name, f"p:{location}:{name}", location, "10.0.0.1", not master, master)


def pair(*instances: DeployedInstance) -> DeployedPair:
    return DeployedPair({one.name: one for one in instances}, {}, ())


class Hands:
    """Real databases in memory: who follows whom, and what was done."""

    def __init__(self, **standbys: bool) -> None:
        self.standbys = {name.replace("_", "-"): follows for name, follows in standbys.items()}
        self.done: list[str] = []
        self.refuses = False

    def exists(self, name: str) -> bool:
        return name in self.standbys

    def is_standby(self, name: str) -> bool:
        return self.standbys[name]

    def create_primary(self, one: DeployedInstance) -> None:
        self._note(f"create {one.name}")
        self.standbys[one.name] = False

    def create_standby(self, one: DeployedInstance) -> None:
        self._note(f"copy {one.name} of {one.master}")
        self.standbys[one.name] = True

    def promote(self, name: str) -> None:
        self._note(f"promote {name}")
        self.standbys[name] = False

    def switch_over(self, old: str, new: str) -> None:
        self._note(f"switch over {old} to {new}")
        self.standbys |= {old: True, new: False}

    def _note(self, what: str) -> None:
        if self.refuses:
            message = f"{what}: PostgreSQL refused"
            raise LabError(message)
        self.done.append(what)


def test_nothing_is_done_where_all_is_as_deployed() -> None:
    both = pair(instance("tokyo-1"), instance("osaka-1", "tokyo-1"))
    assert choose_step(both, frozenset(), Hands(tokyo_1=False, osaka_1=True)) is None


@pytest.mark.parametrize(
    ("deployed", "lost", "hands", "step"),
    [
        (("tokyo-1", "osaka-1<tokyo-1"), "", Hands(), ("create", "tokyo-1")),
        (("tokyo-1", "osaka-1<tokyo-1"), "", Hands(tokyo_1=False), ("copy", "osaka-1")),
        (("tokyo-1", "osaka-1<tokyo-1"), TOKYO, Hands(tokyo_1=False, osaka_1=True), None),
        (("tokyo-1", "osaka-1"), TOKYO, Hands(tokyo_1=False, osaka_1=True), ("promote", "osaka-1")),
        (("osaka-1", "tokyo-2<osaka-1"), "", Hands(osaka_1=False), ("copy", "tokyo-2")),
        (("osaka-1", "tokyo-2<osaka-1"), TOKYO, Hands(osaka_1=False), None),
        (("tokyo-2", "osaka-1<tokyo-2"), "", Hands(osaka_1=False, tokyo_2=True), ("switch-over", "tokyo-2")),
    ],
)
def test_the_next_step_is_what_the_deployment_says_and_a_lost_region_is_left_alone(
    deployed: tuple[str, ...], lost: str, hands: Hands, step: tuple[str, str] | None
) -> None:
    found = choose_step(pair(*(instance(*one.split("<")) for one in deployed)), frozenset({lost}), hands)
    assert (found and (found[0], found[1].name)) == step


class World:
    """An offline Google with a pair, whose instances can be changed as the engine changes them."""

    def __init__(self, path: Path) -> None:
        self.path, self._store = path, WorldStore(path)
        for place in PLACES.values():
            self.serve(place, "tokyo-1")
            group = {"name": f"group-{place}", "region": place, "cloudRun": {"service": f"affairs-{place}"}}
            kind = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup"
            put(self._store, kind, f"groups/group-{place}", group)
        self.lead_to(TOKYO, OSAKA)
        self.instance("tokyo-1")
        self.instance("osaka-1", "tokyo-1")
        self.instance("tokyo-7")  # of another application, or set aside

    def instance(self, name: str, master: str | None = None) -> None:
        place = PLACES[name.partition("-")[0]]
        values: dict[str, Any] = {"name": name, "region": place, "connectionName": f"p:{place}:{name}"}
        values |= {"instanceType": "READ_REPLICA_INSTANCE" if master else "CLOUD_SQL_INSTANCE"}
        values |= {"privateIpAddress": "10.251.80.4", "masterInstanceName": master}
        put(self._store, INSTANCE, f"instances/{name}", values)

    def serve(self, place: str, uses: str) -> None:
        envs = {"TSUNAGU_APPLICATION": "affairs", "DATABASE_INSTANCE": f"p:x:{uses}"}
        envs["DATABASE_INSTANCE"] = f"p:{PLACES[uses.partition('-')[0]]}:{uses}"
        variables = [{"name": name, "value": value} for name, value in envs.items()]
        values = {"name": f"affairs-{place}", "location": place, "template": {"containers": [{"envs": variables}]}}
        put(self._store, "gcp:cloudrunv2/service:Service", f"services/affairs-{place}", values)

    def lead_to(self, *places: str) -> None:
        put(
            self._store,
            BACKEND,
            "backendServices/affairs",
            {"backends": [{"group": f"x/group-{one}"} for one in places]},
        )

    def close(self) -> None:
        self._store.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "world.sqlite")


def look(world: World) -> DeployedPair:
    opened = OfflineWorld.open(world.path)
    try:
        return find_deployed_pair(opened, "affairs")
    finally:
        opened.close()


def test_the_pair_is_read_from_the_world_and_holds_nothing_of_others(world: World) -> None:
    found = look(world)
    assert {name: one.master for name, one in found.instances.items()} == {"tokyo-1": "", "osaka-1": "tokyo-1"}
    assert found.serving == (TOKYO, OSAKA)
    used = found.find_used_instance(OSAKA)
    assert used is not None
    assert used.name == "tokyo-1"
    assert found.find_used_instance("moon") is None
    world.close()


def test_a_failover_is_followed_when_the_engine_deploys_it_and_not_before(world: World) -> None:
    hands = Hands(tokyo_1=False, osaka_1=True)
    with PairFollower(world.path, "affairs", hands) as follower:
        follower.wait_until_settled(lambda pair: len(pair.instances) == 2, 10)
        follower.lose(TOKYO)
        assert hands.done == []
        with pytest.raises(LabError, match="the deployment has never asked for a promotion of osaka-1"):
            follower.get_moment("asked", "osaka-1")
        world.instance("osaka-1")
        world.serve(OSAKA, "osaka-1")
        world.lead_to(OSAKA)
        found = follower.wait_until_settled(lambda pair: pair.serving == (OSAKA,), 10)
        assert hands.done == ["promote osaka-1"]
        assert follower.get_moment("asked", "osaka-1") <= follower.get_moment("done", "osaka-1")
        used = found.find_used_instance(OSAKA)
        assert used is not None
        assert used.name == "osaka-1"
    world.close()


def test_what_cannot_be_done_to_a_database_is_told_to_whoever_waits(world: World) -> None:
    hands = Hands(tokyo_1=False)
    hands.refuses = True
    with (
        PairFollower(world.path, "affairs", hands) as follower,
        pytest.raises(LabError, match="cannot be made what the deployment says: copy osaka-1 of tokyo-1: PostgreSQL"),
    ):
        follower.wait_until_settled(lambda pair: len(pair.instances) == 2, 10)
    world.close()
