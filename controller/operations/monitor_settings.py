"""Where the monitor listens beside loopback, how its readers log in, and what each of them may do."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from controller.inputs.character_classes import PlainText
from controller.model.yaml_source import StrictModel
from controller.operations.fields import TrustedPath

IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key-jwk"
"""Where Google shows the keys of its identity-aware proxy."""


def _read_address(value: object) -> object:
    """An IP address as text; names are refused, for what they lead to may change."""
    if not isinstance(value, str):
        return value
    try:
        return ip_address(value)
    except ValueError:
        message = "write an IP address of this machine, e.g. 10.20.0.5, or 0.0.0.0 for all of them"
        raise ValueError(message) from None


def check_https(value: str) -> str:
    """An https address as browsers write it: a name, perhaps a port, and no user, query or fragment.

    >>> check_https("https://login.example.jp:8443/realms/city")
    'https://login.example.jp:8443/realms/city'
    """
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        port = -1
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or port in (-1, 443) or parts.username or "?" in value:
        message = "write an address that begins with https:// and has no user, no '?' and no ':443'"
        raise ValueError(message)
    return value


def _check_origin(value: str) -> str:
    """The https address of a whole site, in lower case and without a path."""
    if value != value.lower() or value.count("/") != 2:  # noqa: PLR2004 those after the scheme
        message = "write it in small letters and without a path, e.g. https://monitor.example.jp:8600"
        raise ValueError(message)
    return value


ListenAddress = Annotated[IPv4Address | IPv6Address, BeforeValidator(_read_address)]
HttpsUrl = Annotated[
    str, Field(pattern=r"^https://[A-Za-z0-9.\-\[\]:]{1,253}(/[A-Za-z0-9._~/-]{0,300})?$"), AfterValidator(check_https)
]
SiteUrl = Annotated[HttpsUrl, AfterValidator(_check_origin)]
EmailAddress = Annotated[
    str, Field(max_length=254, pattern=r"^[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$")
]
"""A mail address in small letters, as the login tells it."""
GROUP_CHARACTERS = PlainText(200, '{}<>"`$\\|')
GroupName = Annotated[str, Field(min_length=1, pattern=r"^\S(.*\S)?$"), GROUP_CHARACTERS]
"""A group as the login tells it: a name in any script (教育委員会), a mail address, an id, or a path."""
ClaimName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/.-]{1,100}$")]
ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9@:/._~=+,%-]{1,255}$")]
IapAudience = Annotated[str, Field(pattern=r"^/projects/[0-9]{1,20}(/[A-Za-z0-9-]{1,63}){2,4}$")]
"""For whom the proxy signs, e.g. /projects/PROJECT NUMBER/global/backendServices/SERVICE ID."""


class TlsFiles(StrictModel):
    """The monitor's certificate, with those that lead to its authority, and its key: files in PEM. The key is 0600."""

    certificate: TrustedPath
    key: TrustedPath


class IapLogin(StrictModel):
    """Readers come through Google's identity-aware proxy, which signs who they are in a header of each request.

    The keys are fetched from `keys_url`, or read from `keys_file`, which somebody else keeps new.
    """

    audience: IapAudience
    keys_url: HttpsUrl = IAP_KEYS
    keys_file: TrustedPath | None = None


class OidcLogin(StrictModel):
    """Readers log in at a provider of OpenID Connect. `secret` is a file (0600) with the client's secret.

    `groups_claim` is the claim that lists a person's groups. `emails: as-sent` believes an address that the provider
    does not call verified: right only for a provider at which nobody chooses his address himself. `authority` is a
    file with the certificates that the provider's own is judged by; without it, the system's are.
    """

    issuer: HttpsUrl
    client: ClientId
    secret: TrustedPath
    algorithm: Literal["RS256", "ES256", "PS256"] = "RS256"
    groups_claim: ClaimName | None = None
    scopes: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/.-]{1,100}$")], ...] = ("openid", "email")
    emails: Literal["verified", "as-sent"] = "verified"
    session_hours: int = Field(default=8, ge=1, le=24)
    authority: TrustedPath | None = None

    @model_validator(mode="after")
    def _asks_for_login(self) -> Self:
        if "openid" not in self.scopes:
            message = "scopes need 'openid': without it the provider says nothing of who logged in"
            raise ValueError(message)
        return self


