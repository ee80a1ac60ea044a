from pathlib import Path

import pytest

from tests.policies import PolicyFolder


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    """A copy of the shipped policies."""
    return PolicyFolder(tmp_path)
