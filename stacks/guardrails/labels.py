"""Every resource that can says whose it is, and how important what it holds is (guideline 3.1, 4.3).

Where the labels stand is in the table of types. A group's labels are Google's own words, and not meant.
"""

from __future__ import annotations

from collections.abc import Mapping

from stacks.guardrails.guardrail import UNKNOWN, CheckedResource, Guardrail, Violations, say
from stacks.guardrails.resource_types import find_known_type

WANTED = ("managed-by", "city", "environment", "part", "importance")
CLASSES = ("i", "ii", "iii", "iv")


def require_labels(resource: CheckedResource) -> Violations:
    """Find missing labels, and a class that is not one of the guideline's."""
    known = find_known_type(resource.kind)
    path = known.labels if known is not None else ""
    labels = resource.get_input(path) if path else UNKNOWN
    if labels is UNKNOWN:
        return
    given = labels if isinstance(labels, Mapping) else {}
    missing = [name for name in WANTED if name not in given]
    if missing:
        yield say("labels-missing", missing=", ".join(missing), path=path)
    importance = given.get("importance", CLASSES[0])
    if importance is not UNKNOWN and importance not in CLASSES:
        yield say("label-class", importance=importance, classes=", ".join(CLASSES))


LABELS = Guardrail("labels", "3.1, 4.3", require_labels)
