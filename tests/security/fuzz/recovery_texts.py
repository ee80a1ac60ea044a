"""What is read to bring something back, and what a rollout said: the readers, and what the fuzz begins from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from controller.drills.drill_record import parse_drill_record
from controller.inputs.bounded_json import parse_json
from controller.model.access.recovery_targets import parse_time_span
from controller.model.sites.devices import Device
from controller.plan.playbook_tasks.own_command import read_last_document
from controller.recovery.controller_archive import parse_archive, write_archive
from controller.recovery.device_backup import read_device_backup


def parse_backup(data: bytes) -> object:
    """Read a backup of the controller."""
    return parse_archive(data, "backup.tar")


def read_said(data: bytes) -> object:
    """Read what a rollout's process said: events and a document behind them, or a document."""
    return parse_json(read_last_document(BytesIO(data)), most_bytes=1 << 20)


def parse_drill(data: bytes) -> object:
    """Read the record of a drill."""
    return parse_drill_record(data, "drill.json")


TARGETS = (b"4h", b"30m")


def parse_target(data: bytes) -> object:
    """Read a recovery target."""
    return parse_time_span(data.decode("utf-8", "replace"))


def make_backup() -> bytes:
    """A small backup of the controller."""
    files = {"audit/trail-000001.jsonl": b"{}\n", "policies/x/city/city.yaml": b"format: 1\n"}
    with TemporaryDirectory() as folder:
        path = Path(folder, "backup.tar")
        write_archive(path, datetime(2026, 11, 29, tzinfo=UTC), files.items())
        return path.read_bytes()


def reading_note(device: Device, folder: Path) -> Callable[[bytes], object]:
    """Return what reads the note of a device's backup."""
    folder.mkdir(exist_ok=True)
    (folder / f"{device.id}.cfg").write_bytes(b"!\n")

    def read(data: bytes) -> object:
        (folder / f"{device.id}.json").write_bytes(data)
        return read_device_backup(device, folder)

    return read


SAID = b'{"format": "rollout-event/1", "event": "wave-began"}\n{"rollout": "r", "state": "done", "outcomes": []}\n'

NOTE = b"""{"device": "x", "school": "x", "platform": "cisco_ios",
"read_at": "2026-11-29T00:00:00+00:00", "sha256": "0",
"state": "0", "lines": 1, "ours": 0, "redacted": 0}"""

DRILL = b"""{"format": "drill/1", "kind": "restore", "at": "2026-11-29T00:00:00Z", "people": ["hanako"],
"estate": "real", "subject": "x", "expected": [{"application": "affairs", "rto_seconds": 1, "rpo_seconds": 2}],
"measured": {"rto_seconds": 1.5, "rpo_seconds": null}, "missed": [], "findings": ["y"],
"failure": "", "passed": true}"""
