"""A short slice of the flood; the whole of it is `python -m tests.security.monitor_flood`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.telemetry.registry import Writer
from tests.monitoring.running import Running, monitor
from tests.security.monitor_flood import FORGERIES, draw_from, forge, run_flood
from tests.soak import FACTOR

SECONDS = min(60.0, 2.5 * FACTOR)
SEED = 11


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with monitor(tmp_path_factory.mktemp("store") / "monitor.db") as started:
        yield started


@pytest.mark.parametrize("writer", [None, Writer.PROBE], ids=["no token", "a probe's token"])
def test_the_page_and_metrics_stay_true_to_the_real_sender(running: Running, writer: Writer | None) -> None:
    result = run_flood(running, seconds=SECONDS, rate=200, seed=SEED, writer=writer)
    assert result.wrong == []
    assert result.checks > 1
    assert result.statuses.total() > 20
    allowed = {200, 400, 401, 404, 413, 415} if writer else {400, 401, 404}
    # 0: a body beyond what is taken is not read to its end, so its sender may find the connection closed.
    assert set(result.statuses) <= allowed | {0}
    assert result.grown < 150


def test_every_kind_is_in_the_flood_and_a_seed_gives_the_same_requests() -> None:
    kinds = {forge(draw_from(f"{SEED}/0/{turn}"))[0] for turn in range(100)}
    assert kinds == set(FORGERIES)
    drawn = [forge(draw_from(f"{SEED}/1/{turn}"))[0] for turn in range(30)]
    assert drawn == [forge(draw_from(f"{SEED}/1/{turn}"))[0] for turn in range(30)]
