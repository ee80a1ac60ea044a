"""The lab's stack with regions of other names and numbers than the committed ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from tests.stacks.declared import file

ONE = ({"id": "matsue", "location": "asia-northeast2", "name": "松江"},)
TWO = (
    {"id": "matsue", "location": "asia-northeast2", "name": "松江"},
    {"id": "r2-kobe", "location": "asia-northeast1", "name": "神戸"},
)
THREE = (*TWO, {"id": "taipei", "location": "asia-east1", "name": "台北"})


def write_regions(regions: Sequence[Mapping[str, str]], stack: str = "lab") -> dict[str, Any]:
    """A stack's file with these regions, which all serve; the first one is written to."""
    text = file(stack).read_text(encoding="utf-8")
    written: dict[str, Any] = yaml.safe_load(
        re.sub(r"asia-northeast\d-docker", f"{regions[0]['location']}-docker", text)
    )
    config, ids = written["config"], [region["id"] for region in regions]
    config["tsunagu:regions"] = [dict(region) for region in regions]
    services = config["tsunagu:network"]["services"]
    config["tsunagu:network"] = {
        **{name: f"10.250.{number}.0/24" for number, name in enumerate(ids)},
        "services": services,
    }
    config["tsunagu:serving"] = ids
    database = config["tsunagu:applications"]["affairs"]["database"]
    database["primary"] = ids[0]
    return written
