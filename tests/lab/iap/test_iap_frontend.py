from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.responses import Response

from controller.lab.iap import identity_provider, signed_tokens, trial_clock
from controller.lab.iap.access_decision import APPLICATION_HEADER, STAND_IN_HEADER
from controller.lab.iap.deployed_access import list_deployed_groups
from controller.lab.iap.iap_files import IapFiles
from controller.lab.iap.iap_frontend import IapFrontend, describe_principal, list_countries
from controller.lab.state.layout_planning import plan_layout
from controller.lab.state.perimeter import HTTPS, plan_perimeter
from controller.lab.trials.people.forgeries import make_claims
from controller.model.virtual_city import VirtualCity, choose_virtual_city
from controller.offline_google.world.world import OfflineWorld
from tests.lab.iap.deployments import SETTINGS, deploy
from tests.lab.requests import make_request

HOST = "affairs.school.example"
AT_HOME = datetime(2026, 12, 1, 18, tzinfo=ZoneInfo("Asia/Tokyo"))


class Fixture:
    def __init__(self, city: VirtualCity, folder: Path) -> None:
        self.world = folder / "world.sqlite"
        deployed = deploy(city, self.world)
        self.files = IapFiles(folder)
        self.files.create()
        around = plan_perimeter(deployed, self.world)
        layout = plan_layout(choose_virtual_city(deployed), 2, world=self.world)
        self.proxy = IapFrontend(self.files, around, list_countries(layout, around))
        self.home = around.home.v4
        placed = deployed.outputs.applications["learning-dashboard"]
        self.dashboard = str(placed.ipv4[0].network_address)
        self.address = str(deployed.outputs.applications["affairs"].ipv4[0].network_address)

    def ask(self, *headers: tuple[str, str], path: str = "/", host: str = HOST) -> Response:
        request = make_request("GET", path, (("host", host), *headers), server=(self.address, HTTPS))
        return asyncio.run(self.proxy.answer(request))


@pytest.fixture
def front(city: VirtualCity, tmp_path: Path) -> Fixture:
    return Fixture(city, tmp_path)


def test_every_answer_says_that_it_is_not_googles(front: Fixture) -> None:
    answer = front.ask()
    assert answer.status_code == 401
    assert answer.headers[STAND_IN_HEADER] == f"stand-in, not Google's; {front.address}"
    assert answer.headers[APPLICATION_HEADER] == "affairs"
    assert json.loads(bytes(answer.body))["part"] == "sign-in"
    page = front.ask(("accept", "text/html"))
    assert page.headers["content-type"].startswith("text/html")
    assert b"It is not Google's" in bytes(page.body)


def test_a_stranger_host_ends_at_a_backend_that_asks_who_is_there(front: Fixture) -> None:
    assert front.ask(host="elsewhere.example").status_code == 401


def test_a_clock_of_ones_own_is_refused(front: Fixture) -> None:
    answer = front.ask((trial_clock.HEADER, "2026-11-25T10:00:00+09:00;00"))
    assert (answer.status_code, json.loads(bytes(answer.body))["part"]) == (400, "clock")


def test_a_token_sent_twice_counts_as_none(front: Fixture) -> None:
    key = signed_tokens.read_key(front.files.identity_key)
    token = signed_tokens.sign_claims(key, make_claims(identity_provider.ISSUER, identity_provider.CLIENT, groups=[]))
    bearer = ("authorization", f"Bearer {token}")
    assert front.ask(bearer).status_code == 403
    assert front.ask(bearer, bearer).status_code == 401


def test_the_public_keys_are_shown_and_nothing_private(front: Fixture) -> None:
    shown = json.loads(bytes(front.ask(path=signed_tokens.KEYS_PATH).body))
    assert shown == signed_tokens.export_public_keys(signed_tokens.read_key(front.files.assertion_key))
    assert "d" not in shown["keys"][0]


def test_when_the_world_is_gone_nothing_is_served(front: Fixture) -> None:
    opened = OfflineWorld.open(front.world)
    for resource in opened.resources("gcp:compute/globalForwardingRule:GlobalForwardingRule"):
        opened.remove(resource)
    assert front.ask().status_code == 404
    for file in front.world.parent.glob("world.sqlite*"):
        file.unlink()
    assert front.ask().status_code == 404


def test_what_a_token_does_not_say_stays_unknown() -> None:
    found = describe_principal({"sub": "1", "email": "t@s.example"}, "192.0.2.230", None)
    assert found.attributes == {"origin.ip": "192.0.2.230"}
    device = {"id": "d", "encrypted": False}
    known = describe_principal({"sub": "1", "email": "t@s.example", "device": device}, "192.0.2.230", "JP").attributes
    assert set(known) == {"origin.ip", "origin.region_code", "device.encryption_status"}


PUPIL = {"id": "d", "managed": True, "system": "chrome-os"}


def ask_as_pupil(front: Fixture, age: timedelta | None = None, **claims: object) -> tuple[int, str]:
    """The answer's status, and which part refused; the lab's application behind it does not run here."""
    group = next(one for one in list_deployed_groups(front.world) if "pupil" in one)
    by_password = {"crd_str": {"pwd": True, "mfa": False}, "device": PUPIL, "groups": [group]}
    key = signed_tokens.read_key(front.files.identity_key)
    token = signed_tokens.sign_claims(
        key, make_claims(identity_provider.ISSUER, identity_provider.CLIENT, **by_password, **claims)
    )
    moment = trial_clock.sign_moment(front.files.clock_key.read_bytes(), AT_HOME, age)
    headers = (("host", "learning-dashboard.school.example"), ("authorization", f"Bearer {token}"))
    request = make_request(
        "GET", "/", (*headers, (trial_clock.HEADER, moment)), client=front.home, server=(front.dashboard, HTTPS)
    )
    answer = asyncio.run(front.proxy.answer(request))
    return answer.status_code, str(json.loads(bytes(answer.body))["part"])


def test_a_pupil_without_a_second_factor_is_let_in_for_a_day_and_then_asked_to_sign_in_again(front: Fixture) -> None:
    let_in, over = (502, "backend"), (401, "session")
    assert ask_as_pupil(front, timedelta(days=1)) == let_in
    assert ask_as_pupil(front, timedelta(days=1, seconds=1)) == over
    now = int(time.time())
    assert ask_as_pupil(front, auth_time=now) == let_in
    assert ask_as_pupil(front, auth_time=now - 86_500) == over
    assert ask_as_pupil(front) == over  # such a token does not say since when
    opened = OfflineWorld.open(front.world)
    for one in opened.resources(SETTINGS):
        asked = {"method": "ENROLLED_SECOND_FACTORS", "maxAge": "36000s", "policyType": "DEFAULT"}
        opened.change(one, {**one.outputs, "accessSettings": {"reauthSettings": asked}})
    assert ask_as_pupil(front, auth_time=now) == over  # asked for what they do not have
