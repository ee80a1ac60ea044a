from __future__ import annotations

from pathlib import Path

import pytest

from tests.policies import PolicyFolder


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)
