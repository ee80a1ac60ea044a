"""A device step on a switch with a command line under faults from a seed; what was told must be what it shows itself.

A seed draws a switch (what it runs, what it would boot with), a plan, and up to two runs of it with faults at lines
that are entered, some killed in the middle. The session is netmiko's, the procedure is that of `tsunagu apply`, and
the clock is turned by hand.

A switch that restores itself is in a state that the plan leads through as soon as nothing is armed; only a clock that
jumps may let its timer fire between two lines. One that does not is where the lines that were typed lead: as a twin
shows that is typed into without any fault.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from controller.errors import TsunaguError
from controller.lab.virtual_switches.faults import Fault, NumberedFaults
from controller.model.network.device_state import DeviceState
from controller.model.sites.devices import Device
from controller.rollout.outcome import End, Outcome
from tests.rollout.campaign import Killed, MortalTransport
from tests.rollout.cli_families import (
    FAMILIES,
    configure_as_another,
    fill_flash,
    is_armed,
    list_prefixes,
    normalise,
    restores,
    shift_clock,
)
from tests.rollout.cli_scene import NAME, CliScene

LONG = 20_000.0
"""Seconds after which nothing is armed any more, and no lease is held, whatever a clock has done."""
RESTORE_AFTER = 60
LAST_LINE = 80

ENDS: dict[str, Counter[End | None]] = {family: Counter() for family in FAMILIES}
"""How often each end was told since the process began; None: the controller was killed."""
FAULTS: dict[str, Counter[str]] = {family: Counter() for family in FAMILIES}
"""How often each fault happened."""


@dataclass
class Moment:
    """What a switch was when a run began: its state, its dumps, and those of every line of the plan from there."""

    state: DeviceState | None
    saved: DeviceState | None
    dumps: set[tuple[str, ...]] = field(default_factory=set)


def draw_fault(rng: random.Random, scene: CliScene) -> tuple[str, Fault]:
    """Return a fault, and what to call it."""
    switch, clock, family = scene.switch, scene.clock, FAMILIES[scene.platform]
    jump = rng.choice((1, 30, 61, 3600))
    back = rng.choice((-3600, -61, 61, 3600))
    faults = [
        ("dropped before the line", Fault(dropped="before")),
        ("dropped after the line", Fault(dropped="after")),
        ("out of reach", Fault(happens=lambda: scene.transport.unreachable.add(NAME), dropped="before")),
        ("wrong host key", Fault(happens=lambda: scene.transport.impostors.add(NAME), dropped="before")),
        ("rejected line", Fault(refused=family.refusal)),
        ("banner noise", Fault(noise=(family.noise,))),
        ("in pieces", Fault(piece=rng.randint(1, 700))),
        ("silent", Fault(silent=True)),
        ("slow", Fault(happens=lambda: clock.sleep(jump))),
        ("reboot", Fault(happens=switch.reboot)),
        ("flash full", Fault(happens=partial(fill_flash, switch, full=True))),
        ("configured by another user", Fault(happens=partial(configure_as_another, switch, *family.others))),
        ("clock jump", Fault(happens=partial(shift_clock, switch, back))),
    ]
    if family.renaming:
        typing = partial(configure_as_another, switch, family.renaming)
        faults.append(("hostname changed", Fault(happens=typing)))
    return rng.choice(faults)


Build = Callable[[random.Random, Device, Path], CliScene]
Look = Callable[[CliScene], list[str]]
"""Looks at a switch between two runs, and returns what is wrong."""


def run_cli_seed(  # noqa: PLR0913 a campaign with packets has its own switches, and looks at more
    family: str,
    seed: int,
    model: Device,
    folder: Path,
    *,
    build: Build | None = None,
    look: Look = lambda _: [],
) -> list[str]:
    """Play a seed; return what was told and is not true, or was true and must never be."""
    rng = random.Random(f"{family}/{seed}")  # noqa: S311 the same faults for the same seed
    scene = (build or FAMILIES[family].build)(rng, model, folder / f"{family}-{seed}")
    scene.folder.mkdir()
    found: list[str] = look(scene)
    jumped = False
    for _ in range(rng.choice((1, 1, 2))):
        drawn = {rng.randrange(LAST_LINE): draw_fault(rng, scene) for _ in range(rng.choice((1, 1, 2, 3)))}
        killed_at = rng.choice((0, 0, 0, rng.randint(1, 50)))
        faults = NumberedFaults({line: fault for line, (_, fault) in drawn.items()})
        jumped = jumped or any(name == "clock jump" for name, _ in drawn.values())
        said = f"{ {line: name for line, (name, _) in drawn.items()} }, killed {killed_at}"
        wrong = _play(scene, faults, killed_at, after=rng.random() < 0.5, jumped=jumped)
        FAULTS[family].update(name for line, (name, _) in drawn.items() if line < len(faults.lines))
        found += [f"{said}: {one}" for one in (*wrong, *look(scene))]
        scene.clock.sleep(rng.choice((0, 30, 120)))
    # In the end all goes well again, and whoever held the device has let it go.
    fill_flash(scene.switch, full=False)
    scene.clock.sleep(LONG)
    scene.switch.run_timers()
    return found + [f"after a long time: {one}" for one in (*_finish(scene, jumped=jumped), *look(scene))]


def _finish(scene: CliScene, *, jumped: bool) -> Iterator[str]:
    """Yield what is wrong when everything has calmed down, and with a last run in which nothing goes wrong."""
    if is_armed(scene.switch):
        yield "a restore is still armed"
    now = _read(scene)
    if restores(scene) and now not in scene.known and not jumped:
        yield f"it is in none of the states of the plan: {now}"
    if not restores(scene):
        if now is None:
            # Within a line's block the text may be no configuration of ours; what it boots with is.
            scene.switch.reboot()
        scene.old = scene.running()
        yield from _play(scene, NumberedFaults({}), 0, after=False, last=True, plan="a new plan")
        return
    yield from _play(scene, NumberedFaults({}), 0, after=False, last=now in {scene.old, scene.wanted}, jumped=jumped)


def _play(  # noqa: PLR0913 what differs between runs
    scene: CliScene,
    faults: NumberedFaults,
    killed_at: int,
    *,
    after: bool,
    last: bool = False,
    jumped: bool = False,
    plan: str = "plan",
) -> list[str]:
    before = _note(scene)
    outcome: Outcome | None = None
    with suppress(Killed):
        if killed_at:
            outcome = scene.apply(
                faults,
                restore_after=RESTORE_AFTER,
                wrap=lambda inner: MortalTransport(inner, killed_at, after=after),
            )
        else:
            outcome = scene.apply(faults, restore_after=RESTORE_AFTER, plan=plan)
    scene.site.faults = None
    scene.transport.unreachable.clear()
    scene.transport.impostors.clear()
    ENDS[scene.platform][outcome.end if outcome else None] += 1
    told = f"{outcome.end}: {outcome.reason}" if outcome else "killed"
    return [f"told {told!r}: {wrong}" for wrong in find_violations(scene, before, outcome, last=last, jumped=jumped)]


def _note(scene: CliScene) -> Moment:
    state = _read(scene)
    moment = Moment(state, scene.saved())
    if not restores(scene):
        shown = scene.switch.show_running(), scene.switch.show_startup() or ""
        moment.dumps = {normalise(scene, text) for text in shown}
        if state is not None:
            moment.dumps.update(list_prefixes(scene, state))
    return moment


def _read(scene: CliScene) -> DeviceState | None:
    """Return what of ours it runs; None where the text is refused, as within a step."""
    try:
        return scene.running()
    except TsunaguError:
        return None


def find_violations(
    scene: CliScene, before: Moment, outcome: Outcome | None, *, last: bool, jumped: bool = False
) -> Iterator[str]:
    """Yield everything that must never be."""
    now, armed = _read(scene), is_armed(scene.switch)
    good = outcome is not None and outcome.end.good
    if restores(scene):
        if not armed and now not in scene.known and not (jumped and not good):
            yield f"nothing is armed, and it is in none of the states of the plan: {now}"
    elif normalise(scene, scene.switch.show_running()) not in before.dumps:
        yield "it is where no line of the plan leads"
    if outcome is None:
        return
    yield from _find_lies(scene, before, outcome)
    if last and not outcome.end.good and not _is_rightly_refused(scene, outcome):
        yield "the last run went well, and did not end so"


def _is_rightly_refused(scene: CliScene, outcome: Outcome) -> bool:
    """Tell if a reload would not bring back what runs: another user changed it and has not saved it."""
    family = FAMILIES[scene.platform]
    shown, kept = (
        {line.strip() for line in (text or "").splitlines()}
        for text in (scene.switch.show_running(), scene.switch.show_startup())
    )
    unsaved = (shown - kept) & {*family.others, family.renaming}
    return outcome.end is End.FAILED and "it runs something else. Save it first" in outcome.reason and bool(unsaved)


def _find_lies(scene: CliScene, before: Moment, outcome: Outcome) -> Iterator[str]:
    """Yield what was told and is not so."""
    now, armed = _read(scene), is_armed(scene.switch)
    match outcome.end:
        case End.APPLIED | End.UNCHANGED if armed or now != scene.wanted or scene.saved() != scene.wanted:
            yield f"it does not run, or would not boot with, what is wanted, or a restore is armed: {armed}"
        case End.REVERTED if armed or now not in {scene.old, before.state}:
            yield f"it is not in the old state, or a restore is armed: {armed}"
        case End.FAILED if now not in {before.state, before.saved} and not (
            now == scene.wanted and "saved" in outcome.reason and not armed
        ):
            yield "something was changed"
        case End.UNKNOWN if not outcome.reason:
            yield "it does not say why"
