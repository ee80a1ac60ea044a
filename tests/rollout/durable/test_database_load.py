"""How often a rollout asks its database: little for each device, and less and less while it waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event

from controller.rollout.durable.records import RolloutState
from tests.rollout.durable.city_scene import DurableScene, write_waves

ONE_WAVE = {"name": "all", "schools": "rest", "schools-at-once": 1}
MOST_A_DEVICE = 10
"""Statements on our own tables: its turn, what is known of it, its begin and end."""
MOST_AN_HOUR = 800
"""Looks at the rollout while a school waits for its window; asked every second they would be 3,600."""


@contextmanager
def count_statements() -> Iterator[Counter[str]]:
    """Count the statements of all databases by their first of our tables; "" where they name none."""
    found: Counter[str] = Counter()

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        found[next((word.split(".")[0] for word in statement.split() if word.startswith("tsunagu_")), "")] += 1

    event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(sa.Engine, "before_cursor_execute", count)


def test_a_device_costs_few_statements(tmp_path: Path) -> None:
    counts = []
    for schools in (2, 5):
        scene = DurableScene(tmp_path / str(schools), schools=schools, operators=write_waves(ONE_WAVE))
        with count_statements() as found:
            assert scene.status(scene.roll_out()).state is RolloutState.DONE
        counts.append(sum(count for table, count in found.items() if table and table != "tsunagu_heartbeats"))
    few, many = counts
    assert 0 < many - few <= 3 * MOST_A_DEVICE


def test_a_rollout_that_waits_asks_less_and_less(tmp_path: Path) -> None:
    opens = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "23:00", "until": "23:45"}
    scene = DurableScene(tmp_path, schools=1, operators=write_waves(ONE_WAVE, windows=[opens]))
    clock = scene.scene.lab.clock
    began = clock.monotonic()
    with count_statements() as found:
        assert scene.status(scene.roll_out()).state is RolloutState.DONE
    waited = clock.monotonic() - began
    assert any("waits" in line for line in scene.said)
    assert waited > 3_600
    assert found["tsunagu_rollouts"] < 40 + waited / 3_600 * MOST_AN_HOUR
