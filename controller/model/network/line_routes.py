"""The routes of a router's lines that are written down, and the tunnels that lines go through; no vendor's words."""

from __future__ import annotations

from dataclasses import dataclass

from controller.model.network.packets import Family


@dataclass(frozen=True, slots=True, order=True)
class TunnelInterface:
    """A tunnel of a router for one of its lines: its kind, its far end, and the largest packet inside it."""

    line: str
    kind: str
    peer: str
    mtu: int

    def __str__(self) -> str:
        return f"tunnel of the {self.line} line, {self.kind} to {self.peer}, MTU {self.mtu}"


@dataclass(frozen=True, slots=True, order=True)
class LineGateway:
    """A way out: the address of the next router, or the tunnel of a line; in use while `watched` answers."""

    gateway: str
    watched: str

    def __str__(self) -> str:
        return f"{self.gateway} while {self.watched} answers"


@dataclass(frozen=True, slots=True, order=True)
class DefaultRoute:
    """The route of a family to everywhere: the first gateway that answers is taken."""

    family: Family
    gateways: tuple[LineGateway, ...]

    def __str__(self) -> str:
        return f"default route IPv{int(self.family)}: {', else '.join(map(str, self.gateways))}"


def name_tunnel_gateway(line: str) -> str:
    """Return how a gateway is called that is the tunnel of a line.

    >>> name_tunnel_gateway("backup")
    'tunnel backup'
    """
    return f"tunnel {line}"
