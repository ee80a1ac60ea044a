"""`tsunagu apply` under chaos: it is killed, interrupted and begun again, on devices and lines that fail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.verify import VerifiedDevice
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, roll_out
from tests.chaos.chaos_city import JUMPS, LONG, ChaosCity
from tests.rollout.campaign import Killed
from tests.rollout.memory_lab import derive_towards
from tests.rollout.wave_campaign import CHANGE, OLD, OVS, RESTORE_SECONDS, WANTED, plan_change


def play_apply(seed: int, city: City, models: list[Device], folder: Path) -> Iterator[str]:
    """Play a seed; yield what was told and is not true, or was true and must never be."""
    rng = random.Random(f"apply/{seed}")  # noqa: S311 the same chaos for the same seed
    chaos = ChaosCity(models)
    verified = [VerifiedDevice(one, OVS, OLD, CHANGE) for one in models]
    plan = plan_change(city, verified, rng.choice(models).school.id)
    settings = Settings(RESTORE_SECONDS, folder, chaos, chaos.clock, 1, derive_towards(WANTED))
    for _ in range(rng.choice((1, 2, 3, 4))):
        chaos.begin_process(rng, calm=False)
        if rng.random() < 0.5:
            chaos.acts[rng.choice((-1, 1)) * rng.randint(1, 45)] = chaos.kill
        outcomes: list[Outcome] = []
        with suppress(Killed):
            outcomes = roll_out(city, plan, verified, settings, [])
        yield from chaos.find_violations()
        for one in outcomes:
            yield from chaos.find_lies(one.device, one.end, one.reason)
        chaos.clock.sleep(rng.choice((0.0, 1.0, 30.0, 90.0)))
        yield from chaos.find_violations()
        if rng.random() < 0.2:
            chaos.clock.jumped = timedelta(seconds=rng.choice(JUMPS))
    chaos.clock.sleep(LONG)
    chaos.begin_process(rng, calm=True)
    ends: dict[str, End] = {}
    for one in roll_out(city, plan, verified, settings, []):
        ends[one.device] = one.end
        yield from chaos.find_lies(one.device, one.end, one.reason)
    yield from chaos.find_violations()
    chaos.clock.sleep(LONG)
    yield from chaos.find_unsettled()
    yield from chaos.find_unfinished(ends)