class LoginSettings(StrictModel):
    """How readers log in: one way of two."""

    iap: IapLogin | None = None
    oidc: OidcLogin | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.iap is None) == (self.oidc is None):
            message = "name one way to log in: iap or oidc"
            raise ValueError(message)
        return self


class Role(StrEnum):
    """What somebody who is logged in may do, the most first."""

    OPERATOR = "operator"
    """Read, acknowledge, note, announce maintenance."""
    READER = "reader"
    """Read; e.g. the board of education."""


class RoleMembers(StrictModel):
    """Who has a role: by mail address, or by a group that the login tells."""

    emails: tuple[EmailAddress, ...] = Field(default=(), max_length=1_000)
    groups: tuple[GroupName, ...] = Field(default=(), max_length=100)


class RoleSettings(StrictModel):
    """Who has which role. Who has none is let in nowhere, and who has both has the one that may do more."""

    operator: RoleMembers = RoleMembers()
    reader: RoleMembers = RoleMembers()

    def find_role(self, email: str, groups: tuple[str, ...] = ()) -> Role | None:
        """Return what somebody may do; None where he has no role.

        >>> board = RoleMembers(groups=("board@city.example",))
        >>> RoleSettings(reader=board).find_role("a@b.example", ("board@city.example",))
        <Role.READER: 'reader'>
        """
        told = {_compose(one) for one in groups}
        for role, members in ((Role.OPERATOR, self.operator), (Role.READER, self.reader)):
            if email.lower() in members.emails or not told.isdisjoint(map(_compose, members.groups)):
                return role
        return None


def _compose(name: str) -> str:
    """A name in the one form of those that look the same (NFC): ガ may be written as one character or as two."""
    return unicodedata.normalize("NFC", name)


class MonitorSettings(StrictModel):
    """Beside loopback the monitor listens at `listen`, with TLS and a login alone.

    `url` is how browsers call it there. Port 0 takes a free one. `public: status` shows by ward how the schools'
    Internet is, to everybody who reaches the monitor, without a login (`/public`).
    """

    listen: ListenAddress | None = None
    port: int = Field(default=8643, ge=0, le=65535)
    url: SiteUrl | None = None
    tls: TlsFiles | None = None
    login: LoginSettings | None = None
    roles: RoleSettings = RoleSettings()
    public: Literal["status", "nothing"] = "nothing"

    def list_paths(self) -> Iterator[Path]:
        """Yield every file that the monitor trusts by this section."""
        if self.tls is not None:
            yield from (self.tls.certificate, self.tls.key)
        if self.login is not None and self.login.iap is not None and self.login.iap.keys_file is not None:
            yield self.login.iap.keys_file
        if self.login is not None and self.login.oidc is not None:
            yield self.login.oidc.secret
            if self.login.oidc.authority is not None:
                yield self.login.oidc.authority

    def find_gap(self) -> tuple[str, str] | None:
        """Return what is missing before it may listen beyond loopback: the field to name, and why.

        >>> MonitorSettings(listen="10.20.0.5").find_gap()[0]
        'tls'
        >>> MonitorSettings(listen="127.0.0.2").find_gap() is None
        True
        """
        if self.listen is None:
            message = "there is a login, and no address to log in at: name it (listen: 10.20.0.5)"
            return None if self.login is None else ("listen", message)
        if self.listen.is_loopback and (self.login is None or self.login.oidc is None):
            return None if self.login is None else self._find_untold_groups()
        where = f"{self.listen} is no loopback address, and what is sent there can be read and asked for by others"
        if self.listen.is_loopback:
            where = "browsers keep a login by OpenID Connect for TLS alone"
        missing = (
            (self.tls is None, "tls", "TLS (tls: {certificate: FILE, key: FILE})"),
            (self.login is None, "login", "a login (login: {iap: ...} or login: {oidc: ...})"),
            (self.url is None, "url", "the address that browsers call it by (url: https://monitor.example.jp)"),
        )
        gap = next(((field, f"{where}: it needs {what}") for is_missing, field, what in missing if is_missing), None)
        return gap or self._find_untold_groups()

    def _find_untold_groups(self) -> tuple[str, str] | None:
        """Roles by groups that no login tells would let nobody in, and say nothing of it."""
        oidc = self.login.oidc if self.login is not None else None
        tells_groups = oidc is not None and oidc.groups_claim is not None
        if tells_groups or not (self.roles.operator.groups or self.roles.reader.groups):
            return None
        return "roles", "this login tells no groups: give roles by emails (or name groups-claim of oidc)"
