"""What Cloud DNS refuses because of the zone, and of what else is in it.

Sources: "Records overview" (a record lies in its zone; a CNAME stands alone, and not at the zone's own name), "Zones
overview" (two private zones of one name cannot be seen by one network).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.offline_google.schema.diff_suppress import take_link_name
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, refuse_value
from controller.offline_google.world.world_store import WorldStore

Values = Mapping[str, Value]
ZONE = "gcp:dns/managedZone:ManagedZone"
RECORD = "gcp:dns/recordSet:RecordSet"


def check_record_place(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a record outside its zone, and a CNAME that does not stand alone.

    Raises:
        GoogleRefusal: Cloud DNS would not take it.
    """
    name, kind, zone = str(values.get("name")).lower(), values.get("type"), str(values.get("managedZone"))
    found = next((one for one in store.all(ZONE) if one.name == take_link_name(zone)), None)
    if found is not None:
        apex = str(found.outputs.get("dnsName")).lower()
        if name != apex and not name.endswith(f".{apex}"):
            refuse_value("entity.change.additions[0].name", f"'{name}'. It is not in the zone {apex}")
        if kind == "CNAME" and name == apex:
            message = f"The CNAME record '{name}' cannot stand at the name of its zone"
            raise GoogleRefusal(400, message, "cnameResourceRecordSetConflict")
    for other in store.all(RECORD):
        same = take_link_name(str(other.outputs.get("managedZone"))) == take_link_name(zone)
        if other.id == identity or not same or str(other.outputs.get("name")).lower() != name:
            continue
        theirs = other.outputs.get("type")
        if "CNAME" in {kind, theirs}:
            message = f"The record '{name}' of the type {kind} conflicts with one of {theirs}: a CNAME stands alone"
            raise GoogleRefusal(409, message, "cnameResourceRecordSetConflict")


def check_private_zone(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a private zone that a network sees already under the same name.

    Raises:
        GoogleRefusal: it does.
    """
    if values.get("visibility") != "private":
        return
    mine = set(_list_networks(values))
    for other in store.all(ZONE):
        if other.id == identity or other.outputs.get("dnsName") != values.get("dnsName"):
            continue
        shared = sorted(mine & set(_list_networks(other.outputs)))
        if shared:
            message = f"The network {shared[0]} sees the zone '{other.name}' of {values.get('dnsName')} already"
            raise GoogleRefusal(409, message, "alreadyExists")


def _list_networks(values: Values) -> Iterator[str]:
    networks = (values.get("privateVisibilityConfig") or {}).get("networks") or ()
    yield from (take_link_name(str(one.get("networkUrl"))) for one in networks)
