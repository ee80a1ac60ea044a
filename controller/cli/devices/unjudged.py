"""Says what a proof or a plan could not judge: ways of others, and devices of which no configuration was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controller.cli.conventions.json_documents import MissingDocument, UnjudgedDocument
from controller.cli.output import get_words, print_line, print_message
from controller.model.sites.devices import Device
from controller.plan.observe import Observed
from controller.plan.saved_configurations import NoConfiguration
from controller.prove.reachability.unmanaged_paths import UnjudgedPath

_UNSEEN = {
    "core": "the filters, and so paths, isolation and management of the school",
    "floor": "VLANs and ports, and ways past the filters",
    "router": "routes, and the order of the lines",
    "access-point": "wireless networks",
}
_SHOWN = 8
"""Schools that are listed by name."""


def say_unjudged(found: Iterable[UnjudgedPath]) -> None:
    """Name each way of others that the proof does not follow."""
    for one in found:
        print_line(f"! {get_words().translate('proofs', one.describe())}", "magenta")


def list_missing(found: Iterable[Observed]) -> list[Device]:
    """Return the devices of which no saved configuration was given, but those of schools that are only observed."""
    missing = [one.device for one in found if isinstance(one.refusal, NoConfiguration)]
    return [device for device in missing if device.school.adoption != "observe"]


def say_missing(found: Sequence[Observed]) -> None:
    """Say which devices were not given and what of them cannot be judged: a school and role in one line.

    Schools of which nothing was given are said together.
    """
    given = {one.device.school.id for one in found if one.observation is not None}
    groups: dict[tuple[str, str], list[str]] = {}
    unseen: dict[str, None] = {}
    for device in list_missing(found):
        if device.school.id in given:
            groups.setdefault((device.school.id, device.role), []).append(device.id)
        else:
            unseen[device.school.id] = None
    for (_, role), names in groups.items():
        what = get_words().translate("proofs", _UNSEEN.get(role, "what they hold"))
        print_message("plan.missing", "magenta", devices=", ".join(names), what=what)
    if unseen:
        shown = ", ".join(list(unseen)[:_SHOWN]) + (", ..." if len(unseen) > _SHOWN else "")
        print_message("plan.missing-schools", "magenta", count=len(unseen), schools=shown)


def build_unjudged_document(one: UnjudgedPath) -> UnjudgedDocument:
    """Return a way of others as programs read it."""
    return {
        "device": one.device,
        "line": one.path.line,
        "kind": one.path.kind.value,
        "object": one.path.holder or None,
        "text": one.path.text,
        "segments": list(one.segments),
        "more": list(one.others),
        "needs": one.needs,
    }


def describe_missing(devices: Iterable[Device]) -> list[MissingDocument]:
    """Return devices without a configuration as programs read them."""
    return [{"device": one.id, "unseen": _UNSEEN.get(one.role, "what it holds")} for one in devices]


def say_encodings(found: Iterable[Observed]) -> None:
    """Say which saved texts were written in something else than UTF-8."""
    for one in found:
        if one.encoding:
            print_message("plan.encoding", file=one.source, encoding=one.encoding)
