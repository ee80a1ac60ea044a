"""What others had on a dead device: the lines of its backup that are not ours, and which of them a new device lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from controller.errors import RestoreRefused
from controller.platforms.base import Command, ConfigLine, Platform
from controller.platforms.common.understanding import read_unmanaged, redact_configuration, understand
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.device_text.redaction import REDACTED
from controller.platforms.dialect.blocks import Block, Layout, read_blocks
from controller.platforms.dialect.platform import SwitchPlatform
from controller.platforms.dialect.steps import in_configuration_mode

_NO_COMMANDS = ("version ", "boot-start-marker", "boot-end-marker", "end", "ntp clock-period ", "hostname ")
"""What a running configuration shows and nobody types here; the hostname is compared before anything is typed."""


@dataclass(frozen=True, slots=True)
class UnmanagedLine:
    """A line of others in a backup: where it stands, its words, and the words of the line at the margin above it.

    `block_is_ours` says that the line above is one of ours, which a plan makes; `header` is the number of that line,
    and `is_nested` says that a line stands deeper in its block than the block's first one.
    """

    line: ConfigLine
    block: str
    block_is_ours: bool
    header: int = 0
    is_nested: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What makes the line the same one on another device."""
        return self.block, " ".join(self.line.text.split())


def list_unmanaged_lines(system: Platform, text: DeviceText, source: str) -> tuple[UnmanagedLine, ...]:
    """Return the lines of others that a backup holds, in their order.

    Raises:
        ConfigRefused: the platform refuses the text.
    """
    foreign = {line.number: line for line in understand(system, text, source).unmanaged}
    found: list[UnmanagedLine] = []
    for block in _read_text(system, text):
        header = " ".join(block.header.text.split())
        ours = block.header.number not in foreign
        if not ours and not _is_no_command(header):
            found.append(UnmanagedLine(block.header, "", block_is_ours=False))
        margin = _measure_margin(block.children[0]) if block.children else 0
        found += [
            UnmanagedLine(one, header, ours, block.header.number, is_nested=_measure_margin(one) > margin)
            for one in block.children
            if one.number in foreign
        ]
    return tuple(found)


def _measure_margin(line: ConfigLine) -> int:
    return len(line.text) - len(line.text.lstrip())


def leave_lines_out(
    lines: Sequence[UnmanagedLine], left_out: Collection[str]
) -> tuple[tuple[UnmanagedLine, ...], tuple[UnmanagedLine, ...]]:
    """Return the lines that are put back, and those that are not: by their words, with what stands under them."""
    words = {" ".join(one.split()) for one in left_out}
    kept: list[UnmanagedLine] = []
    dropped: list[UnmanagedLine] = []
    headers: set[int] = set()
    for one in lines:
        if " ".join(one.line.text.split()) in words:
            dropped.append(one)
            if not one.block:
                headers.add(one.line.number)
        elif one.header in headers:
            dropped.append(one)
        else:
            kept.append(one)
    return tuple(kept), tuple(dropped)


def find_missing_lines(
    system: Platform, lines: Sequence[UnmanagedLine], now: DeviceText, filled: Mapping[int, str]
) -> tuple[UnmanagedLine, ...]:
    """Return the lines that a device lacks. A line with a secret counts as there only with that very secret.

    Where lines stand deeper in a block, each means something only below the one before it: of such a block all are
    typed, or none.
    """
    missing = _find_missing(lines, _count_keys(system, now), filled)
    numbers = {one.line.number for one in missing}
    nested = {one.header for one in lines if one.is_nested}
    again = {one.header for one in missing} & nested
    return tuple(one for one in lines if one.line.number in numbers or one.header in again)


def find_lost_lines(
    system: Platform, lines: Sequence[UnmanagedLine], now: DeviceText, source: str, filled: Mapping[int, str]
) -> tuple[UnmanagedLine, ...]:
    """Return the lines that a device does not show after they were typed; one that stands twice must be there twice.

    A device may show a secret in another form than it was typed in (a hash): of such a line all but the secret counts.

    Raises:
        ConfigRefused: the platform refuses the text.
    """
    lost = _find_missing(lines, _count_keys(system, now), filled)
    shown = _count_keys(system, DeviceText(redact_configuration(system, now, source)[0], source))
    for one in lines:
        if one not in lost:
            shown[one.key] -= 1
    return _find_missing(lost, shown, {})


