"""The safe change of IOS: the revert timer, the scheduled reload, and the replacement of the whole configuration.

A replacement is no atomic change: it computes the commands that lead from the running to the wanted configuration and
enters them, in up to five passes (Cisco, "Configuration Replace and Configuration Rollback"; napalm, issue 135).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.lab.virtual_switches.catalyst.configuration.editor import Editor, is_refusal
from controller.lab.virtual_switches.catalyst.words import expand_vlan_list

if TYPE_CHECKING:
    from controller.lab.virtual_switches.catalyst.device import CatalystSwitch

_PASSES = 5
_LIST_STARTS = ("ip access-list ", "ipv6 access-list ")
NOT_VALID = "%The input file is not a valid config file."


@dataclass(frozen=True, slots=True)
class PendingRevert:
    """A change that must be confirmed: the file that it goes back to, and until when."""

    file: str
    due: float
    minutes: int
    user: str
    since: float


@dataclass(frozen=True, slots=True)
class Reload:
    """A reload that is scheduled."""

    due: float
    user: str
    reason: str = ""


Blocks = dict[str, list[str]]


def _split(lines: list[str]) -> Blocks:
    """Return the lines under each line at the margin; VLANs one by one, a banner with all its text."""
    blocks: Blocks = {}
    header = ""
    banner = ""
    for line in lines:
        if banner:
            blocks[header].append(line)
            banner = "" if line.endswith(banner) else banner
        elif not line.strip() or line.lstrip().startswith("!") or line == "end" or line.startswith("version "):
            continue
        elif line.startswith(" "):
            blocks.setdefault(header, []).append(line.strip())
        else:
            header = line.strip()
            vlans = expand_vlan_list(header.removeprefix("vlan ")) if header.startswith("vlan ") else None
            for number in vlans or ():
                blocks.setdefault(f"vlan {number}", [])
            if vlans is None or len(vlans) == 1:
                blocks.setdefault(header, [])
            banner = "^C" if header.startswith("banner ") and header.count("^C") == 1 else ""
    return blocks


def _negate(line: str) -> str:
    return line.removeprefix("no ") if line.startswith("no ") else f"no {line}"


def _list_commands(now: Blocks, wanted: Blocks) -> Iterator[str]:
    """Return the commands of a pass: what is not wanted is taken away, then what is missing is added."""
    for header, lines in now.items():
        yield from _list_removals(header, lines, wanted.get(header))
    for header, lines in wanted.items():
        known = now.get(header)
        if known == lines:
            continue
        whole = known is None or header.startswith((*_LIST_STARTS, "banner "))
        yield header
        yield from lines if whole else (line for line in lines if line not in (known or ()))


def _list_removals(header: str, lines: list[str], wanted: list[str] | None) -> Iterator[str]:
    if header.startswith((*_LIST_STARTS, "banner ")):
        # Their lines have an order: they are entered anew.
        if wanted != lines:
            yield _negate(header) if header.startswith(_LIST_STARTS) else f"no {' '.join(header.split()[:2])}"
    elif wanted is None:
        yield from [_negate(header)] * (not header.startswith("line "))
    elif set(lines) - set(wanted):
        yield header
        yield from (_negate(line) for line in lines if line not in wanted)


def replace_configuration(device: CatalystSwitch, text: str) -> list[str]:
    """Replace the running configuration, and return what the device says."""
    target = text.splitlines()
    if not target or "end" not in (line.strip() for line in target):
        return [NOT_VALID]
    wanted = _split(target)
    failed: list[str] = []
    passes = 0
    while passes < _PASSES and _count(now := _split(device.list_running())) != _count(wanted):
        failed = _enter_pass(device, list(_list_commands(now, wanted)))
        passes += 1
    device.touch("rollback")
    if _count(_split(device.list_running())) == _count(wanted):
        return ["", f"Total number of passes: {max(1, passes)}", "Rollback Done", ""]
    said = [
        "",
        f"Rollback aborted after {_PASSES} passes",
        "The following commands are failed to apply to the IOS image.",
    ]
    return [*said, "********", *failed, "********", ""]


def _count(blocks: Blocks) -> Counter[tuple[str, tuple[str, ...]]]:
    ordered = (*_LIST_STARTS, "banner ")
    return Counter(
        (header, tuple(lines if header.startswith(ordered) else sorted(lines)))
        for header, lines in blocks.items()
        if header != "vlan 1"
    )


def _enter_pass(device: CatalystSwitch, lines: list[str]) -> list[str]:
    editor: Editor = device.open_editor("rollback", whole=True)
    failed = []
    for line in lines:
        rejected = device.rejected_in_replace
        if rejected and line.startswith(rejected):
            failed.append(line)
            continue
        said = editor.enter(line)
        if editor.confirmation is not None:
            editor.confirmation.then()
            editor.confirmation = None
        if is_refusal(said):
            failed.append(line)
        device.note_change()
    editor.end()
    device.note_change()
    return failed
