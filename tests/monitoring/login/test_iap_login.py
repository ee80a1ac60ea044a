"""The identity-aware proxy's signed header: believed in one form, and every other one refused; keys that change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from starlette.datastructures import Headers

from controller.messages import load_catalogue
from monitoring.limits import KEYS_AGAIN_SECONDS, KEYS_FRESH_SECONDS, KEYS_OLD_SECONDS
from monitoring.login.https_fetch import FetchFailed
from monitoring.login.iap_login import ASSERTION_HEADER, IapLogin
from monitoring.login.issuer_keys import IssuerKeys, parse_key_set
from monitoring.login.login_method import Identity, LoginMissing, LoginNotAccepted
from tests.monitoring.login.signing import (
    EllipticSigner,
    RsaSigner,
    Signer,
    encode,
    forge_with_secret,
    key_set,
    leave_unsigned,
    sign_token,
)

AUDIENCE = "/projects/1/global/backendServices/2"
NOW = 1_800_000_000
KEY, OTHER = EllipticSigner("k1"), EllipticSigner("k2")
STRANGER = EllipticSigner("k1")
"""Has the id of a right key, and is none."""
DOUBLED = b'{"alg":"ES256","alg":"none","kid":"k1"}'


def claims(**changes: object) -> dict[str, object]:
    right = {
        "iss": "https://cloud.google.com/iap",
        "aud": AUDIENCE,
        "sub": "accounts.google.com:1234",
        "email": "Hanako@city.example",
        "iat": NOW - 10,
        "exp": NOW + 590,
    }
    return {name: value for name, value in {**right, **changes}.items() if value is not None}


class Keys:
    """An issuer whose keys a test changes, and how often it was asked."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = signers
        self.asked = 0
        self.fails = False

    async def read(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)  # others run meanwhile
        if self.fails:
            message = "away"
            raise FetchFailed(message)
        return key_set(*self.signers)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def build(issuer: Keys, clock: Callable[[], float]) -> IapLogin:
    return IapLogin(AUDIENCE, IssuerKeys(issuer.read, "ES256", clock), lambda: NOW, lambda: NOW)


def identify(*tokens: str, issuer: Keys | None = None) -> Identity:
    login = build(issuer or Keys(KEY, OTHER), Clock())
    headers = Headers(raw=[(ASSERTION_HEADER.encode(), one.encode("latin-1")) for one in tokens])
    return asyncio.run(login.identify_reader(headers))


def test_the_proxys_word_is_believed_until_it_expires() -> None:
    assert identify(sign_token(KEY, claims())) == Identity("hanako@city.example", (), NOW + 590)
    assert identify(sign_token(OTHER, claims(), typ=None)).email == "hanako@city.example"
    assert identify(sign_token(KEY, claims(iat=NOW + 29))).email == "hanako@city.example"
    assert identify(sign_token(KEY, claims(unknown={"x": [1]}, google={"access_levels": []}))).until == NOW + 590


def test_how_long_an_answer_may_last_does_not_follow_the_machines_clock() -> None:
    login = IapLogin(AUDIENCE, IssuerKeys(Keys(KEY).read, "ES256", Clock()), lambda: NOW, lambda: 50.0)
    headers = Headers({ASSERTION_HEADER: sign_token(KEY, claims())})
    assert asyncio.run(login.identify_reader(headers)).until == 50.0 + 590


def test_without_the_header_a_login_is_missing() -> None:
    with pytest.raises(LoginMissing, match="did not come through"):
        identify()


