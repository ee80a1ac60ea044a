"""One monitor for the tests of a module that do not stop it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.monitoring.feed import Feed, feed
from tests.monitoring.running import Running, monitor


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A monitor with an empty store."""
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


@pytest.fixture(scope="session")
def six() -> Feed:
    """The probes of six schools; a test puts back what it changes."""
    return feed(6)
