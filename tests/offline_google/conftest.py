from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.offline_google.world.google import OfflineGoogle
from tests.offline_google.worlds import a_google


@pytest.fixture
def google(tmp_path: Path) -> Iterator[OfflineGoogle]:
    found = a_google(tmp_path / "world.sqlite")
    yield found
    found.store.close()
