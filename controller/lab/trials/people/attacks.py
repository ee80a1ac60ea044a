"""Attempts to get in without being let in: past the proxy, and through it with what it must not believe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from joserfc.jwk import ECKey

from controller.lab.iap import identity_provider, signed_tokens, trial_clock
from controller.lab.iap.iap_files import IapFiles
from controller.lab.state import paths
from controller.lab.state.layout import Perimeter
from controller.lab.state.perimeter import HTTPS
from controller.lab.trials.people.browser import BrowserPage, ServerAddress
from controller.lab.trials.people.forgeries import GENUINE, list_forgeries, make_claims
from controller.lab.trials.people.visits import Seat
from controller.model.network.packets import Family

_OK = 200


@dataclass(frozen=True, slots=True)
class AttackAttempt:
    """An attack as it is made. `application` is what the attacker wants."""

    name: str
    application: str
    seat: Seat
    door: ServerAddress
    headers: Mapping[str, str] = field(default_factory=dict)
    must_work: bool = False

    def came_in(self, page: BrowserPage) -> bool:
        """Whether the application itself answered."""
        return page.status == _OK and page.says("application") == self.application


def list_attacks(
    files: IapFiles, around: Perimeter, fronts: Mapping[str, tuple[str, ...]], outsider: str
) -> Iterator[AttackAttempt]:
    """Every attack on every application that asks people who they are.

    `fronts` are the addresses of each application; `outsider` is the token of somebody who may use none of them.
    """
    home = Seat(label="home", namespace=paths.HOME, source=around.home)
    inside = Seat(label="inside the cloud", namespace=paths.INTERNET)
    iap_key, identity_key = signed_tokens.read_key(files.assertion_key), signed_tokens.read_key(files.identity_key)
    for guarded in around.guarded:
        if guarded.audience is None:
            continue
        name = guarded.application
        right = make_claims(signed_tokens.ISSUER, guarded.audience, google={"access_levels": []})
        for how, token in list_forgeries(iap_key, right):
            for seat, family in ((home, Family.V4), (inside, Family.V6)):
                door = ServerAddress(around.backend.of(family), guarded.port, guarded.host, tls=False)
                headers = {signed_tokens.ASSERTION_HEADER: token} if token else {}
                label = f"past the proxy from {seat.label}: assertion {how}"
                yield AttackAttempt(label, name, seat, door, headers, must_work=how == GENUINE)
        genuine = signed_tokens.sign_claims(iap_key, right)
        for address in fronts[name]:
            door = ServerAddress(address, HTTPS, guarded.host)
            for how, shown in _through(identity_key, genuine, outsider):
                yield AttackAttempt(f"through the proxy: {how}", name, home, door, shown)


def _through(key: ECKey, genuine: str, outsider: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    for how, token in list_forgeries(key, make_claims(identity_provider.ISSUER, identity_provider.CLIENT, groups=[])):
        # A genuine token of nobody in particular is no control here: such a person may use nothing.
        yield f"identity {how}", {"authorization": f"Bearer {token}"} if token else {}
    own = {
        signed_tokens.ASSERTION_HEADER: genuine,
        "x-goog-authenticated-user-email": "accounts.google.com:x@example.com",
    }
    yield "a genuine assertion and no sign-in", own
    yield "an outsider with a genuine assertion", {**own, "authorization": f"Bearer {outsider}"}
    forged = f"2026-11-25T10:00:00+09:00;{'0' * 64}"
    yield "a test clock of one's own", {"authorization": f"Bearer {outsider}", trial_clock.HEADER: forged}