HOSTILE: dict[str, tuple[Callable[[], str], str]] = {
    "unsigned": (lambda: leave_unsigned(claims(), "k1"), "no signed token"),
    "unsigned, with a signature": (lambda: leave_unsigned(claims(), "k1") + "AAAA", "another algorithm"),
    "the public key as a secret": (lambda: forge_with_secret(KEY.public_pem(), claims(), "k1"), "another algorithm"),
    "RS256": (lambda: sign_token(RsaSigner("k1"), claims()), "another algorithm"),
    "says ES256, signed by RSA": (lambda: sign_token(RsaSigner("k1"), claims(), alg="ES256"), "signature"),
    "another's key of the same id": (lambda: sign_token(STRANGER, claims()), "signature"),
    "kid of another": (lambda: sign_token(KEY, claims(), kid="k2"), "signature"),
    "kid of nobody": (lambda: sign_token(KEY, claims(), kid="k3"), "does not show"),
    "no kid": (lambda: sign_token(KEY, claims(), kid=None), "no key"),
    "kid as a number": (lambda: sign_token(KEY, claims(), kid=1), "no key"),
    "algorithm as a list": (lambda: sign_token(KEY, claims(), alg=["ES256"]), "another algorithm"),
    "brings its own key": (lambda: sign_token(STRANGER, claims(), jwk=STRANGER.show_key()), "other fields"),
    "names where its key is": (lambda: sign_token(KEY, claims(), jku="https://x.example/"), "other fields"),
    "critical extension": (lambda: sign_token(KEY, claims(), crit=["b64"], b64=False), "other fields"),
    "another type": (lambda: sign_token(KEY, claims(), typ="at+jwt"), "other fields"),
    "another issuer": (lambda: sign_token(KEY, claims(iss="https://cloud.google.com/iap/")), "iss"),
    "issuer as a list": (lambda: sign_token(KEY, claims(iss=["https://cloud.google.com/iap"])), "iss"),
    "another audience": (lambda: sign_token(KEY, claims(aud=f"{AUDIENCE}3")), "aud"),
    "two audiences": (lambda: sign_token(KEY, claims(aud=[AUDIENCE, "x"])), "aud"),
    "no audience": (lambda: sign_token(KEY, claims(aud=None)), "aud"),
    "expired": (lambda: sign_token(KEY, claims(iat=NOW - 700, exp=NOW - 31)), "expired"),
    "expires at a text": (lambda: sign_token(KEY, claims(exp=str(NOW + 60))), "exp"),
    "expires at infinity": (lambda: sign_token(KEY, claims(exp=float("inf"))), "signature|exp"),
    "never expires": (lambda: sign_token(KEY, claims(exp=None)), "exp"),
    "lives for a year": (lambda: sign_token(KEY, claims(exp=NOW + 31_536_000)), "longer"),
    "issued in the future": (lambda: sign_token(KEY, claims(iat=NOW + 31)), "future"),
    "issued as true": (lambda: sign_token(KEY, claims(iat=True)), "iat"),
    "not valid yet": (lambda: sign_token(KEY, claims(nbf=NOW + 60)), "nbf"),
    "no e-mail": (lambda: sign_token(KEY, claims(email=None)), "email"),
    "empty e-mail": (lambda: sign_token(KEY, claims(email="")), "email"),
    "two e-mails": (lambda: sign_token(KEY, claims(email="a@x.example,b@x.example")), "email"),
    "e-mail with a line end": (lambda: sign_token(KEY, claims(email="a@x.example\n")), "email"),
    "e-mail as a list": (lambda: sign_token(KEY, claims(email=["a@x.example"])), "email"),
    "e-mail of other letters": (lambda: sign_token(KEY, claims(email="\u0430dmin@x.example")), "email"),
    "claims as a list": (lambda: sign_token(KEY, [claims()]), "signature"),
    "huge": (lambda: sign_token(KEY, claims(pad="x" * 20_000)), "at most"),
    "a deep header": (lambda: f"{encode(b'[' * 700)}.e30.AAAA", "other fields"),
    "a header with a doubled field": (lambda: encode(DOUBLED) + ".e30.AA", "other"),
    "five parts": (lambda: sign_token(KEY, claims()) + ".AA.AA", "no signed token"),
    "a changed claim": (lambda: _swap(sign_token(KEY, claims()), claims(email="root@city.example")), "signature"),
    "spaces around": (lambda: f" {sign_token(KEY, claims())}", "no signed token"),
    "two words in one header": (lambda: f"{sign_token(KEY, claims())},{sign_token(KEY, claims())}", "no signed"),
    "empty": (lambda: "", "no signed token"),
    "other letters": (lambda: "\xff.\xff.\xff", "no signed token"),
}


