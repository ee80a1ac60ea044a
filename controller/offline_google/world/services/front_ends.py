"""What the load balancer and the proxy refuse because of what stands behind them, and Cloud Run of its subnet.

Sources: "Forwarding rules overview" (a rule's scheme is that of the backends behind it, an external one has an
external address), the reference of `IapSettings` (a name leads to a backend service that is there), "Direct VPC
egress with a VPC network" (a subnet of /26 or larger).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.offline_google.schema.diff_suppress import strip_self_link
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import refuse_value
from controller.offline_google.world.world_store import StoredResource, WorldStore

Values = Mapping[str, Value]
ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
PROXY = "gcp:compute/targetHttpsProxy:TargetHttpsProxy"
URL_MAP = "gcp:compute/uRLMap:URLMap"
BACKEND = "gcp:compute/backendService:BackendService"
SUBNETWORK = "gcp:compute/subnetwork:Subnetwork"
_OF_A_BACKEND = re.compile(r"projects/[^/]+/iap_web/compute/services/([^/]+)")
_SMALLEST_SUBNET = 26


def check_front_end(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a rule whose address, or whose backends, are of another kind than it.

    Raises:
        GoogleRefusal: they are.
    """
    del identity
    scheme = str(values.get("loadBalancingScheme") or "EXTERNAL")
    asked = str(values.get("ipAddress") or "")
    for one in store.all(ADDRESS):
        mine = asked in {one.outputs.get("address"), one.name} or strip_self_link(asked) == one.id
        if mine and scheme.startswith("EXTERNAL") and one.outputs.get("addressType") == "INTERNAL":
            refuse_value("resource.IPAddress", f"'{asked}'. It is an internal address; the rule's scheme is {scheme}")
    for backend in _list_backends(store, values):
        theirs = backend.outputs.get("loadBalancingScheme")
        if theirs and theirs != scheme:
            refuse_value("resource.target", f"the scheme is {scheme}, and that of '{backend.name}' is {theirs}")


def check_proxy_target(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse settings of the proxy for a backend service that is not there.

    Raises:
        GoogleRefusal: it is not.
    """
    del identity
    found = _OF_A_BACKEND.fullmatch(str(values.get("name")))
    if found is None:
        return
    names = {str(one.outputs.get(name)) for one in store.all(BACKEND) for name in ("generatedId", "name")}
    if found[1] not in names:
        refuse_value("name", f"'{values.get('name')}'. There is no backend service {found[1]}")


def check_run_subnet(store: WorldStore, template: Values) -> None:
    """Refuse containers in a subnet that is too small for their addresses.

    Raises:
        GoogleRefusal: it is.
    """
    for place, block in enumerate((template.get("vpcAccess") or {}).get("networkInterfaces") or ()):
        found = _find_named(store, SUBNETWORK, block.get("subnetwork"))
        prefix = int(str(found.outputs.get("ipCidrRange") or "/0").rpartition("/")[2]) if found else 0
        if prefix > _SMALLEST_SUBNET:
            where = f"template.vpcAccess.networkInterfaces[{place}].subnetwork"
            refuse_value(where, f"it is a /{prefix}; Direct VPC egress needs a /{_SMALLEST_SUBNET} or larger")


def _list_backends(store: WorldStore, values: Values) -> Iterator[StoredResource]:
    """The backend services behind a rule's proxy, as far as they are there."""
    proxy = _find_named(store, PROXY, values.get("target"))
    urls = None if proxy is None else _find_named(store, URL_MAP, proxy.outputs.get("urlMap"))
    if urls is None:
        return
    wanted = [urls.outputs, *(one for one in urls.outputs.get("pathMatchers") or () if isinstance(one, Mapping))]
    for one in wanted:
        backend = _find_named(store, BACKEND, one.get("defaultService"))
        if backend is not None:
            yield backend


def _find_named(store: WorldStore, token: str, name: Value) -> StoredResource | None:
    """A resource by its link, its id, or its bare name."""
    wanted = strip_self_link(str(name))
    return next((one for one in store.all(token) if wanted in {one.id, one.name}), None)
