from __future__ import annotations

from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from controller.lab.iap import signed_tokens
from controller.lab.trials.people.forgeries import GENUINE, list_forgeries, make_claims

AUDIENCE = "/projects/1/global/backendServices/2"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ECKey:
    path = tmp_path_factory.mktemp("keys") / "key"
    signed_tokens.create_signing_key(path)
    return signed_tokens.read_key(path)


def test_an_assertion_of_the_proxy_is_taken(key: ECKey) -> None:
    token = signed_tokens.sign_assertion(key, AUDIENCE, "7", "t@school.example", ("accessPolicies/1/accessLevels/a",))
    found = signed_tokens.verify_token(token, signed_tokens.export_public_keys(key), signed_tokens.ISSUER, AUDIENCE)
    assert found["sub"] == "accounts.google.com:7"
    assert found["email"] == "t@school.example"
    assert found["hd"] == "school.example"
    assert found["google"] == {"access_levels": ["accessPolicies/1/accessLevels/a"]}


def test_of_all_ways_to_lie_only_the_truth_is_taken(key: ECKey) -> None:
    taken = []
    for how, token in list_forgeries(key, make_claims(signed_tokens.ISSUER, AUDIENCE)):
        try:
            signed_tokens.verify_token(token, signed_tokens.export_public_keys(key), signed_tokens.ISSUER, AUDIENCE)
        except signed_tokens.TokenRefused:
            continue
        taken.append(how)
    assert taken == [GENUINE]


def test_an_assertion_for_another_application_is_refused(key: ECKey) -> None:
    token = signed_tokens.sign_assertion(key, AUDIENCE, "7", "t@school.example", ())
    with pytest.raises(signed_tokens.TokenRefused, match="aud"):
        signed_tokens.verify_token(token, signed_tokens.export_public_keys(key), signed_tokens.ISSUER, AUDIENCE + "0")


@pytest.mark.parametrize("rubbish", ["", ".", "..", "a.b.c", "{}", "é.é.é", "eyJhbGciOiJFUzI1NiJ9..", "\x00"])
def test_rubbish_is_refused_and_no_crash(key: ECKey, rubbish: str) -> None:
    with pytest.raises(signed_tokens.TokenRefused):
        signed_tokens.verify_token(rubbish, signed_tokens.export_public_keys(key), signed_tokens.ISSUER, AUDIENCE)


def test_keys_are_roots_alone_and_public_keys_hold_nothing_private(tmp_path: Path) -> None:
    signed_tokens.create_signing_key(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    (shown,) = signed_tokens.export_public_keys(signed_tokens.read_key(tmp_path / "key"))["keys"]
    assert set(shown) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
