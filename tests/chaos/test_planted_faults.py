"""Proof that chaos can fail: for each thing that must be true a fault is planted, and some seed finds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.model.city import City
from controller.model.sites.devices import Device
from controller.platforms.base import Command
from controller.platforms.transport.in_memory_device.device import MemoryDevice
from controller.platforms.transport.in_memory_device.faults import NO_FAULT
from controller.rollout.outcome import End, Outcome
from controller.rollout.waves import Settings, roll_out
from tests.chaos.apply_chaos import play_apply
from tests.chaos.chaos_city import ChaosCity
from tests.rollout.memory_lab import switches
from tests.rollout.wave_campaign import OLD, OVS

SEEDS = 12
"""So many are played; some of them must find what was planted."""
Play = Callable[[], set[str]]


@pytest.fixture
def play(city: City, tmp_path: Path) -> Play:
    """Play seeds of `apply`; return what they found, without the names of devices."""
    models: list[Device] = switches(city, tuple(city.virtual_estate.schools)[:4])

    def play_seeds() -> set[str]:
        found: set[str] = set()
        for seed in range(SEEDS):
            folder = tmp_path / str(seed)
            folder.mkdir()
            found |= {one.partition(" ")[2] for one in play_apply(seed, city, models, folder)}
        return found

    return play_seeds


def plant_before_roll_out(
    monkeypatch: pytest.MonkeyPatch, begin: Callable[[ChaosCity], None], end: Callable[[Outcome], Outcome]
) -> None:
    """Let every apply do something before, and tell its outcomes otherwise."""

    def do_worse(city: City, plan: object, verified: object, settings: Settings, listeners: object) -> list[Outcome]:
        assert isinstance(settings.transport, ChaosCity)
        begin(settings.transport)
        return [end(one) for one in roll_out(city, plan, verified, settings, listeners)]  # type: ignore[arg-type]

    monkeypatch.setattr("tests.chaos.apply_chaos.roll_out", do_worse)


def test_nothing_is_found_where_nothing_is_planted(play: Play) -> None:
    assert play() == set()


def test_an_apply_that_changes_again_what_had_ended_well_is_found(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    def go_back_first(chaos: ChaosCity) -> None:
        for name in chaos.done:
            device = chaos.devices[name]
            device.configuration.load(OVS.render(OLD))
            device.record("push", ("blind",), NO_FAULT, succeeded=True)

    plant_before_roll_out(monkeypatch, go_back_first, lambda one: one)
    assert "was changed again after it had ended well" in play()


@pytest.mark.parametrize(
    ("end", "reason", "untrue"),
    [
        (End.APPLIED, "", ("it does not run what is wanted, or not for good", "it would boot with something else")),
        (End.REVERTED, "", ("it is not in its old state",)),
        (End.FAILED, "", ("something was changed",)),
        (End.FAILED, "not saved", ("the change does not run",)),
        (End.UNKNOWN, "", ("it does not say why",)),
    ],
)
def test_an_end_that_is_not_so_is_found(
    end: End, reason: str, untrue: tuple[str, ...], play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_before_roll_out(monkeypatch, lambda _: None, lambda one: replace(one, end=end, reason=reason))
    found = play()
    for words in untrue:
        assert f"told {end} ({reason}): {words}" in found
    assert (f"ended {end}, and nothing went wrong in the last run" in found) is not end.good


def test_a_restore_that_ends_with_the_session_is_found(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the device's own job was a child of the login: a change that breaks off is left half made."""
    push = MemoryDevice._push  # noqa: SLF001 what is planted

    def lose_job(self: MemoryDevice, run: str, command: Command) -> str:
        said = push(self, run, command)
        self._restores[run].job_lives = False
        return said

    monkeypatch.setattr(MemoryDevice, "_push", lose_job)
    found = play()
    assert "is half made and nothing is armed" in found
    assert "will be left half made" in found


def test_a_device_that_stays_held_for_ever_is_found(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = MemoryDevice._lock  # noqa: SLF001 what is planted
    monkeypatch.setattr(MemoryDevice, "_lock", lambda self, owner, run, _: lock(self, owner, run, "1000000"))
    monkeypatch.setattr(MemoryDevice, "_unlock", lambda *_: "free\n")
    assert "is still armed, or held" in play()
