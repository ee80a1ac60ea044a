from __future__ import annotations

import json
from pathlib import Path

from stacks.settings.outputs import OUTPUT, write_outputs


def test_outputs_are_written_whole(tmp_path: Path) -> None:
    placed = {"affairs": {"host": "a.example", "ipv4": ["203.0.113.1"], "ipv6": ["2001:db8::1"]}}
    path = write_outputs(tmp_path, "lab", 3, {OUTPUT: {"applications": placed}})
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written == {"format": 1, "stack": "lab", "version": 3, "applications": placed}
    assert [one.name for one in path.parent.iterdir()] == ["lab.json"]
