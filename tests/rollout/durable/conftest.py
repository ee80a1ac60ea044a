"""What the tests of durable rollouts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.model.city import City
from controller.model.loading.load_city import load_city
from tests.conftest import POLICIES
from tests.policies import TODAY
from tests.rollout.durable.postgres_server import PostgresServer, run_postgres


@pytest.fixture(scope="session")
def real_city() -> City:
    """The city with its real devices: there are lessons in its schools."""
    return load_city(POLICIES, on=TODAY)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL; each test makes a database of its own there."""
    with run_postgres() as server:
        yield server
