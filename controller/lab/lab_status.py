"""What of the virtual city lives, and what does not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import Field, computed_field

from controller.errors import LabError
from controller.lab import lifecycle
from controller.lab.network import frr_configuration, frr_routers, namespaces, ovs_switches
from controller.lab.network.virtual_cores import virtual_cores
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Frozen, Layout, SchoolLayout
from controller.lab.state.processes import is_alive


class SchoolStatus(Frozen):
    """One school: its programs by name, its namespaces that are gone, and whether its switch answers.

    `switch`: Open vSwitch answers on its own socket. `login`: its SSH server answers the controller, in band.
    """

    school: str
    programs: dict[str, bool]
    missing_namespaces: tuple[str, ...]
    switch: bool
    login: bool

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lives(self) -> bool:
        """Whether everything of the school lives."""
        return all(self.programs.values()) and not self.missing_namespaces and self.switch and self.login


class LabStatus(Frozen):
    """The whole lab; `services` are the applications, `missing_namespaces` those that no school owns.

    `responders` are what measurements talk to, `broken` what was broken on purpose, which lives all the same.
    `routers`: those of the regions and of the core. `iap`: the programs that a deployed cloud adds, if one is.
    """

    services: bool
    responders: bool
    broken: tuple[str, ...] = ()
    routers: dict[str, bool] = Field(default_factory=dict)
    iap: dict[str, bool] = Field(default_factory=dict)
    missing_namespaces: tuple[str, ...]
    schools: tuple[SchoolStatus, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def lives(self) -> bool:
        """Whether everything lives."""
        programs = self.services and self.responders and all(self.routers.values()) and all(self.iap.values())
        return programs and not self.missing_namespaces and all(school.lives for school in self.schools)


def read_lab_status(state: Path = paths.STATE) -> LabStatus:
    """Ask every part of the lab whether it lives.

    Raises:
        LabError: no lab is up, or only half of one.
    """
    record = undo_log.read_active_record(state)
    layout = record.layout
    running = {key for key, process in undo_log.list_current_processes(state).items() if is_alive(process)}
    present = set(namespaces.list_namespaces())
    with ThreadPoolExecutor(max_workers=8) as pool:
        schools = tuple(pool.map(lambda school: _school(layout, school, running, present, state), layout.schools))
    return LabStatus(
        services=("", lifecycle.SERVICES) in running,
        responders=all(("", name) in running for name in lifecycle.RESPONDERS),
        broken=tuple(map(str, record.broken)),
        routers={
            name: all((name, daemon) in running for daemon in frr_routers.DAEMONS)
            for name in frr_configuration.list_outside_routers(layout)
        },
        iap={name: ("", name) in running for name in lifecycle.IAP_PROGRAMS} if layout.perimeter else {},
        missing_namespaces=tuple(name for name in _common(layout) if name not in present),
        schools=schools,
    )


def _common(layout: Layout) -> tuple[str, ...]:
    own = {name for school in layout.schools for name in school.namespaces}
    return tuple(name for name in layout.namespaces if name not in own)


def _school(
    layout: Layout, school: SchoolLayout, running: set[tuple[str, str]], present: set[str], state: Path
) -> SchoolStatus:
    switch = virtual_cores.PROGRAMS if school.is_virtual else ovs_switches.PROGRAMS
    return SchoolStatus(
        school=school.id,
        programs={name: (school.id, name) in running for name in (*switch, *frr_routers.PROGRAMS)},
        missing_namespaces=tuple(name for name in school.namespaces if name not in present),
        switch=_switch_answers(school, state),
        login=lifecycle.answers_login(layout, school),
    )


def _switch_answers(school: SchoolLayout, state: Path) -> bool:
    if school.is_virtual:
        return virtual_cores.has_filters(school)
    try:
        ovs_switches.run_ovs_ofctl(school, state, "dump-aggregate", ovs_switches.BRIDGE)
    except LabError:
        return False
    return True
