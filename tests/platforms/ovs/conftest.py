"""One real Open vSwitch for the tests of a module; each finds it as it came from the factory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.platforms.ovs.one_switch import PORTS, jobs
from tests.platforms.ovs.virtual_switch import VirtualSwitch, virtual_switch
from tests.started_processes import kill_restore_jobs


@pytest.fixture(scope="module")
def shared() -> Iterator[VirtualSwitch]:
    with virtual_switch(*PORTS) as made:
        yield made


@pytest.fixture
def switch(shared: VirtualSwitch) -> Iterator[VirtualSwitch]:
    shared.reset(*PORTS)
    yield shared
    kill_restore_jobs(jobs(shared))
