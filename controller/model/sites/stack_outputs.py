"""What a stack says of itself after `up`, in `policies/stack-outputs/`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from controller.inputs.character_classes import Fingerprint, HostName, Number, UrlPath
from controller.model.sites.addressing import PrefixField
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import StrictModel

LevelPrefix = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,38}$")]


class StackApplication(StrictModel):
    """Where a stack put an application; `token_audience` is what the proxy's signed assertions are made out to.

    A load balancer may have addresses of one family only.
    """

    host: HostName
    ipv4: tuple[PrefixField, ...] = ()
    ipv6: tuple[PrefixField, ...] = ()
    token_audience: UrlPath | None = None

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if not (self.ipv4 or self.ipv6):
            message = "has no address; name at least one in 'ipv4' or 'ipv6'"
            raise ValueError(message)
        return self


class StackRegion(StrictModel):
    """What a region does for the stack: `primary` holds the writable database, `standby` follows it."""

    name: Identifier
    role: Literal["primary", "standby"]
    serving: bool


class StackProbe(StrictModel):
    """What to ask to measure the way to an application; the proxy answers whoever has not signed in, too."""

    host: HostName
    port: int = Field(ge=1, le=65535)
    path: UrlPath


class StackProxy(StrictModel):
    """What Google knows the city by at the identity-aware proxy (see `ProxyFacts` of `access_levels`)."""

    access_policy: Number
    prefix: LevelPrefix
    device_authority: Fingerprint
    vendor: Identifier


class StackOutputs(StrictModel):
    """`policies/stack-outputs/*.json`: written by a stack, never by hand."""

    stack: Identifier
    version: int = Field(ge=0, le=1_000_000)
    applications: dict[Identifier, StackApplication]
    regions: dict[Identifier, StackRegion] = Field(default_factory=dict)
    probes: dict[Identifier, StackProbe] = Field(default_factory=dict)
    proxy: StackProxy | None = None
