"""One monitor for the tests that do not stop it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.monitoring.running import Running, monitor


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A monitor with an empty store."""
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started
