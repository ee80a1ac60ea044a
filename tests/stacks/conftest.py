"""Imports the SDK before the tests do: it warns of its own old names, and our tests turn warnings into errors."""

from __future__ import annotations

import asyncio
import re
import warnings
from pathlib import Path

import pulumi_gcp as gcp
import pytest

STACKS = Path(__file__).parents[2] / "stacks"

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    used = {name for path in STACKS.rglob("*.py") for name in re.findall(r"\bgcp\.([a-z]+)\.", path.read_text("utf-8"))}
    for module in sorted(used):
        hasattr(getattr(gcp, module), "loaded")


@pytest.fixture(autouse=True, scope="session")
def _event_loops() -> None:
    """The SDK makes event loops where there are none; after an `asyncio.run` elsewhere the policy forbids that."""
    asyncio.set_event_loop_policy(None)
