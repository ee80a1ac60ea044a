"""Tables of MAC addresses for the fuzzer: what they begin from, and what reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from controller.platforms.base import Command
from controller.platforms.common.mac_table import ReadsLearntAddresses
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform

_FOLDER = Path(__file__).parents[2] / "platforms" / "mac_tables"
MAC_TABLES = tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))


@dataclass(frozen=True)
class _Answer:
    """A session with a device that says the same to everything."""

    content: bytes
    device: str = "as-e01-core1"

    def run(self, command: Command) -> DeviceText:
        del command
        return DeviceText.decode(self.content, self.device)


def read_mac_seed(platform: str) -> bytes:
    """A table that the platform takes."""
    return (_FOLDER / f"{platform}.txt").read_bytes()


def reading_mac_table(platform: str) -> Callable[[bytes], object]:
    """What reads a table of a platform."""
    system = load_platform(platform)
    assert isinstance(system, ReadsLearntAddresses)
    return lambda data: system.read_learnt_addresses(_Answer(data))
