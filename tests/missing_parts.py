"""What a test needs and a machine may not have: without it a test is skipped, and in CI it fails."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def is_ci() -> bool:
    """Whether this is CI, which sets up everything that tests need."""
    return os.environ.get("CI") == "true"


def skip_or_fail(missing: str) -> NoReturn:
    """Skip the test that runs, and say what is missing; in CI let it fail."""
    if is_ci():
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


def skip_without(reason: str, *, there: bool) -> pytest.MarkDecorator:
    """A mark for tests that are skipped where something is not there; in CI they run all the same, and fail."""
    return pytest.mark.skipif(not there and not is_ci(), reason=reason)


needs_root = skip_without("only root can give something away, or be another user", there=os.geteuid() == 0)