def _find_missing(
    lines: Sequence[UnmanagedLine], held: Mapping[tuple[str, str], int], filled: Mapping[int, str]
) -> tuple[UnmanagedLine, ...]:
    left = Counter(held)
    missing: list[UnmanagedLine] = []
    for one in lines:
        key = _fill_key(one, filled)
        if left[key] > 0:
            left[key] -= 1
        else:
            missing.append(one)
    return tuple(missing)


def _fill_key(one: UnmanagedLine, filled: Mapping[int, str]) -> tuple[str, str]:
    return _fill_block(one, filled), " ".join(filled.get(one.line.number, one.line.text).split())


def _fill_block(one: UnmanagedLine, filled: Mapping[int, str]) -> str:
    return " ".join(filled.get(one.header, one.block).split())


def _count_keys(system: Platform, text: DeviceText) -> Counter[tuple[str, str]]:
    return Counter(key for key, _ in _list_keys(system, text))


def _list_keys(system: Platform, text: DeviceText) -> Iterator[tuple[tuple[str, str], ConfigLine]]:
    for block in _read_text(system, text):
        header = " ".join(block.header.text.split())
        yield ("", header), block.header
        for one in block.children:
            yield (header, " ".join(one.text.split())), one


def _read_text(system: Platform, text: DeviceText) -> list[Block]:
    layout = system.grammar.layout if isinstance(system, SwitchPlatform) else Layout()
    return read_unmanaged(text, system.name, lambda raw: read_blocks(raw, layout)[1])


def _is_no_command(words: str) -> bool:
    return any(words == one.strip() or words.startswith(one) for one in _NO_COMMANDS if one.endswith(" ")) or (
        words in _NO_COMMANDS
    )


def write_lines(lines: Sequence[UnmanagedLine], filled: Mapping[int, str]) -> tuple[Command, ...]:
    """Return the commands that type lines into a device, block after block, from configuration mode and out of it."""
    typed: list[Command] = []
    block = 0
    for one in lines:
        if one.block and one.header != block:
            typed.append(_write_command(_fill_block(one, filled), one.block))
        block = one.header or one.line.number
        typed.append(_write_command(filled.get(one.line.number, one.line.text), one.line.text))
    enter, leave = in_configuration_mode(())
    return (enter, *typed, leave) if typed else ()


def _write_command(whole: str, shown: str) -> Command:
    """Return the command that types a line; a line that something was taken out of is shown without it.

    Raises:
        RestoreRefused: what was taken out is not there: the device would make an object of the mark that stands for it.
    """
    line, words = whole.strip(), shown.strip()
    if REDACTED in line:
        message = f"{words!r}: something was taken out of it, and is not there; nothing was sent"
        raise RestoreRefused(message)
    return Command(line) if line == words else Command(line, shown=words)


def find_untypable(lines: Sequence[UnmanagedLine], filled: Mapping[int, str]) -> Iterator[tuple[ConfigLine, str]]:
    """Yield the lines that cannot be typed one by one, and why."""
    headers = {" ".join(one.line.text.split()) for one in lines if not one.block}
    for one in lines:
        words = one.line.text.strip()
        if REDACTED in one.block and one.block not in headers:
            yield one.line, f"stands under {one.block!r}, which something was taken out of"
        elif words.startswith(("banner ", "macro name ", "crypto pki certificate chain", "certificate ")):
            yield one.line, "goes on over several lines until a mark of its own, which is not typed from here"
        elif REDACTED in words and one.line.number not in filled:
            yield one.line, "something was taken out of it"


def find_hostname(text: DeviceText) -> str:
    """Return the name that a configuration gives its device; "" where it gives none."""
    return read_unmanaged(text, "hostname", _read_hostname)


def _read_hostname(raw: str) -> str:
    found = [line.split() for line in raw.split("\n") if line.startswith("hostname ")]
    return found[0][1] if found and len(found[0]) > 1 else ""
