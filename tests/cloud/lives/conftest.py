"""The stacks' own set-up holds here, too: it imports the SDK, which warns of its own old names, before the tests do."""

from __future__ import annotations

from tests.stacks.conftest import _event_loops

__all__ = ["_event_loops"]
