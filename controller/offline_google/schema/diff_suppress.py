"""Equal spellings: what the real provider takes for no change (its named diff-suppress functions)."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from controller.offline_google.schema.facts import PropertyFacts
from controller.offline_google.schema.pulumi_values import Value

_PREFIX = re.compile(r"^https?://[^/]+/(compute/)?(v1|beta|alpha)?/?")


def strip_self_link(link: str) -> str:
    """A self link without its scheme, host and version: `projects/p/global/networks/n`."""
    found = link.find("projects/")
    return link[found:] if "://" in link and found >= 0 else _PREFIX.sub("", link)


def take_link_name(link: str) -> str:
    """The bare name at the end of a link."""
    return link.rstrip("/").rpartition("/")[2]


def is_same_value(facts: Mapping[str, Any], old: Value, new: Value) -> bool:
    """Two values of a property mean the same."""
    if old == new:
        return True
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return "set" not in facts and all(
            is_same_value(facts, left, right) for left, right in zip(old, new, strict=True)
        )
    judge = SUPPRESSED.get(str(facts.get("diffSuppress")))
    if judge is None:
        return False
    texts = ("" if old is None else old, "" if new is None else new)
    return all(isinstance(text, str) for text in texts) and judge(*texts)


def format_set_item(found: PropertyFacts, item: Value) -> str:
    """A set's item as a text in which equal spellings are equal, also inside a block."""
    return json.dumps(_normal(found, item), sort_keys=True, default=str)


def _normal(found: PropertyFacts, item: Value) -> Value:
    if isinstance(item, dict):
        return {
            name: _normal(found.children[name], value) if name in found.children else value
            for name, value in item.items()
        }
    if isinstance(item, list):
        items = [_normal(found, value) for value in item]
        return sorted(items, key=str) if found.facts.get("set") else items
    rule = str(found.facts.get("diffSuppress"))
    if isinstance(item, str) and "Case" in rule:
        return item.lower()
    return strip_self_link(item) if isinstance(item, str) and rule in _LINKS else item


def _link_or_name(old: str, new: str) -> bool:
    if not old or not new:
        return False
    if "/" in old and "/" in new:
        return strip_self_link(old) == strip_self_link(new)
    return take_link_name(old) == take_link_name(new)


def _member(old: str, new: str) -> bool:
    """The kind and the address ignore case; what stands between slashes (principal sets) does not."""
    return "/" not in old and old.lower() == new.lower()


def _address(old: str, new: str) -> bool:
    try:
        return ipaddress.ip_interface(old) == ipaddress.ip_interface(new)
    except ValueError:
        return _link_or_name(old, new)


def _internal_address(old: str, new: str) -> bool:
    """Without an address asked for, the one that was allocated stays; links to the same address are equal."""
    return new == "" or _address(old, new)


def _empty_or(*defaults: str) -> Callable[[str, str], bool]:
    return lambda old, new: (new == "" and old in defaults) or (old == "" and new in defaults)


def _span(text: str) -> str:
    return text if "-" in text else f"{text}-{text}"


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _project(text: str) -> str:
    return text.removeprefix("projects/")


def _parsed(old: str, new: str) -> bool:
    try:
        return bool(json.loads(old) == json.loads(new))
    except ValueError:
        return False


_LINKS = frozenset({"CompareSelfLinkOrResourceName", "CompareSelfLinkRelativePaths", "CompareSelfLinkCanonicalPaths"})

SUPPRESSED: Mapping[str, Callable[[str, str], bool]] = {
    "AbsoluteDomainSuppress": lambda old, new: old.rstrip(".") == new.rstrip("."),
    "CaseDiffSuppress": lambda old, new: old.lower() == new.lower(),
    "CompareIpAddressOrSelfLinkOrResourceName": _address,
    "CompareProjectName": lambda old, new: _project(old) == _project(new),
    "CompareResourceNames": lambda old, new: bool(old and new) and take_link_name(old) == take_link_name(new),
    "CompareSelfLinkCanonicalPaths": lambda old, new: strip_self_link(old) == strip_self_link(new),
    "CompareSelfLinkOrResourceName": _link_or_name,
    "CompareSelfLinkRelativePaths": lambda old, new: strip_self_link(old) == strip_self_link(new),
    "CompareSelfLinkRelativePathsIgnoreProjectId": lambda old, new: strip_self_link(old) == strip_self_link(new),
    "EmptyOrDefaultStringSuppress": _empty_or("EXTERNAL", "IPV4", "BUILT_IN", "180s"),
    "InternalIpDiffSuppress": _internal_address,
    "IpDiffSuppress": _address,
    "LastSlashDiffSuppress": lambda old, new: old.removesuffix("/") == new.removesuffix("/"),
    "OptionalSurroundingSpacesSuppress": lambda old, new: old.strip() == new.strip(),
    "PortRangeDiffSuppress": lambda old, new: _span(old) == _span(new),
    "ProjectNumberDiffSuppress": lambda old, new: strip_self_link(old) == strip_self_link(new),
    "StorageBucketDiffSuppress": lambda old, new: old.removeprefix("b/") == new.removeprefix("b/"),
    "caseDiffDashSuppress": lambda old, new: old.lower().replace("-", "_") == new.lower().replace("-", "_"),
    "compareOptionalSubnet": lambda old, new: new == "" or _link_or_name(old, new),
    "crossSeriesReducerDiffSuppress": _empty_or("REDUCE_NONE"),
    "databaseVersionDiffSuppress": lambda old, new: old.lower() == new.lower(),
    "diffSuppressIamUserName": lambda old, new: old == new.removesuffix(".gserviceaccount.com"),
    "iamMemberCaseDiffSuppress": _member,
    "jsonPolicyDiffSuppress": _parsed,
    "kmsCryptoKeyRingsEquivalent": lambda old, new: strip_self_link(old) == strip_self_link(new),
    "maintenanceVersionDiffSuppress": lambda old, new: bool(old) and (new == "" or new <= old),
    "monitoringDashboardDiffSuppress": _parsed,
    "rrdatasDnsDiffSuppress": lambda old, new: _spaced(old) == _spaced(new),
}
"""By the name that the facts give. A name that is not here hides nothing: a change too many is seen, none too few."""
