"""Tables of MAC addresses for the fuzzer: what they begin from, and what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.errors import TsunaguError
from controller.platforms.base import Command
from controller.platforms.common.mac_table import ReadsLearntAddresses
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform

_FOLDER = Path(__file__).parents[2] / "platforms" / "mac_tables"
_COVERS = ("parse_mac_table", "parse_learnt_table")
Run = Callable[[bytes], object]


@dataclass(frozen=True)
class _Answer:
    """A session with a device that says the same to everything."""

    content: bytes
    device: str = "as-e01-core1"

    def run(self, command: Command) -> DeviceText:
        del command
        return DeviceText.decode(self.content, self.device)


def _reading(platform: str) -> Run:
    system = load_platform(platform)
    assert isinstance(system, ReadsLearntAddresses)
    return lambda data: system.read_learnt_addresses(_Answer(data))


def list_mac_readers() -> list[tuple[str, tuple[bytes, ...], Run, tuple[str, ...], tuple[type[Exception], ...]]]:
    """What each reader is called, what it begins from, what reads, what it covers, and its refusals."""
    return [
        (f"MAC table {path.stem}", (path.read_bytes(),), _reading(path.stem), _COVERS, (TsunaguError,))
        for path in sorted(_FOLDER.glob("*.txt"))
    ]
