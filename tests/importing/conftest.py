from __future__ import annotations

from pathlib import Path

import pytest

from tests.importing.tables import Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make_scene(tmp_path)
