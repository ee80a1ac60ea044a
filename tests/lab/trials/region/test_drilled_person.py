"""Who writes the rows of a drill is let in by the deployed proxy, and by it alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from starlette.responses import Response

from controller.errors import LabError
from controller.lab.iap.deployed_access import DeployedBackend, read_deployed_access
from controller.lab.iap.iap_files import IapFiles
from controller.lab.iap.iap_frontend import IapFrontend
from controller.lab.state.layout import Layout, Perimeter
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.perimeter import HTTPS
from controller.lab.trials.region.drilled_person import DrilledPerson, PersonRequests, choose_person
from controller.lab.trials.region.programs.affairs_service import get_number
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.offline_google.world.world import OfflineWorld
from tests.lab.iap.deployments import deploy
from tests.lab.requests import make_request

HOST = "affairs.school.example"


@dataclass
class Drilled:
    """A deployed world, and who was chosen in it."""

    city: VirtualCity
    layout: Layout
    around: Perimeter
    world: Path
    files: IapFiles

    def choose(self, change: Callable[[DeployedBackend], DeployedBackend] = lambda one: one) -> DrilledPerson:
        opened = OfflineWorld.open(self.world)
        try:
            deployed = read_deployed_access(opened)
        finally:
            opened.close()
        fronts = {
            address: replace(front, hosts={host: change(backend) for host, backend in front.hosts.items()})
            for address, front in deployed.fronts.items()
        }
        return choose_person(self.city, self.layout, self.around, replace(deployed, fronts=fronts), HOST)

    def ask(self, who: DrilledPerson, *, address: str) -> Response:
        """What the proxy answers to a row of this person from an address; no application runs behind it here."""
        application = next(one for one in self.around.guarded if one.host == HOST)
        front = str(self.city.outputs.applications["affairs"].ipv4[0].network_address)
        headers = PersonRequests(who, self.files, front, application).make_headers()
        proxy = IapFrontend(self.files, self.around, ((self.around.home.v4, "JP"),))
        given = (("host", HOST), *headers)
        return asyncio.run(proxy.answer(make_request("POST", "/rows", given, client=address, server=(front, HTTPS))))


@pytest.fixture
def drilled(city: VirtualCity, tmp_path: Path) -> Drilled:
    deployed = choose_virtual_city(deploy(city, tmp_path / "world.sqlite"))
    layout = plan_layout(deployed, 1, tmp_path / "world.sqlite")
    assert layout.perimeter is not None
    files = IapFiles(tmp_path)
    files.create()
    return Drilled(deployed, layout, layout.perimeter, tmp_path / "world.sqlite", files)


def test_the_person_is_one_of_the_policys_whom_the_proxy_lets_in(drilled: Drilled) -> None:
    who = drilled.choose()
    assert who.address == drilled.around.home.v4
    answer = drilled.ask(who, address=who.address)
    # Let in: what is missing here is the application.
    assert (answer.status_code, json.loads(bytes(answer.body))["part"]) == (502, "backend")


def test_from_abroad_the_same_person_is_refused(drilled: Drilled) -> None:
    who = drilled.choose()
    answer = drilled.ask(who, address=drilled.around.abroad.v4)
    assert answer.status_code == 403


def test_where_nobody_is_let_in_nobody_writes(drilled: Drilled) -> None:
    with pytest.raises(LabError, match=f"{HOST}: the deployed proxy lets in nobody from home"):
        drilled.choose(lambda backend: replace(backend, bindings=()))


@pytest.mark.parametrize("body", [b"", b"null", b"1.5", b'"1"', b"0", b"-3", b"true", b"[1]", b"9" * 5000, b"\xff"])
def test_a_body_that_is_no_number_is_no_row(body: bytes) -> None:
    assert get_number(body) is None
