"""Changes that replace a resource only under a condition, and some that the provider drops: rules of single types.

The facts name them in words (`conditionalReplace`); a test holds that each has its rule here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from controller.offline_google.schema.instance_roles import INSTANCE, follows_switchover
from controller.offline_google.schema.plan_rules import find_value
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value

Values = Mapping[str, Value]
DISK = "settings.diskSize"


def replaces_resource(token: str, path: str, old: Values, new: Values) -> bool | None:
    """Whether a change at this path replaces; None where no rule of the type speaks."""
    rule = RULES.get((token, path))
    return None if rule is None else rule(old, new)


def is_change_dropped(token: str, path: str, old: Values, new: Values) -> bool:
    """Whether the provider leaves a change at this path out of its plan: what is there stays, and nobody is told.

    >>> old, new = {"settings": {"diskSize": 500}}, {"settings": {"diskSize": 100}}
    >>> is_change_dropped(INSTANCE, "settings.diskSize", old, new)
    True
    """
    return (token, path) == (INSTANCE, DISK) and _disk_gets_smaller(old, new) and not _disk_shrinks(old, new)


def keep_disk(old: Values, new: dict[str, Value]) -> dict[str, Value]:
    """Return the values of an instance with the disk that it has, where a smaller one is asked for and dropped."""
    settings = new.get("settings")
    if not isinstance(settings, Mapping) or not is_change_dropped(INSTANCE, DISK, old, new):
        return new
    return {**new, "settings": {**settings, "diskSize": find_value(old, DISK)}}


def _shrinks(old: Values, new: Values) -> bool:
    """A network's range that does not hold the whole old one."""
    before, after = old.get("ipCidrRange"), new.get("ipCidrRange")
    if not isinstance(before, str) or not isinstance(after, str):
        return after is UNKNOWN
    was, becomes = ipaddress.ip_network(before), ipaddress.ip_network(after)
    return not (was.version == becomes.version and was.subnet_of(becomes))  # type: ignore[arg-type]


def _disk_shrinks(old: Values, new: Values) -> bool:
    """With automatic growth (also when unset) a smaller disk is dropped from the plan; otherwise it replaces."""
    return _disk_gets_smaller(old, new) and find_value(new, "settings.diskAutoresize") is False


def _disk_gets_smaller(old: Values, new: Values) -> bool:
    before, after = find_value(old, DISK), find_value(new, DISK)
    return isinstance(before, int | float) and isinstance(after, int | float) and after < before


def _new_master(old: Values, new: Values) -> bool:
    return not follows_switchover(old, new)


def _loses_private_network(old: Values, new: Values) -> bool:
    path = "settings.ipConfiguration.privateNetwork"
    return bool(find_value(old, path)) and not find_value(new, path)


def _auto_upgrade_off(old: Values, new: Values) -> bool:
    path = "settings.autoUpgradeEnabled"
    return find_value(old, path) is True and find_value(new, path) is not True


def _internal_global_access(_old: Values, new: Values) -> bool:
    return new.get("loadBalancingScheme") == "INTERNAL_MANAGED"


def _service_attachments(old: Values, new: Values) -> bool:
    return all("/serviceAttachments/" in str(values.get("target")) for values in (old, new))


def _closed_connection(old: Values, new: Values) -> bool:
    closed = old.get("pscConnectionStatus") == "CLOSED" and new.get("recreateClosedPsc") is True
    return closed and "/serviceAttachments/" in str(new.get("target"))


def _automatic_replication(old: Values, new: Values) -> bool:
    before, after = find_value(old, "replication.auto"), find_value(new, "replication.auto")
    return (before is None) != (after is None)


def _unlocked(old: Values, new: Values) -> bool:
    path = "retentionPolicy.isLocked"
    return find_value(old, path) is True and find_value(new, path) is not True


_FORWARDING = "gcp:compute/forwardingRule:ForwardingRule"
RULES: Mapping[tuple[str, str], Callable[[Values, Values], bool]] = {
    ("gcp:compute/subnetwork:Subnetwork", "ipCidrRange"): _shrinks,
    (_FORWARDING, "allowGlobalAccess"): _internal_global_access,
    (_FORWARDING, "pscConnectionStatus"): _closed_connection,
    (_FORWARDING, "target"): _service_attachments,
    ("gcp:secretmanager/secret:Secret", "replication.auto"): _automatic_replication,
    (INSTANCE, DISK): _disk_shrinks,
    (INSTANCE, "masterInstanceName"): _new_master,
    (INSTANCE, "replicaConfiguration.cascadableReplica"): _new_master,
    (INSTANCE, "settings.ipConfiguration.privateNetwork"): _loses_private_network,
    (INSTANCE, "settings.autoUpgradeEnabled"): _auto_upgrade_off,
    ("gcp:storage/bucket:Bucket", "retentionPolicy.isLocked"): _unlocked,
}
