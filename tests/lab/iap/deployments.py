"""A world made by hand: what the stacks deploy of the access policy, without an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.compile.identity.access_levels import ProxyFacts
from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.compile.identity.iap_sessions import ProxySession
from controller.lab.iap import deployed_access
from controller.lab.iap.deployed_access import read_deployed_access
from controller.lab.trials.people.directory_registration import read_stack_organisation
from controller.model.city import City
from controller.model.network.packets import parse_prefix
from controller.model.policy_files import OUTPUTS
from controller.model.sites.stack_outputs import StackApplication, StackOutputs
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.world import OfflineWorld
from controller.offline_google.world.world_store import StoredResource, WorldStore

PROJECT = "tsunagu-kawasaki-lab"
ACCESS_POLICY = "154981567200"
BINDING = "gcp:iap/webBackendServiceIamBinding:WebBackendServiceIamBinding"
LEVEL = "gcp:accesscontextmanager/accessLevel:AccessLevel"
SETTINGS = "gcp:iap/settings:Settings"
BACKEND = "gcp:compute/backendService:BackendService"


def put(store: WorldStore, token: str, identity: str, outputs: Mapping[str, Any]) -> None:
    with store.writing():
        store.put(StoredResource(token, identity, PROJECT, identity.rpartition("/")[2], {}, dict(outputs)))


def deploy(city: City, path: Path) -> City:
    """Deploy the city's policy; the city with the stack's outputs of it."""
    known = read_stack_organisation("lab")
    intent = compile_cloud_intent(city, ProxyFacts(ACCESS_POLICY, "tsunagu_lab", known.device_authority, known.vendor))
    store = WorldStore(path)
    try:
        for role in intent.roles:
            put(store, "gcp:cloudidentity/group:Group", f"groups/{role}", {"groupKey": {"id": known.group(role)}})
        for level in intent.access_levels:
            expression = {"expr": {"expression": level.expression}}
            put(store, LEVEL, f"accessPolicies/{ACCESS_POLICY}/accessLevels/{level.name}", {"custom": expression})
        for number, application in enumerate(intent.applications):
            _backend(store, application.id, number, guarded=application.iap)
            if application.session is not None:
                _session(store, application.id, number, application.session)
        for number, (front, names) in enumerate(intent.frontends.items(), start=1):
            _front(store, front, names, number)
        for binding in intent.bindings:
            title = f"{binding.application} {binding.role} {binding.number}"
            put(
                store,
                BINDING,
                f"{PROJECT}/{binding.application}/{title}",
                {
                    "project": PROJECT,
                    "role": deployed_access.ACCESS,
                    "webBackendService": binding.application,
                    "members": [f"group:{known.group(binding.role)}"],
                    "condition": {"title": title, "expression": binding.expression},
                },
            )
    finally:
        store.close()
    return city.replace_file(OUTPUTS, outputs(path))


def outputs(path: Path) -> StackOutputs:
    """What the stack would say of the world."""
    world = OfflineWorld.open(path)
    found: dict[str, dict[str, Any]] = {}
    for address, front in read_deployed_access(world).fronts.items():
        for host, backend in front.hosts.items():
            mine = found.setdefault(backend.application, {"host": host, "token_audience": backend.audience})
            mine["ipv6" if ":" in address else "ipv4"] = (parse_prefix(address),)
    world.close()
    placed = {name: StackApplication.model_validate(values, by_name=True) for name, values in found.items()}
    return StackOutputs(stack="lab", version=1, applications=placed)


def _backend(store: WorldStore, name: str, number: int, *, guarded: bool) -> None:
    variables = [{"name": "TSUNAGU_APPLICATION", "value": name}]
    put(
        store, "gcp:cloudrunv2/service:Service", f"services/{name}", {"template": {"containers": [{"envs": variables}]}}
    )
    group = {"cloudRun": {"service": name}}
    put(store, "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup", f"groups/{name}", group)
    values = {"iap": {"enabled": guarded}, "generatedId": 1000 + number, "backends": [{"group": f"groups/{name}"}]}
    put(store, BACKEND, f"backendServices/{name}", values)


def _session(store: WorldStore, name: str, number: int, session: ProxySession) -> None:
    asked = {"method": session.method, "maxAge": f"{session.seconds}s", "policyType": "DEFAULT"}
    service = f"projects/{find_project_number(PROJECT)}/iap_web/compute/services/{1000 + number}"
    put(store, SETTINGS, f"{service}/{name}", {"name": service, "accessSettings": {"reauthSettings": asked}})


def _front(store: WorldStore, front: str, names: tuple[str, ...], number: int) -> None:
    urls = {
        "defaultService": f"backendServices/{names[0]}",
        "hostRules": [{"hosts": [f"{name}.school.example"], "pathMatcher": name} for name in names],
        "pathMatchers": [{"name": name, "defaultService": f"backendServices/{name}"} for name in names],
    }
    put(store, "gcp:compute/uRLMap:URLMap", f"urlMaps/{front}", urls)
    proxy = {"urlMap": f"urlMaps/{front}"}
    put(store, "gcp:compute/targetHttpsProxy:TargetHttpsProxy", f"targetHttpsProxies/{front}", proxy)
    for family, address in (("ipv4", f"203.0.113.{number}"), ("ipv6", f"2001:db8:c000:{number}::")):
        rule = {"ipAddress": address, "target": f"targetHttpsProxies/{front}"}
        kind = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
        put(store, kind, f"forwardingRules/{front}-{family}", rule)
