"""What was deployed, as the proxy needs it: addresses, hosts, backends, bindings and access levels.

Everything here comes from the offline Google's world. What is missing there is missing here, and then nobody is let in.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Generic, TypeVar

from controller.errors import LabError
from controller.lab.state.layout import Perimeter
from controller.model.network.packets import Family
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world import OfflineWorld
from controller.offline_google.world.world_store import StoredResource

Deployed = TypeVar("Deployed")

ACCESS = "roles/iap.httpsResourceAccessor"

_FORWARDING_RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
_HTTPS_PROXY = "gcp:compute/targetHttpsProxy:TargetHttpsProxy"
_URL_MAP = "gcp:compute/uRLMap:URLMap"
BACKEND = "gcp:compute/backendService:BackendService"
SERVERLESS = "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup"
RUN = "gcp:cloudrunv2/service:Service"
_BINDINGS = (
    "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding",
    "gcp:iap/webBackendServiceIamMember:WebBackendServiceIamMember",
)
_SETTINGS = "gcp:iap/settings:Settings"
_LEVEL = "gcp:accesscontextmanager/accessLevel:AccessLevel"
_GROUP = "gcp:cloudidentity/group:Group"
_SECONDS = r"[0-9]{1,9}(\.[0-9]{1,9})?s"
"""A duration as `maxAge` has it: "A duration in seconds with up to nine fractional digits, ending with 's'"."""
_APPLICATION = "TSUNAGU_APPLICATION"
"""The variable by which a container knows which application it is."""


@dataclass(frozen=True, slots=True)
class DeployedBinding:
    """A grant of IAP's role to members under a condition; an empty condition always holds."""

    title: str
    members: frozenset[str]
    condition: str


@dataclass(frozen=True, slots=True)
class DeployedSession:
    """How long the proxy lets somebody go on, and the method by which it asks again (`ReauthSettings.method`)."""

    length: timedelta
    method: str


@dataclass(frozen=True, slots=True)
class DeployedBackend:
    """A backend service. `application`: which one its containers are; empty where that cannot be told.

    `session` is None where nothing is set: then Google asks nobody again ("reauthentication disabled").
    """

    name: str
    application: str
    audience: str
    guarded: bool
    bindings: tuple[DeployedBinding, ...]
    session: DeployedSession | None


@dataclass(frozen=True, slots=True)
class DeployedFrontend:
    """What answers at an address: a backend for each host, and one for every other."""

    hosts: Mapping[str, DeployedBackend]
    otherwise: DeployedBackend | None

    def backend(self, host: str) -> DeployedBackend | None:
        """Who answers for a host."""
        return self.hosts.get(host, self.otherwise)


@dataclass(frozen=True, slots=True)
class DeployedAccess:
    """All of it. `fronts` is by address; `levels` are expressions by full name; `groups` are e-mail addresses."""

    fronts: Mapping[str, DeployedFrontend]
    levels: Mapping[str, str]
    groups: frozenset[str]

    @property
    def hosts(self) -> frozenset[str]:
        """Every host name that some front answers for."""
        return frozenset(host for front in self.fronts.values() for host in front.hosts)


class DeploymentWatcher(Generic[Deployed]):
    """The world in a file, read again by `read` whenever somebody has changed it."""

    def __init__(self, path: Path, read: Callable[[OfflineWorld], Deployed]) -> None:
        self._path, self._read = path, read
        self._world: OfflineWorld | None = None
        self._connection: sqlite3.Connection | None = None
        self._version: tuple[int, int] | None = None
        self._deployed: Deployed | None = None

    def now(self) -> tuple[tuple[int, int] | None, Deployed]:
        """What is deployed at this moment, and a mark that differs when it has changed.

        Raises:
            CloudError: the world is gone.
        """
        version = self._look()
        if self._deployed is None or self._world is None or version is None or version != self._version:
            if self._world is None:
                self._world = OfflineWorld.open(self._path)
            self._deployed = self._read(self._world)
            self._version = version
        return version, self._deployed

    def _look(self) -> tuple[int, int] | None:
        """The file's own number and SQLite's count of changes by others."""
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            inode = 0
        if self._connection is None or (self._version is not None and self._version[0] != inode):
            self._forget()
            if not inode:
                return None
            self._connection = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=30)
        return inode, int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _forget(self) -> None:
        for opened in (self._connection, self._world):
            if opened is not None:
                opened.close()
        self._connection, self._world = None, None


def read_deployed_access(world: OfflineWorld) -> DeployedAccess:
    """What is deployed in a world."""
    found = {kind: world.resources(kind) for kind in (_FORWARDING_RULE, _HTTPS_PROXY, _URL_MAP, BACKEND)}
    applications = _applications(world)
    grants = [resource for kind in _BINDINGS for resource in world.resources(kind)]
    sessions = {str(one.outputs.get("name")): _session(one) for one in world.resources(_SETTINGS)}
    backends = {name_link_end(one.id): _backend(one, applications, grants, sessions) for one in found[BACKEND]}
    maps = {name_link_end(one.id): _front(one, backends) for one in found[_URL_MAP]}
    targets = {name_link_end(one.id): maps.get(name_link_end(one.outputs.get("urlMap"))) for one in found[_HTTPS_PROXY]}
    fronts = {
        str(rule.outputs.get("ipAddress")): front
        for rule in found[_FORWARDING_RULE]
        if (front := targets.get(name_link_end(rule.outputs.get("target")))) is not None
    }
    return DeployedAccess(
        fronts,
        {
            level.id: str(expression)
            for level in world.resources(_LEVEL)
            if (expression := find_value(level.outputs, "custom", "expr", "expression")) is not None
        },
        frozenset(str(find_value(group.outputs, "groupKey", "id")) for group in world.resources(_GROUP)),
    )


