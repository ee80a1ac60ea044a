"""What differs from the policy, device by device, as a report that can be sent to somebody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from controller.errors import TsunaguError
from controller.inputs.shown_text import escape_controls
from controller.messages import LANGUAGES, Catalogue, load_catalogue
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.build import consider_device
from controller.plan.observe import observe_device
from controller.platforms.transport.base import Transport
from controller.storage.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Drift:
    """How one device differs from the policy.

    `changes` are what a plan would change on it, in the plan's words; `saved` says if it would boot with what it runs.
    `not_judged` names ways of others that touch what is ours. `left_out` says why nothing is planned on it.
    """

    device: str
    school: str
    changes: tuple[str, ...] = ()
    saved: bool = True
    not_judged: tuple[str, ...] = ()
    left_out: str = ""

    @property
    def differs(self) -> bool:
        """Tell if the device is not as the policy wants it, running or at its next boot."""
        return not self.left_out and (bool(self.changes) or not self.saved)


def find_drift(city: City, device: Device, transport: Transport) -> Drift:
    """Read a device and compare it with the policy; nothing is changed.

    Raises:
        DeviceError: it does not answer, does not let us in, or is not the pinned one.
        TsunaguError: what it holds is not understood, or is in conflict with the policy.
    """
    one = consider_device(city, observe_device(device, transport, only_read=True))
    if one.refusal is not None:
        raise one.refusal
    ways = tuple(path.name_way() for path in one.unjudged)
    return Drift(device.id, device.school.id, one.changes, one.saved or bool(one.left_out), ways, one.left_out)


def write_drift_report(folder: Path, found: Sequence[Drift], missing: Mapping[str, str], made: datetime) -> list[Path]:
    """Write what was found as `drift.json` and, for people, as `drift.ja.md` and `drift.en.md`; return the files.

    `missing` are the devices of which nothing was found out, with the reason: they stand first.

    Raises:
        TsunaguError: it cannot be written.
    """
    document = {
        "made": made.isoformat(timespec="seconds"),
        "missing": dict(missing),
        "devices": [{**asdict(one), "differs": one.differs} for one in found],
    }
    texts = {"drift.json": json.dumps(document, indent=1, ensure_ascii=False) + "\n"}
    for language in LANGUAGES:
        texts[f"drift.{language}.md"] = "\n".join(_describe(load_catalogue(language), found, missing, made)) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_whole(text.encode(), folder / name)
    except OSError as error:
        message = f"the report cannot be written: {folder}: {error.strerror or error}"
        raise TsunaguError(message) from None
    return [folder / name for name in texts]


def _describe(words: Catalogue, found: Sequence[Drift], missing: Mapping[str, str], made: datetime) -> Iterator[str]:
    differing = [one for one in found if one.differs]
    yield f"# {words.say('playbooks.drift-title', made=made.isoformat(sep=' ', timespec='minutes'))}"
    yield ""
    same = len(found) - len(differing)
    yield words.say("playbooks.drift-summary", differing=len(differing), same=same, missing=len(missing))
    yield from _list_part(words["playbooks.drift-missing"], _list_missing(missing))
    for one in differing:
        yield from _list_part(f"{one.device} ({one.school})", _list_changes(words, one))
    unjudged = [f"- {one.device}: {escape_controls(way)}" for one in found for way in one.not_judged]
    yield from _list_part(words["playbooks.drift-not-judged"], unjudged)
    left_out = [f"- {one.device}: {words.translate('proofs', one.left_out)}" for one in found if one.left_out]
    yield from _list_part(words["playbooks.drift-left-out"], left_out)


def _list_part(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"## {title}", "", *lines)


def _list_missing(missing: Mapping[str, str]) -> list[str]:
    return [f"- {device}: {escape_controls(reason)}" for device, reason in sorted(missing.items())]


def _list_changes(words: Catalogue, one: Drift) -> list[str]:
    # An indented block: whatever a device calls its objects, it is no Markdown.
    shown = [f"    {escape_controls(change)}" for change in one.changes]
    return shown if one.saved else [*shown, *([""] if shown else []), words["playbooks.drift-not-saved"]]