def _swap(token: str, other: dict[str, object]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{encode(json.dumps(other).encode())}.{signature}"


@pytest.mark.parametrize("name", HOSTILE)
def test_every_other_word_is_refused(name: str) -> None:
    make, why = HOSTILE[name]
    token = make()
    with pytest.raises(LoginNotAccepted, match=why) as caught:
        identify(token)
    assert len(str(caught.value)) < 400
    assert not load_catalogue("ja").translate("login_reasons", str(caught.value)).isascii(), "has no Japanese"
    assert len(token) < 40 or token[-40:] not in str(caught.value), "a login is never told"


def test_a_header_that_stands_twice_is_refused_also_where_both_are_right() -> None:
    token = sign_token(KEY, claims())
    with pytest.raises(LoginNotAccepted, match="more than once"):
        identify(token, token)


def test_a_new_key_is_asked_for_once_and_invented_ones_not_again_within_a_minute() -> None:
    issuer, clock = Keys(KEY), Clock()
    keys = IssuerKeys(issuer.read, "ES256", clock)

    async def play() -> None:
        await keys.find_key("k1")
        issuer.signers = (KEY, OTHER)
        with pytest.raises(LoginNotAccepted, match="does not show"):
            await keys.find_key("k2")  # asked a moment ago
        assert issuer.asked == 1
        clock.now += KEYS_AGAIN_SECONDS
        found = await asyncio.gather(*(keys.find_key("k2") for _ in range(50)))
        assert (len(found), issuer.asked) == (50, 2)
        for number in range(200):
            with pytest.raises(LoginNotAccepted):
                await keys.find_key(f"invented-{number}")
        assert issuer.asked == 2

    asyncio.run(play())


def test_a_key_that_the_issuer_took_back_is_not_believed_for_longer_than_an_hour() -> None:
    issuer, clock = Keys(KEY, OTHER), Clock()
    keys = IssuerKeys(issuer.read, "ES256", clock)

    async def play() -> None:
        await keys.find_key("k2")
        issuer.signers = (KEY,)
        clock.now += KEYS_FRESH_SECONDS + 1
        with pytest.raises(LoginNotAccepted, match="does not show"):
            await keys.find_key("k2")
        assert (await keys.find_key("k1")).kid == "k1"

    asyncio.run(play())


def test_an_issuer_that_is_away_is_believed_for_a_day_by_the_keys_that_are_known() -> None:
    issuer, clock = Keys(KEY), Clock()
    keys = IssuerKeys(issuer.read, "ES256", clock)

    async def play() -> None:
        await keys.find_key("k1")
        issuer.fails = True
        clock.now += KEYS_OLD_SECONDS - 1
        assert (await keys.find_key("k1")).kid == "k1"
        clock.now += 2
        with pytest.raises(LoginNotAccepted, match="cannot be had"):
            await keys.find_key("k1")
        issuer.fails = False
        clock.now += KEYS_AGAIN_SECONDS
        assert (await keys.find_key("k1")).kid == "k1"

    asyncio.run(play())


def test_an_issuer_that_was_never_heard_lets_nobody_in() -> None:
    issuer = Keys(KEY)
    issuer.fails = True
    with pytest.raises(LoginNotAccepted, match="cannot be had"):
        identify(sign_token(KEY, claims()), issuer=issuer)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, null, {"kid": 1}]}',
        b'{"keys": [{"kid": "k1", "kty": "EC", "crv": "P-256", "x": "!", "y": 1}]}',
        b'{"keys": [{"kid": "k1", "kty": "oct", "k": "c2VjcmV0"}]}',
        key_set(RsaSigner("k1")),
        key_set(KEY, STRANGER),
        json.dumps({"keys": [KEY.show_key()] * 101}).encode(),
        json.dumps({"keys": [{**KEY.show_key(), "use": "enc"}]}).encode(),
        json.dumps({"keys": [{**KEY.show_key(), "alg": "ES384"}]}).encode(),
        json.dumps({"keys": [{**KEY.show_key(), "d": "AA"}]}).encode(),
    ],
)
def test_a_key_set_without_a_key_that_can_be_used_is_refused(content: bytes) -> None:
    with pytest.raises(FetchFailed):
        parse_key_set(content, "ES256")


def test_a_weak_key_is_passed_over() -> None:
    assert set(parse_key_set(key_set(RsaSigner("weak", 1024), RsaSigner("good")), "RS256")) == {"good"}