def find_deployed_world(path: Path) -> Path | None:
    """The file itself if a load balancer is deployed in it; None where there is none, or no world at all."""
    if not path.exists():
        return None
    world = OfflineWorld.open(path)
    try:
        return path if world.resources(_FORWARDING_RULE) else None
    finally:
        world.close()


def list_deployed_groups(path: Path) -> frozenset[str]:
    """The e-mail addresses of the groups that are deployed.

    Raises:
        CloudError: there is no such world.
    """
    world = OfflineWorld.open(path)
    try:
        return read_deployed_access(world).groups
    finally:
        world.close()


def check_deployed_addresses(around: Perimeter) -> None:
    """See that the stack's outputs and the deployed world name the same addresses.

    Raises:
        LabError: they do not.
    """
    world = OfflineWorld.open(Path(around.world))
    try:
        deployed = {str(ip_address(address)) for address in read_deployed_access(world).fronts}
    finally:
        world.close()
    differing = sorted({both.of(family) for both in around.fronts for family in Family} ^ deployed)
    if differing:
        message = (
            f"the stack's outputs and what is deployed do not name the same addresses ({', '.join(differing)}); "
            "run 'tsunagu cloud up --stack lab'"
        )
        raise LabError(message)


def _front(resource: StoredResource, backends: Mapping[str, DeployedBackend]) -> DeployedFrontend:
    matchers = {
        matcher["name"]: backends.get(name_link_end(matcher.get("defaultService")))
        for matcher in resource.outputs.get("pathMatchers") or ()
    }
    hosts = {
        host.lower(): backend
        for rule in resource.outputs.get("hostRules") or ()
        for host in rule["hosts"]
        if (backend := matchers.get(rule["pathMatcher"])) is not None
    }
    return DeployedFrontend(hosts, backends.get(name_link_end(resource.outputs.get("defaultService"))))


def _backend(
    resource: StoredResource,
    applications: Mapping[str, str],
    grants: Iterable[StoredResource],
    sessions: Mapping[str, DeployedSession | None],
) -> DeployedBackend:
    groups = [name_link_end(entry.get("group")) for entry in resource.outputs.get("backends") or ()]
    named = {applications.get(group, "") for group in groups}
    name = name_link_end(resource.id)
    number, generated = find_project_number(resource.project), resource.outputs.get("generatedId")
    return DeployedBackend(
        name=name,
        # Regions of one backend that serve different applications would be a mistake: then none is served.
        application=named.pop() if len(named) == 1 else "",
        audience=f"/projects/{number}/global/backendServices/{generated}",
        # Only a plain "no" opens it.
        guarded=find_value(resource.outputs, "iap", "enabled") is not False,
        bindings=tuple(
            _binding(grant)
            for grant in grants
            if grant.outputs.get("role") == ACCESS
            and name_link_end(grant.outputs.get("webBackendService")) == name
            and str(grant.outputs.get("project")) == resource.project
        ),
        session=sessions.get(f"projects/{number}/iap_web/compute/services/{generated}"),
    )


def _session(resource: StoredResource) -> DeployedSession | None:
    """What a backend's settings say of sessions. A length that cannot be read is none: everybody is asked at once."""
    method = find_value(resource.outputs, "accessSettings", "reauthSettings", "method")
    if method is None:
        return None
    length = str(find_value(resource.outputs, "accessSettings", "reauthSettings", "maxAge"))
    seconds = float(length[:-1]) if re.fullmatch(_SECONDS, length) else -1.0
    return DeployedSession(timedelta(seconds=seconds), str(method))


def _binding(resource: StoredResource) -> DeployedBinding:
    members = resource.outputs.get("members") or [resource.outputs.get("member")]
    return DeployedBinding(
        title=str(find_value(resource.outputs, "condition", "title") or ""),
        members=frozenset(str(member) for member in members),
        condition=str(find_value(resource.outputs, "condition", "expression") or ""),
    )


def _applications(world: OfflineWorld) -> dict[str, str]:
    """The application behind each endpoint group; the lab has stand-ins for what runs on Cloud Run only."""
    services = {name_link_end(service.id): find_variable(service, _APPLICATION) for service in world.resources(RUN)}
    return {
        name_link_end(group.id): services.get(str(find_value(group.outputs, "cloudRun", "service")), "")
        for group in world.resources(SERVERLESS)
    }


def find_variable(service: StoredResource, name: str) -> str:
    """Return what a service's containers are told under a name; "" where they are told nothing."""
    containers = find_value(service.outputs, "template", "containers")
    variables = [one for container in containers or () for one in container.get("envs") or ()]
    return next((str(one.get("value")) for one in variables if one.get("name") == name), "")


def find_value(values: Mapping[str, Value], *names: str) -> Value:
    """Return the value inside values by the names on the way to it; None where one is missing."""
    found: Value = values
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def name_link_end(link: Value) -> str:
    """Return the name at the end of a link to a resource."""
    return str(link).rpartition("/")[2]
