"""The places of the virtual city that a person can stand in, by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import LabError
from controller.lab.state import paths
from controller.lab.state.layout import Layout


@dataclass(frozen=True)
class NamedNode:
    """A namespace, and what commands there must know."""

    namespace: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def words(self, command: list[str]) -> list[str]:
        """The command that runs a command there."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def full_environment(self) -> dict[str, str]:
        """This process's environment with what the node adds."""
        return {**os.environ, **self.environment}


def list_nodes(layout: Layout, state: Path = paths.STATE) -> dict[str, NamedNode]:
    """Every node of a lab that is up, by its name."""
    found = {
        "controller": NamedNode(paths.CONTROLLER),
        "core": NamedNode(paths.CORE),
        "internet": NamedNode(paths.INTERNET),
    }
    found |= {region.id: NamedNode(region.namespace) for region in layout.regions}
    found |= {f"{carrier.line}-carrier": NamedNode(carrier.namespace) for carrier in layout.carriers}
    if layout.perimeter:
        found["home"] = NamedNode(paths.HOME)
    for school in layout.schools:
        environment = paths.SwitchFiles(state, school.id).environment
        found[f"{school.id}/switch"] = NamedNode(school.switch, environment)
        found[f"{school.id}/router"] = NamedNode(school.router)
        found.update({f"{school.id}/{host.id}": NamedNode(host.namespace) for host in school.hosts})
    return found


def find_node(layout: Layout, name: str, state: Path = paths.STATE) -> NamedNode:
    """One node.

    Raises:
        LabError: there is none of this name.
    """
    known = list_nodes(layout, state)
    if name not in known:
        message = f"the lab has no node {name!r}; it has: {', '.join(known)}"
        raise LabError(message)
    return known[name]
