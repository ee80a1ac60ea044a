"""How a NetBox is reached: its address, and a token by reference."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from controller.model.yaml_source import StrictModel
from controller.operations.device_access import CredentialSource
from controller.operations.fields import TrustedPath

ServerUrl = Annotated[
    str, Field(max_length=500, pattern=r"^https?://[A-Za-z0-9.:\[\]-]{1,260}(/[A-Za-z0-9._~-]{1,100}){0,5}/?$")
]
"""The address of a server of HTTP, without a user, a query or a fragment."""


class NetBoxAccess(StrictModel):
    """A NetBox: `url` without `/api`, `token` by reference, `certificates` of an authority of the city's own."""

    url: ServerUrl
    token: CredentialSource
    certificates: TrustedPath | None = None

    @model_validator(mode="after")
    def _keeps_token_secret(self) -> Self:
        try:
            parts = urlsplit(self.url)
            plain, host, _ = parts.scheme == "http", parts.hostname or "", parts.port
        except ValueError:
            message = "url: write it as https://netbox.example.jp, with a port if it is not 443"
            raise ValueError(message) from None
        if plain and not is_loopback(host):
            message = "url: a token is shown to https only (http is taken for this machine itself: 127.0.0.1, ::1)"
            raise ValueError(message)
        return self

    def list_paths(self) -> Iterator[Path]:
        """Yield the files that decide what is trusted."""
        yield from self.token.list_paths()
        if self.certificates is not None:
            yield self.certificates


def is_loopback(host: str) -> bool:
    """Tell if a host is this machine itself.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("127.0.0.1.example.jp")
    (True, True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
