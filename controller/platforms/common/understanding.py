"""Understanding the text of a device, so that whatever is told of it afterwards holds no secret of it.

A platform parses the raw text: what a line means may hang on a value that must not be shown. What comes out is told
with the redacted lines only. A refusal quotes lines, too, in words of the platform's own; so it is made again from the
redacted text, and where the platform would not refuse that one it says the place and the redacted line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from controller.errors import ConfigRefused, Origin, Problem, TsunaguError
from controller.platforms.base import ConfigLine, Observation, Peer, Platform
from controller.platforms.device_text.device_text import DeviceText, cut_text

T = TypeVar("T")
_HIDDEN = "what stands there is not as ours is written; values that can be a secret are not shown"


def understand(system: Platform, text: DeviceText, source: str) -> Observation:
    """Return what a device's configuration means; `source` names it in errors.

    Raises:
        ConfigRefused: the platform refuses it; the message quotes redacted lines only.
    """
    try:
        return _understand(system, text, source)
    except TsunaguError:
        raise
    except Exception as error:  # noqa: BLE001 a text that nobody thought of must not end the run for all other devices
        raise _tell_fault(source, error) from None


def _understand(system: Platform, text: DeviceText, source: str) -> Observation:
    try:
        seen = system.parse(text.reveal(), source)
    except ConfigRefused as refused:
        raise _conceal_refusal(system, text, source, refused) from None
    shown, touched = text.redact(_list_understood(text, seen))
    return _show(seen, shown.split("\n"), _conceal_remarks(system, shown, source, seen) if touched else seen.remarks)


def redact_configuration(system: Platform, text: DeviceText, source: str) -> tuple[str, int]:
    """Return a configuration as it may be kept, and the number of lines that something was taken out of.

    Raises:
        ConfigRefused: the platform refuses it.
    """
    understood = _list_understood(text, understand(system, text, source))
    try:
        return text.redact(understood)
    except Exception as error:  # noqa: BLE001 as above
        raise _tell_fault(source, error) from None


def read_unmanaged(text: DeviceText, source: str, reader: Callable[[str], T]) -> T:
    """Return what a reader of unmanaged objects finds in a device's text; an adoption reads more than a platform does.

    Raises:
        TsunaguError: the reader refuses it, or had an error of its own; of that only the kind is told.
    """
    try:
        return reader(text.reveal())
    except TsunaguError:
        raise
    except Exception as error:  # noqa: BLE001 as above
        raise _tell_fault(source, error) from None


def _tell_fault(source: str, error: Exception) -> ConfigRefused:
    """Refuse a text that an error of our own came of. Its words may quote a secret, so only its kind is told."""
    message = f"it led to an error of this program ({error.__class__.__name__}); please report it"
    return ConfigRefused(f"{source}: its text cannot be read:", [Problem(Origin(source, 1), "", message)])


def _list_understood(text: DeviceText, seen: Observation) -> frozenset[int]:
    """Return the lines whose every word the platform knows; where it does not say which, all that are not of others."""
    if seen.understood is not None:
        return seen.understood
    foreign = {line.number for line in seen.unmanaged}
    return frozenset(number for number in range(1, text.reveal().count("\n") + 2) if number not in foreign)


def _conceal_refusal(system: Platform, text: DeviceText, source: str, refused: ConfigRefused) -> ConfigRefused:
    shown = "\n".join(cut_text(line) for line in str(text).split("\n"))
    lines = shown.split("\n")
    again: dict[tuple[int, str], list[Problem]] = {}
    try:
        system.parse(shown, source)
    except ConfigRefused as concealed:
        for problem in concealed.problems:
            again.setdefault((problem.origin.line, problem.field), []).append(problem)
    problems: list[Problem] = []
    for problem in refused.problems:
        number = problem.origin.line
        same = again.get((number, problem.field))
        line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        problems += same or [Problem(problem.origin, problem.field, f"{line!r} is refused: {_HIDDEN}")]
    return ConfigRefused(str(refused).partition("\n")[0], problems)


def _conceal_remarks(system: Platform, shown: str, source: str, seen: Observation) -> tuple[ConfigLine, ...]:
    if not seen.remarks:
        return ()
    try:
        again = system.parse(shown, source).remarks
    except ConfigRefused:
        again = ()
    told = {line.number: line for line in again}
    return tuple(told.get(line.number, ConfigLine(line.number, _HIDDEN)) for line in seen.remarks)


def _show(seen: Observation, lines: Sequence[str], remarks: tuple[ConfigLine, ...]) -> Observation:
    def shown(line: ConfigLine) -> ConfigLine:
        return ConfigLine(line.number, cut_text(lines[line.number - 1].rstrip()) if line.number <= len(lines) else "")

    def shown_peer(peer: Peer) -> Peer:
        return replace(
            peer,
            line=shown(peer.line),
            policies={way: shown(line) for way, line in peer.policies.items()},
            default=peer.default and shown(peer.default),
            group=peer.group and shown(peer.group),
            shut=peer.shut and shown(peer.shut),
        )

    return replace(
        seen,
        unmanaged=tuple(map(shown, seen.unmanaged)),
        remarks=remarks,
        conflicting={place: shown(line) for place, line in seen.conflicting.items()},
        peers=tuple(map(shown_peer, seen.peers)),
        vlan_client=seen.vlan_client and shown(seen.vlan_client),
        paths=tuple(replace(one, text=shown(ConfigLine(one.line, "")).text.strip()) for one in seen.paths),
    )
