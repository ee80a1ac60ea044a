"""How late the lab's name servers answer each address: kept in a file, so that who serves and who breaks agree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_FILE = "dns-delays.json"


def write_dns_delays(state: Path, milliseconds: Mapping[str, float]) -> None:
    """Keep the delay of each address that has one, whole or not at all."""
    fresh = state / f"{_FILE}.new"
    fresh.write_text(json.dumps(dict(milliseconds)), encoding="utf-8")
    fresh.replace(state / _FILE)


def find_dns_delay(state: Path, address: str) -> float:
    """Return the seconds that an answer to this address waits."""
    try:
        found: dict[str, float] = json.loads((state / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return 0.0
    return found.get(address, 0.0) / 1000
