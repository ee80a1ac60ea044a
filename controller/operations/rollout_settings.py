"""How plans are rolled out: waves of schools, and when changes may be made."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from controller.errors import Origin
from controller.model.access.rules import Hours
from controller.model.sites.schools import Identifier
from controller.model.yaml_source import LocatedItem, StrictModel
from controller.operations.gate_settings import GateKind, GateRule
from controller.operations.rollout_database import RolloutDatabase


def _refuse_twice(gates: tuple[GateRule, ...]) -> tuple[GateRule, ...]:
    kinds = [one.kind for one in gates]
    for kind in kinds:
        if kinds.count(kind) > 1:
            message = f"the gate {kind!s} stands there twice"
            raise ValueError(message)
    return gates


_Schools = Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=5_000)]
_DEFAULTS = Origin("the defaults", 1)
Gates = Annotated[tuple[GateRule, ...], Field(max_length=20), AfterValidator(_refuse_twice)]


class TimeWindow(Hours):
    """Hours in which devices are changed, and where they were written."""

    origin: Origin = _DEFAULTS


class WaveRule(LocatedItem):
    """A wave of a rollout: which schools, how many side by side, and when it stops.

    `schools` are the canary's (`canary`), those of one ward after the other (`each-ward`: a wave for each ward), all
    that no wave before took (`rest`), or those that are named. `maximum_failures`: so many devices may end in another
    way than applied or unchanged; with one more, no further school of the wave is begun and the rollout stops.
    `soak_minutes` is how long the rollout waits after the wave before its gates are asked and the next one begins.
    `gates` are asked then, and with `undo_on_failure` a wave is undone where one fails; None: what holds for all waves.
    """

    origin: Origin = _DEFAULTS
    name: Identifier
    schools: Literal["canary", "each-ward", "rest"] | _Schools
    schools_at_once: int | None = Field(default=None, ge=1, le=50)
    maximum_failures: int = Field(default=0, ge=0, le=10_000)
    soak_minutes: int = Field(default=0, ge=0, le=7 * 24 * 60)
    gates: Gates | None = None
    undo_on_failure: bool | None = None


DEFAULT_WAVES: tuple[WaveRule, ...] = (
    WaveRule(name="canary", schools="canary"),
    WaveRule(name="wards", schools="each-ward"),
)
"""What holds where the operators write no waves: the canary school, then ward by ward."""


class RetryRule(StrictModel):
    """How a rollout tries devices again of which nobody knows how they are (`unknown`).

    The pause before the next try is `first_minutes`, then twice as long each time, `longest_minutes` at most.
    `until_hours` after its start a rollout waits for none of them any more.
    """

    first_minutes: int = Field(default=1, ge=1, le=24 * 60)
    longest_minutes: int = Field(default=60, ge=1, le=7 * 24 * 60)
    until_hours: int = Field(default=72, ge=0, le=90 * 24)

    def find_pause(self, tries: int) -> timedelta:
        """Return how long is waited after so many tries.

        >>> [RetryRule().find_pause(tries).seconds // 60 for tries in (1, 2, 3, 7, 400)]
        [1, 2, 4, 60, 60]
        """
        doublings = min(tries - 1, self.longest_minutes.bit_length())
        return timedelta(minutes=min(self.first_minutes << doublings, max(self.first_minutes, self.longest_minutes)))


DEFAULT_RETRY = RetryRule()


class RolloutSettings(StrictModel):
    """How a plan is rolled out. `canary` is the school that is changed first; None: the one of the fewest pupils.

    `waves` and `windows` hold for `tsunagu rollout`. In `windows`, times of the city, changes may be made; where there
    are none, at any time that is no lesson and no exam day. Schools that no wave takes come last. `gates` are asked
    after each wave that has none of its own. With `undo_on_failure` a wave whose gate failed is undone, without people
    only where nothing gets wider by that, or `undo_may_widen`. `retry` is about devices that do not answer. `database`
    keeps rollouts for workers on many machines; None: a file in the state folder, for one process at a time.
    """

    canary: Identifier | None = None
    schools_at_once: int = Field(default=8, ge=1, le=50)
    waves: tuple[WaveRule, ...] = Field(default=DEFAULT_WAVES, min_length=1, max_length=200)
    windows: tuple[TimeWindow, ...] = Field(default=(), max_length=50)
    gates: Gates = ()
    undo_on_failure: bool = False
    undo_may_widen: bool = False
    retry: RetryRule = DEFAULT_RETRY
    database: RolloutDatabase | None = None

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        names = [one.name for one in self.waves]
        for name in names:
            if names.count(name) > 1:
                message = f"two waves have the name {name!r}"
                raise ValueError(message)
        return self

    def find_wave_rule(self, name: str) -> WaveRule | None:
        """Return the wave of a name; None where the operators have none of it (any more).

        >>> RolloutSettings().find_wave_rule("canary").maximum_failures
        0
        """
        return next((one for one in self.waves if one.name == name), None)

    def list_all_gates(self) -> tuple[GateRule, ...]:
        """Return every gate that is named, of all waves or of one, each kind once."""
        found: dict[GateKind, GateRule] = {}
        for one in (*self.gates, *(gate for wave in self.waves for gate in wave.gates or ())):
            found.setdefault(one.kind, one)
        return tuple(found.values())

    def list_gates(self, rule: WaveRule) -> tuple[GateRule, ...]:
        """Return the gates after a wave: its own, or those of all waves."""
        return self.gates if rule.gates is None else rule.gates
