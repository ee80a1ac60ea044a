from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.load import load_city
from tests.policies import SHIPPED, PolicyFolder


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


@pytest.fixture(scope="session")
def city() -> City:
    return load_city(SHIPPED)
