"""System-to-system flows of `policies/access/flows.yaml`: which data goes from which system to which, and why.

A flow is a rule: permit and forbid sets, a forbid wins, what nothing names is denied. The data's importance class is
seen by what carries it (a Pub/Sub topic or a BigQuery dataset holds one class), never by a firewall: that sees who
opens a connection to whom.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from controller.inputs.character_classes import Name, Sentence
from controller.model.access.rules import ExceptionTerms, ServiceField
from controller.model.access.second_factors import Importance
from controller.model.network.packets import Effect, Service, parse_service
from controller.model.sites.addressing import PrefixField
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel

Carrier = Literal["https", "sftp", "plain", "pubsub", "bigquery"]
CLASS_CARRIERS: tuple[Carrier, ...] = ("pubsub", "bigquery")
"""Carriers whose own access control tells data classes apart, and which need no way between the two systems."""
_SERVICES: dict[Carrier, tuple[Service, ...]] = {
    "https": (parse_service("tcp/443"),),
    "sftp": (parse_service("tcp/22"),),
}

_UNENCRYPTED = (parse_service("tcp/80"), parse_service("tcp/21"))
"""What looks like the encrypted carriers and is not: HTTP and FTP."""


def _importances(value: object) -> object:
    if isinstance(value, str):
        message = "needs a list of importance classes: [III, IV]"
        raise ValueError(message)  # noqa: TRY004 pydantic turns only a ValueError into a message
    return value


class System(LocatedItem):
    """A system that exchanges data and is no application of `applications.yaml`.

    `importance` is the most important class that it is built to hold; `official` says that the city has a contract
    with who runs it (guideline 3.2(7): class III and above leaves only to official services).
    """

    id: Identifier
    name: Name
    operator: Literal["board", "city", "vendor"]
    importance: Importance
    official: bool = True
    addresses: tuple[PrefixField, ...] = ()


class SystemFlow(LocatedItem):
    """Data of these classes from one system to another.

    `push`: the sender opens the connection; `pull`: the receiver does, and asks. `plain` carries without encryption.
    A forbid has no carrier: it takes the data back whatever carries it.
    """

    id: Identifier
    effect: Effect
    purpose: Sentence
    from_: Identifier = Field(alias="from")
    to: Identifier
    data: Annotated[tuple[Importance, ...], BeforeValidator(_importances)] = Field(min_length=1)
    direction: Literal["push", "pull"] = "push"
    carrier: Carrier | None = None
    services: tuple[ServiceField, ...] = ()
    exception: ExceptionTerms | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.from_ == self.to:
            message = f"goes from {self.from_!r} to itself"
            raise ValueError(message)
        if self.effect is Effect.FORBID and (self.carrier or self.services or self.exception):
            message = "a forbid takes no carrier, services or exception: it takes the data back, whatever carries it"
            raise ValueError(message)
        if self.effect is Effect.PERMIT and self.carrier is None:
            message = "a permit needs a carrier: https, sftp, plain, pubsub or bigquery"
            raise ValueError(message)
        if self.carrier in CLASS_CARRIERS and self.services:
            message = f"{self.carrier} needs no way between the systems; leave 'services' out"
            raise ValueError(message)
        if self.carrier in _SERVICES and (open_ones := [one for one in self.services if one in _UNENCRYPTED]):
            message = f"{self.carrier} does not ride on {open_ones[0]}, which is not encrypted; write carrier: plain"
            raise ValueError(message)
        if self.carrier == "plain" and not self.services:
            message = "plain has no port of its own; name the services"
            raise ValueError(message)
        return self

    @property
    def opens(self) -> tuple[Service, ...]:
        """The services that whoever is asked listens on; none where the carrier stands between."""
        if self.carrier is None or self.carrier in CLASS_CARRIERS:
            return ()
        return self.services or _SERVICES[self.carrier]

    @property
    def caller(self) -> str:
        """The system that opens the connection."""
        return self.from_ if self.direction == "push" else self.to

    @property
    def called(self) -> str:
        """The system that the connection is opened to."""
        return self.to if self.direction == "push" else self.from_

    def holds_on(self, day: date) -> bool:
        """Whether the flow is in force on a day; only an exception ever is not."""
        return self.exception is None or day <= self.exception.expires


class FlowFile(StrictModel):
    """`policies/access/flows.yaml`."""

    systems: tuple[System, ...] = ()
    flows: tuple[SystemFlow, ...]
