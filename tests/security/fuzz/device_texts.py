"""Mutated configurations of devices by the hundred thousand, in one process: none crashes, hangs or is misread.

    python -m tests.security.fuzz.device_texts [--seed N] [--texts N] [--seconds N] [--write]

Each text is made of the seed and its number alone: `--first NUMBER --texts 1` makes a fault again. Three kinds,
over all platforms in turn: *broken* (words of a text replaced, doubled, cut), *planted* (a line of the tables of
`tests/platforms/changed_meaning`, among lines that change nothing: it must be refused, differ or not be judged), and
*beside* (such harmless lines alone: ours must mean what they did, or the text is refused). `--write` puts the run's row
into docs/benchmarks.md. Exit code 1 where a reader failed.
"""

from __future__ import annotations

import argparse
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from controller.errors import TsunaguError
from controller.platforms.common.whole_text import understand_whole
from controller.platforms.device_text.device_text import DeviceText
from controller.platforms.registry import load_platform
from tests.platforms.changed_meaning.scenes import SCENES, SOURCE, Scene, list_rows
from tests.security.fuzz.mutations import mutate
from tests.security.fuzz.soak import ROOT, write_row
from tests.security.fuzz.worker import Findings, give_up

PAGE = ROOT / "docs" / "benchmarks.md"
TABLE = "| day | commit | seed | texts | refused | faults | slowest | texts a second of CPU |"
_DIALECT = (
    "ntp server 192.0.2.1", "snmp-server location 1F", "!", "vlan 300\n name CAMERAS", "logging host 192.0.2.5",
    "line con 0", "clock timezone JST 9 0", "vlan 301\n name others", "ip domain-name school.example",
)  # fmt: skip
LONGEST = 8 * 1024
"""Bytes of a broken text: what is longer takes the time of many, and `soak` has it."""
HARMLESS: dict[str, Sequence[str]] = {
    "cisco_ios": (*_DIALECT, "interface GigabitEthernet1/0/40\n switchport access vlan 300\n switchport mode access"),
    "allied_telesis_awplus": ("ntp server 192.0.2.1", "!", "service http", "interface port1.0.40\n description spare"),
    "alaxala": ("!", 'vlan 300\n  name "CAMERAS"', "ntp client server 192.0.2.1", "interface loopback 0"),
    "frr": (
        "!",
        "log syslog informational",
        "hostname rt1",
        "service integrated-vtysh-config",
        "access-list X permit any",
    ),
    "hostapd": ("bss=club\nssid=club\nwpa=2\nwpa_key_mgmt=WPA-PSK", "# a comment", "bss=club2\nssid=x"),
    "ovs": ("# flows", " cookie=0x0, table=9, priority=5 actions=drop", "# ports\nspare,300,access,"),
    "yamaha_rtx": ("# a comment", "dhcp service server", "ip filter 1000 reject * * * * *", "syslog notice on"),
}
"""Lines at the margin that change nothing of ours."""
_SPACED = frozenset({"cisco_ios", "allied_telesis_awplus", "alaxala", "frr", "yamaha_rtx"})
"""Systems that part words by any number of blanks."""


class Maker:
    """Makes the texts of a platform, and says what a reader made of one."""

    def __init__(self, platform: str) -> None:
        self.platform = platform
        self.scene: Scene = SCENES[platform]()
        self.system = load_platform(platform)
        self.rows: list[dict[str, Any]] = list_rows(platform)
        self.seed = self.scene.text.encode()

    def make(self, draw: Random) -> tuple[bytes, Callable[[], None]]:
        """Return a text, and what asks a reader about it."""
        kind = draw.choice(("broken", "broken", "planted", "beside"))
        if kind == "broken":
            data, whole = mutate(draw, (self.seed,))[:LONGEST], not draw.randrange(8)
            return data, lambda: self._read(data.decode("utf-8", "replace"), whole=whole)
        row = draw.choice(self.rows) if kind == "planted" else None
        text = self.scene.text if row is None else self.scene.plant(row["at"], self._respell(draw, row["line"]))
        added = [draw.choice(HARMLESS[self.platform]) for _ in range(draw.randrange(4))]
        text += "".join(f"{one}\n" for one in added)
        return text.encode(), lambda: self._judge(text, planted=row is not None)

    def _respell(self, draw: Random, line: str) -> str:
        if self.platform not in _SPACED or draw.randrange(2):
            return line
        first, *others = line.split("\n")
        return "\n".join([first.replace(" ", " " * draw.randrange(1, 4)) + " " * draw.randrange(2), *others])

    def _read(self, text: str, *, whole: bool) -> None:
        if whole:
            understand_whole(self.system, DeviceText(text), SOURCE)
        else:
            self.system.parse(text, SOURCE)

    def _judge(self, text: str, *, planted: bool) -> None:
        said = self.scene.judge(text)
        if planted and not said:
            message = "misread: a line that changes what ours mean is left alone"
            raise AssertionError(message)
        if not planted and said == "differs":
            message = "misread: lines that change nothing changed what ours mean"
            raise AssertionError(message)


def run(seed: int, first: int, texts: int, seconds: float) -> Findings:
    """Ask the readers about so many texts, until the time is over."""
    makers = [Maker(platform) for platform in SCENES]
    found, ends = Findings(), time.monotonic() + seconds
    for number in range(first, first + texts):
        if time.monotonic() > ends:
            break
        maker = makers[number % len(makers)]
        data, ask = maker.make(Random(f"{seed}/{number}"))  # noqa: S311 inputs, no secrets
        before = len(found.faults)
        found.examine(maker.platform, ask, (TsunaguError,), data)
        for one in found.faults[before:]:
            one["number"] = str(number)
    return found


def describe_run(seed: int, found: Findings, cpu: float) -> str:
    """Return a row of the table in docs/benchmarks.md."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    texts = found.inputs.total()
    return (
        f"| {datetime.now(UTC):%Y-%m-%d} | {said.stdout.strip()} | {seed} | {texts:,} | {found.refused.total():,} | "
        f"{len(found.faults)} | {found.slowest:.2f} s ({found.slowest_target}) | {texts / max(cpu, 0.01):,.0f} |"
    )


def main(words: list[str]) -> int:
    """Run it, and say what was seen."""
    parser = argparse.ArgumentParser(prog="fuzz device texts")
    for name, default in (("seed", 1), ("first", 0), ("texts", 1_000_000), ("seconds", 7200)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(words)
    logging.disable()
    signal.signal(signal.SIGVTALRM, give_up)
    began = time.process_time()
    found = run(asked.seed, asked.first, asked.texts, asked.seconds)
    row = describe_run(asked.seed, found, time.process_time() - began)
    print(row)  # noqa: T201 what a person in a terminal reads
    for one in found.faults:
        print(f"{one['target']}: text {one['number']}: {one['fault']}\n  (base64): {one['input'][:3000]}")  # noqa: T201 see above
    if asked.write:
        write_row(row, PAGE, TABLE)
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
