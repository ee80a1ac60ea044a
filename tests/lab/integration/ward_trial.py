"""Senders of a ward while it goes from stage to stage, and what they lost or reached meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from controller.lab.network.namespaces import HOST_INTERFACE, list_attachment, run_ip_batch
from controller.lab.stage_following import follow_stages
from controller.lab.state.layout import Layout
from controller.lab.state.layout_planning import plan_layout
from controller.lab.trials.matrix_pairs import MatrixPair, list_matrix_pairs
from controller.lab.trials.stage_senders import Answering, StageSenders, Stream
from controller.model.sites.stages import Stage
from controller.model.virtual_city import VirtualCity
from tests.cli.running import Done
from tests.lab.integration.ward_scene import WardScene

FILES_PORT = 445
"""Where computers of the staff share files: no policy has anybody reach it."""
USED = {
    ("pupil", "drills"),
    ("room-pc", "drills"),
    ("teacher", "workspace"),
    ("teacher", "printing"),
    ("affairs-pc", "printing"),
}
"""Hosts, and what each uses all the time."""
PUPILS = ("pupil", "room-pc")
"""Hosts that pupils sit at, and what they try to reach: the data of school affairs."""
DATA = ("affairs", "printing")
COMPUTERS_OF_STAFF = ("teacher", "affairs-pc")
UNPLUGGED = ("teacher", "pupil", "printer")
"""Hosts of the canary that are without a link where a post-check is to fail."""


@dataclass(frozen=True)
class StepSeen:
    """What the senders of a school saw while its stage changed, and after it.

    `kept` is what both stages permit from the same segment. `moved_gap` is the longest time, in seconds, that a host
    was without what it uses whose port changed its segment.
    """

    school: str
    platform: str
    before: Stage
    after: Stage
    seconds: float
    kept_sent: int
    kept_lost: tuple[str, ...]
    kept_gap: float
    moved_gap: float
    silent: tuple[str, ...]
    forbidden_tries: int
    reached: tuple[str, ...]


def list_uses(city: VirtualCity, layout: Layout) -> dict[Stream, MatrixPair]:
    """What hosts use, and what pupils' hosts try to reach of the city's applications, with what the policy says."""
    found: dict[str, tuple[Stream, MatrixPair]] = {}
    for pair in list_matrix_pairs(city, layout, tuple(school.id for school in layout.schools)):
        use = pair.host, pair.target.column
        if use in USED or (pair.host in PUPILS and pair.target.column in DATA):
            name = f"{pair.school}/{pair.host} -> {pair.target.column} IPv{int(pair.target.family)}"
            found.setdefault(name, (Stream(name, pair.namespace, pair.target.address, pair.target.port), pair))
    return dict(found.values())


def list_file_tries(layout: Layout) -> Iterator[Stream]:
    """What pupils' hosts try to reach of the computers of their school's staff."""
    for school in layout.schools:
        hosts = {host.id: host for host in school.hosts}
        for pupil in PUPILS:
            for owner in COMPUTERS_OF_STAFF:
                for family, address in hosts[owner].interface.address.by_family.items():
                    name = f"{school.id}/{pupil} -> files of {owner} at {address} IPv{int(family)}"
                    yield Stream(name, hosts[pupil].namespace, address, FILES_PORT)


class WardTrial:
    """The senders of a ward that is up in the virtual city, its networks apart; for the length of a `with` block."""

    def __init__(self, scene: WardScene, layout: Layout) -> None:
        self.scene = scene
        self.layout = layout
        planned = {stage: scene.load_stage(stage) for stage in Stage}
        layouts = {stage: plan_layout(city, len(layout.schools)) for stage, city in planned.items()}
        self._uses = {stage: list_uses(city, layouts[stage]) for stage, city in planned.items()}
        files = [one for stage in Stage for one in list_file_tries(layouts[stage])]
        self.forbidden = tuple(dict.fromkeys([*self._list_denied(), *files]))
        self.at_first = (*self._list_denied(), *list_file_tries(layouts[scene.stage]))
        """The forbidden ones whose targets are there from the beginning."""
        self.used = tuple(
            one for one, pair in self._uses[Stage.SEPARATED].items() if (pair.host, pair.target.column) in USED
        )
        self.senders = StageSenders((*self.forbidden, *self.used))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start to send, and to answer where files are shared."""
        for school in self.layout.schools:
            for host in school.hosts:
                if host.id in COMPUTERS_OF_STAFF:
                    self._stack.enter_context(Answering(host.namespace, FILES_PORT))
        self._stack.enter_context(self.senders)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop both."""
        self._stack.close()

    def see_factory_state(self) -> None:
        """See that every sender can succeed, those of what is forbidden among them: no switch has a filter yet.

        Raises:
            LabError: one does not.
        """
        self.senders.await_answers((*self.at_first, *self.used), time.monotonic())

    def fail_post_check(self, after: Stage, start: Callable[[], Done]) -> tuple[Done, tuple[str, ...]]:
        """Begin a change of stage with hosts of the canary unplugged; how that ended, and what pupils reached then.

        It has gone back by itself: what the stage before permits is answered again, or this fails.

        Raises:
            LabError: it is not.
        """
        before, began = self.scene.stage, time.monotonic()
        for host in UNPLUGGED:
            self._plug(host, into=False)
        self.scene.set_stage(after)
        done = start()
        self.scene.set_stage(before)
        for host in UNPLUGGED:
            self._plug(host, into=True)
        follow_stages(self.scene.load())
        permitted = [one for one in self.used if self._uses[before][one].permitted]
        self.senders.await_answers(permitted, time.monotonic())
        return done, tuple(one for school in self.layout.schools for one in self.list_reached(school.id, began))

    def _plug(self, host: str, *, into: bool) -> None:
        """Plug a host of the canary into its port, or out of it."""
        found = next(one for one in self.layout.schools[0].hosts if one.id == host)
        run_ip_batch([f"link set dev {HOST_INTERFACE} down"], inside=found.namespace)
        if into:
            run_ip_batch([f"addr flush dev {HOST_INTERFACE}"], inside=found.namespace)
            run_ip_batch(list_attachment(found.interface), inside=found.namespace)

    def change_stage(self, after: Stage, roll_out: Callable[[], None]) -> list[StepSeen]:
        """Have the ward's stage changed; the hosts that it moves follow it. What each school's senders saw."""
        before, began = self.scene.stage, time.monotonic()
        self.scene.set_stage(after)
        roll_out()
        follow_stages(self.scene.load())
        permitted = [one for one in self.used if self._uses[after][one].permitted]
        settled = time.monotonic()
        self.senders.await_answers(permitted, settled)
        self.senders.await_decided(time.monotonic())
        return [self._sum_up(school.id, before, after, began, settled) for school in self.layout.schools]

    def list_reached(self, school: str, since: float) -> tuple[str, ...]:
        """What pupils' hosts of a school reached since a moment that they must not."""
        return tuple(
            one.name
            for one in self.forbidden
            if one.name.startswith(f"{school}/") and self.senders.records[one].count(answered=True, since=since)
        )

    def is_kept(self, stream: Stream, before: Stage, after: Stage) -> bool:
        """Whether both stages permit it, and its host stays in its segment."""
        old, new = self._uses[before][stream], self._uses[after][stream]
        return old.permitted and new.permitted and old.segment == new.segment

    def is_moved(self, stream: Stream, before: Stage, after: Stage) -> bool:
        """Whether both stages permit it, and the port of its host changes its segment."""
        old, new = self._uses[before][stream], self._uses[after][stream]
        return old.permitted and new.permitted and old.segment != new.segment

    def _sum_up(self, school: str, before: Stage, after: Stage, began: float, settled: float) -> StepSeen:
        own = {
            one: self.senders.records[one] for one in (*self.used, *self.forbidden) if one.name.startswith(f"{school}/")
        }
        kept = {one: own[one] for one in self.used if one in own and self.is_kept(one, before, after)}
        moved = {one: own[one] for one in self.used if one in own and self.is_moved(one, before, after)}
        return StepSeen(
            school=school,
            platform=self.layout.school(school).platform,
            before=before,
            after=after,
            seconds=settled - began,
            kept_sent=sum(len(one.list_between(began, float("inf"))) for one in kept.values()),
            kept_lost=tuple(
                one.name for one, seen in kept.items() for _ in range(seen.count(answered=False, since=began))
            ),
            kept_gap=max((one.measure_longest(began) for one in kept.values()), default=0.0),
            moved_gap=max((one.measure_longest(began) for one in moved.values()), default=0.0),
            silent=self._list_silent(own, after, settled),
            forbidden_tries=sum(
                len(own[one].list_between(began, float("inf"))) for one in self.forbidden if one in own
            ),
            reached=self.list_reached(school, began),
        )

    def _list_silent(self, own: Mapping[Stream, object], stage: Stage, since: float) -> tuple[str, ...]:
        """What a stage permits and was not answered since it was reached, or denies and was."""
        return tuple(
            one.name
            for one in self.used
            if one in own
            and bool(self.senders.records[one].count(answered=True, since=since))
            is not self._uses[stage][one].permitted
        )

    def _list_denied(self) -> Iterable[Stream]:
        """What pupils try, and no stage permits."""
        for stream, pair in self._uses[Stage.SEPARATED].items():
            if pair.host in PUPILS and not any(uses[stream].permitted for uses in self._uses.values()):
                yield stream
