from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.responses import Response

from controller.lab.iap import identity_provider, signed_tokens
from controller.lab.iap.directory import Directory, DirectoryDevice, DirectoryPerson
from controller.lab.iap.iap_files import IapFiles
from tests.lab.requests import make_request

ACCOUNT = DirectoryPerson(subject="7", email="t@s.example", groups=("g@s.example",), password="p", factors={"hwk": "k"})  # noqa: S106 of nobody
DEVICE = DirectoryDevice(id="d", secret="s", managed=True)  # noqa: S106 of nothing
VERIFIER = "v" * 43
ASKED = {
    "client_id": identity_provider.CLIENT,
    "redirect_uri": identity_provider.REDIRECT,
    "response_type": "code",
    "scope": "openid",
    "state": "s1",
    "nonce": "n1",
    "code_challenge": identity_provider.make_challenge(VERIFIER),
    "code_challenge_method": "S256",
}
ENTERED = {"email": "t@s.example", "password": "p"}
TRADE = {
    "grant_type": "authorization_code",
    "client_id": identity_provider.CLIENT,
    "redirect_uri": identity_provider.REDIRECT,
    "code_verifier": VERIFIER,
}


@pytest.fixture
def files(tmp_path: Path) -> IapFiles:
    found = IapFiles(tmp_path)
    found.create()
    found.write_accounts(Directory(accounts=(ACCOUNT,), devices=(DEVICE,)).model_dump_json())
    return found


def post(provider: identity_provider.IdentityProvider, path: str, form: Mapping[str, str]) -> Response:
    return asyncio.run(provider.answer(make_request("POST", path, body=urlencode(form).encode())))


def code(provider: identity_provider.IdentityProvider, **entered: str) -> str:
    back = post(provider, identity_provider.AUTHORIZE, {**ASKED, **ENTERED, **entered})
    assert back.status_code == 302, back.body
    query = parse_qs(urlsplit(back.headers["location"]).query)
    assert query["state"] == ["s1"]
    return query["code"][0]


def claims(files: IapFiles, provider: identity_provider.IdentityProvider, **entered: str) -> Mapping[str, Any]:
    got = post(provider, identity_provider.TOKEN, {**TRADE, "code": code(provider, **entered)})
    token = json.loads(bytes(got.body))["id_token"]
    keys = signed_tokens.export_public_keys(signed_tokens.read_key(files.identity_key))
    return signed_tokens.verify_token(token, keys, identity_provider.ISSUER, identity_provider.CLIENT)


def test_what_was_shown_is_what_the_token_says(files: IapFiles) -> None:
    provider = identity_provider.IdentityProvider(files)
    plain = claims(files, provider)
    assert plain["nonce"] == "n1"
    assert plain["groups"] == ["g@s.example"]
    assert plain["crd_str"] == {"pwd": True, "mfa": False, **dict.fromkeys(("push", "sms", "swk", "hwk", "otp"), False)}
    assert 0 <= time.time() - plain["auth_time"] < 60
    assert "device" not in plain
    shown = {"factor": "hwk", "factor_secret": "k", "device": "d", "device_secret": "s"}
    strong = claims(files, provider, **shown)
    assert strong["crd_str"]["hwk"] is True
    assert strong["crd_str"]["mfa"] is True
    assert strong["device"] == {"id": "d", "managed": True}


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "x"},
        {"email": "x@s.example"},
        {"factor": "hwk", "factor_secret": "x"},
        {"factor": "sms", "factor_secret": ""},
        {"factor": "sms", "factor_secret": "k"},
        {"device": "d", "device_secret": "x"},
        {"device": "x", "device_secret": "s"},
    ],
)
def test_whoever_enters_anything_wrong_is_not_signed_in(files: IapFiles, wrong: dict[str, str]) -> None:
    back = post(identity_provider.IdentityProvider(files), identity_provider.AUTHORIZE, {**ASKED, **ENTERED, **wrong})
    assert (back.status_code, json.loads(bytes(back.body))) == (403, {"error": "access_denied"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 43},
        {"client_id": "other"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"grant_type": "password"},
        {"code": "x"},
    ],
)
def test_a_code_is_good_only_for_who_asked(files: IapFiles, wrong: dict[str, str]) -> None:
    provider = identity_provider.IdentityProvider(files)
    got = post(provider, identity_provider.TOKEN, {**TRADE, "code": code(provider), **wrong})
    assert (got.status_code, json.loads(bytes(got.body))) == (400, {"error": "invalid_grant"})


def test_a_code_serves_once(files: IapFiles) -> None:
    provider = identity_provider.IdentityProvider(files)
    form = {**TRADE, "code": code(provider)}
    assert post(provider, identity_provider.TOKEN, form).status_code == 200
    assert post(provider, identity_provider.TOKEN, form).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [{"redirect_uri": "https://elsewhere.example/"}, {"code_challenge": ""}, {"code_challenge_method": "plain"}],
)
def test_nobody_is_sent_elsewhere_and_a_challenge_is_needed(files: IapFiles, wrong: dict[str, str]) -> None:
    assert (
        post(
            identity_provider.IdentityProvider(files), identity_provider.AUTHORIZE, {**ASKED, **ENTERED, **wrong}
        ).status_code
        == 400
    )


def test_the_page_shows_what_was_asked_as_text_only(files: IapFiles) -> None:
    target = f"{identity_provider.AUTHORIZE}?" + urlencode({**ASKED, "state": '"><script>'})
    page = asyncio.run(identity_provider.IdentityProvider(files).answer(make_request("GET", target)))
    assert page.status_code == 200
    assert b"<script>" not in bytes(page.body)
    assert b"not Google" in bytes(page.body)


def test_secrets_are_roots_alone(files: IapFiles) -> None:
    files.write_accounts("{}")
    kept = [path for path in files.folder.iterdir() if path.name != "authority.pem"]
    assert files.folder.stat().st_mode & 0o077 == 0
    assert kept
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)
