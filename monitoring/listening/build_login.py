"""The way to log in that the operators' file names, put together with its keys, its secret and the way out."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from controller.errors import MonitorError
from controller.operations.monitor_settings import IapLogin as IapSettings
from controller.operations.monitor_settings import MonitorSettings, RoleSettings
from controller.operations.monitor_settings import OidcLogin as OidcSettings
from controller.operations.trusted_files import read_trusted_file, refuse_file
from monitoring.login.https_fetch import build_fetch
from monitoring.login.iap_login import ALGORITHM, IapLogin
from monitoring.login.issuer_keys import IssuerKeys, fetch_keys_from, take_keys_from
from monitoring.login.login_method import LoginMethod
from monitoring.login.oidc_login import OidcSessions
from monitoring.login.oidc_provider import OidcProvider
from monitoring.web.pages import render_notice

_REFUSED = "The login of the monitor cannot be used:"
_SECRET = re.compile(rb"[!-~]{8,512}\r?\n?")


def build_login(settings: MonitorSettings) -> LoginMethod | None:
    """The login of the settings; None where nobody has to log in.

    Raises:
        OperationsRefused: a file that it names is missing, somebody else's, open to others, or not what it must be.
        MonitorError: the settings ask for a login that cannot be built from them.
    """
    if settings.login is None:
        return None
    if settings.login.iap is not None:
        return _build_iap(settings.login.iap)
    if settings.login.oidc is not None and settings.url is not None:
        return _build_oidc(settings.login.oidc, settings.roles, settings.url)
    # Never without the login that was asked for: a file is refused for this before.
    message = "the login by oidc needs the address that browsers call the monitor by (url: https://monitor.example.jp)"
    raise MonitorError(message)


def _build_iap(settings: IapSettings) -> IapLogin:
    async def find_url() -> str:
        return settings.keys_url

    if settings.keys_file is not None:
        read = take_keys_from(settings.keys_file)
    else:
        read = fetch_keys_from(build_fetch(ssl.create_default_context()), find_url)
    return IapLogin(settings.audience, IssuerKeys(read, ALGORITHM))


def _build_oidc(settings: OidcSettings, roles: RoleSettings, url: str) -> OidcSessions:
    context = ssl.create_default_context()
    if settings.authority is not None:
        content = _read_file(settings, settings.authority, private=False)
        try:
            context = ssl.create_default_context(cadata=content.decode("ascii"))
        except (ssl.SSLError, ValueError):
            message = "holds no certificates in PEM"
            raise refuse_file(_REFUSED, settings.authority, message) from None
    provider = OidcProvider(settings, read_client_secret(settings), build_fetch(context))
    return OidcSessions(settings, provider, roles, url, render_notice)


def read_client_secret(settings: OidcSettings) -> str:
    """The client's secret, from a file that nobody else can read.

    Raises:
        OperationsRefused: the file is missing, open to others, or holds no secret; what it holds is not shown.
    """
    content = _read_file(settings, settings.secret, private=True)
    if _SECRET.fullmatch(content) is None:
        message = "holds no client secret: 8 to 512 characters of ASCII in one line (what was found is not shown)"
        raise refuse_file(_REFUSED, settings.secret, message)
    return content.decode("ascii").strip()


def _read_file(settings: OidcSettings, path: Path, *, private: bool) -> bytes:
    try:
        return read_trusted_file(path, _REFUSED, private=private)
    except FileNotFoundError:
        message = f"is missing; put there what {settings.issuer} gave for the client {settings.client}"
        raise refuse_file(_REFUSED, path, message) from None
