"""What the deployment says of an application's databases, its services and who is sent where.

Everything comes from the offline Google's world: the drill does what it says there, and believes nothing beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.lab.iap.deployed_access import BACKEND, RUN, SERVERLESS, find_value, find_variable, name_link_end
from controller.offline_google.schema.instance_roles import INSTANCE
from controller.offline_google.world.world import OfflineWorld
from controller.offline_google.world.world_store import StoredResource

PRIMARY = "CLOUD_SQL_INSTANCE"
_APPLICATION = "TSUNAGU_APPLICATION"
_INSTANCE = "DATABASE_INSTANCE"


@dataclass(frozen=True, slots=True)
class DeployedInstance:
    """An instance of a database: where it is, its private address, and whom it follows (nobody: it is written to)."""

    name: str
    connection: str
    location: str
    address: str
    is_primary: bool
    master: str


@dataclass(frozen=True, slots=True)
class DeployedPair:
    """All of an application's. `services` is the instance's connection by location, `serving` where requests go."""

    instances: Mapping[str, DeployedInstance]
    services: Mapping[str, str]
    serving: tuple[str, ...]

    def find_used_instance(self, location: str) -> DeployedInstance | None:
        """Return the instance that the service of a location is told to use; None where it is told none."""
        connection = self.services.get(location)
        return next((one for one in self.instances.values() if one.connection == connection), None)


def find_deployed_pair(world: OfflineWorld, application: str) -> DeployedPair:
    """Return what is deployed of an application."""
    services = {
        str(one.outputs["location"]): one
        for one in world.resources(RUN)
        if find_variable(one, _APPLICATION) == application
    }
    connections = {where: found for where, one in services.items() if (found := find_variable(one, _INSTANCE))}
    named = {connection.rpartition(":")[2] for connection in connections.values()}
    instances = {one.name: one for one in map(_read_instance, world.resources(INSTANCE))}
    return DeployedPair(
        {name: one for name, one in instances.items() if _belongs_to(one, named, instances)},
        connections,
        _list_serving(world, {str(one.outputs["name"]) for one in services.values()}),
    )


def _read_instance(resource: StoredResource) -> DeployedInstance:
    found = resource.outputs
    return DeployedInstance(
        name=str(found["name"]),
        connection=str(found["connectionName"]),
        location=str(found["region"]),
        address=str(found["privateIpAddress"]),
        is_primary=found["instanceType"] == PRIMARY,
        master=str(found.get("masterInstanceName") or ""),
    )


def _belongs_to(one: DeployedInstance, named: set[str], instances: Mapping[str, DeployedInstance]) -> bool:
    """Whether an instance is one that the services use, follows one, or is followed by one.

    An instance that was set aside is none of these any more: nobody is sent there.
    """
    followed = {instances[name].master for name in named if name in instances}
    return one.name in named or one.master in named or one.name in followed


def _list_serving(world: OfflineWorld, services: set[str]) -> tuple[str, ...]:
    """The locations that the application's backend leads to, in its order."""
    groups = {
        str(one.outputs["name"]): str(one.outputs["region"])
        for one in world.resources(SERVERLESS)
        if find_value(one.outputs, "cloudRun", "service") in services
    }
    found: list[str] = []
    for backend in world.resources(BACKEND):
        entries = backend.outputs.get("backends")
        for entry in entries if isinstance(entries, list) else []:
            location = groups.get(name_link_end(entry.get("group")))
            if location is not None and location not in found:
                found.append(location)
    return tuple(found)
