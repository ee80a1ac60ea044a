"""Who writes the rows: a synthetic person whom the deployed proxy lets in, and their requests."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException
from socket import create_connection

from controller.errors import LabError
from controller.lab.iap import identity_provider, signed_tokens, trial_clock
from controller.lab.iap.access_decision import AccessEvaluator
from controller.lab.iap.certificate_authority import make_client_tls
from controller.lab.iap.deployed_access import DeployedAccess
from controller.lab.iap.directory import check_sign_in
from controller.lab.iap.iap_files import IapFiles
from controller.lab.iap.iap_frontend import describe_principal
from controller.lab.services.http_client import HttpConnection
from controller.lab.state.layout import GuardedApplication, Layout, Perimeter
from controller.lab.state.perimeter import HTTPS
from controller.lab.trials.people.directory_registration import RegisteredPeople, read_stack_organisation
from controller.lab.trials.people.synthetic_people import SeatKind, SyntheticPerson, list_synthetic_people
from controller.model.city import City

_SECONDS = 2.0
"""For each step of a request: who waits longer has gone."""
_FRESH_SECONDS = identity_provider.TOKEN_SECONDS / 2


@dataclass(frozen=True, slots=True)
class DrilledPerson:
    """Somebody outside the schools, their address, and what the identity provider says of them."""

    person: SyntheticPerson
    address: str
    claims: dict[str, object]


def choose_person(city: City, layout: Layout, around: Perimeter, deployed: DeployedAccess, host: str) -> DrilledPerson:
    """Return the first person outside the schools whom the deployed proxy lets in to a host.

    Raises:
        LabError: it lets nobody in from there.
    """
    backend = next((front.hosts[host] for front in deployed.fronts.values() if host in front.hosts), None)
    seats = {SeatKind.HOME: around.home.v4, SeatKind.BOARD: around.office.v4 if around.office else None}
    cast = [one for one in list_synthetic_people(city, layout, (layout.schools[0].id,)) if seats.get(one.sits)]
    registered = RegisteredPeople(cast, read_stack_organisation(city.outputs.stack), deployed.groups)
    judge = AccessEvaluator(deployed)
    for person in cast if backend is not None else []:
        claims, address = check_sign_in(registered.accounts, registered.sign_in(person)), str(seats[person.sits])
        if claims is None or backend is None:
            continue
        # As a token carries them.
        claims = json.loads(json.dumps(claims))
        principal = describe_principal(claims, address, around.country, timedelta())
        if judge.decide(backend, principal, person.at).lets_in:
            return DrilledPerson(person, address, claims)
    message = f"{host}: the deployed proxy lets in nobody from home or the board's office, so that nobody could write"
    raise LabError(message)


class PersonRequests:
    """Sends the rows of a person through the proxy."""

    def __init__(self, who: DrilledPerson, files: IapFiles, front: str, application: GuardedApplication) -> None:
        self._who, self._front, self._host = who, front, application.host
        self._key = signed_tokens.read_key(files.identity_key)
        self._clock = trial_clock.sign_moment(files.clock_key.read_bytes(), who.person.at)
        self._trusted: ssl.SSLContext = make_client_tls(files.folder)
        self._token, self._until = "", 0.0
        self.answers: dict[str, int] = {}

    def send_row(self, number: int) -> bool:
        """Send a row; whether it was acknowledged. `answers` counts what was said."""
        try:
            source = (self._who.address, 0)
            opened = create_connection((self._front, HTTPS), _SECONDS, source)
            with HttpConnection(opened, self._host) as connection:
                connection.secure(self._trusted)
                answer = connection.send_request("POST", "/rows", str(number).encode(), self.make_headers())
        except (OSError, HTTPException) as error:
            self._count(f"no answer ({error.__class__.__name__})")
            return False
        self._count(f"status {answer.status}")
        return answer.status == HTTPStatus.CREATED

    def make_headers(self) -> list[tuple[str, str]]:
        """Return what a request says of whoever sends it, and the time that it is judged at."""
        return [("authorization", f"Bearer {self._get_token()}"), (trial_clock.HEADER, self._clock)]

    def _count(self, said: str) -> None:
        self.answers[said] = self.answers.get(said, 0) + 1

    def _get_token(self) -> str:
        now = time.time()
        if now > self._until:
            times = {"auth_time": int(now), "iat": int(now), "exp": int(now) + identity_provider.TOKEN_SECONDS}
            about = {"iss": identity_provider.ISSUER, "aud": identity_provider.CLIENT, "nonce": "drill"}
            self._token = signed_tokens.sign_claims(self._key, {**about, **times, **self._who.claims})
            self._until = now + _FRESH_SECONDS
        return self._token
