"""Everybody at every application, and every attack, in the lab that is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path

from controller.errors import LabError
from controller.lab.iap import trial_clock
from controller.lab.iap.deployed_access import list_deployed_groups
from controller.lab.iap.directory import Directory
from controller.lab.iap.iap_files import IapFiles
from controller.lab.state import paths, undo_log
from controller.lab.state.layout import Perimeter
from controller.lab.state.perimeter import HTTPS
from controller.lab.trials.matrix import DENIED_SECONDS, OPEN_SECONDS
from controller.lab.trials.matrix_pairs import check_same_addresses
from controller.lab.trials.people.attacks import AttackAttempt, list_attacks
from controller.lab.trials.people.browser import Browser, BrowserPage, ServerAddress, SignInFailed
from controller.lab.trials.people.directory_registration import RegisteredPeople, read_stack_organisation
from controller.lab.trials.people.people_results import (
    AttackResult,
    PeopleResult,
    SessionResult,
    VisitResult,
    judge_failed_sign_in,
    judge_session,
    judge_visit,
)
from controller.lab.trials.people.synthetic_people import SyntheticPerson
from controller.lab.trials.people.visits import Visit, find_outsider, list_visits
from controller.model.virtual_city import VirtualCity
from controller.prove.identity.iap_sessions import find_asked_sessions

Progress = Callable[[str], None]

_AT_ONCE = 24
_SIGN_IN_SECONDS = 10.0


def try_people(
    city: VirtualCity,
    schools: Iterable[str] = (),
    *,
    progress: Progress = lambda _: None,
    state: Path = paths.STATE,
) -> PeopleResult:
    """Try every person of these schools (none named: of all), those outside, and every attack.

    Raises:
        LabError: no lab is up, no cloud is deployed in it, it was built from another city, or a school is not in it.
    """
    layout = undo_log.read_active_record(state).layout
    around = layout.perimeter
    if around is None:
        message = "no cloud is deployed in this lab; 'tsunagu cloud up --stack lab', then 'tsunagu lab down' and 'up'"
        raise LabError(message)
    check_same_addresses(city, layout)
    chosen = tuple(layout.school(name).id for name in schools) or tuple(school.id for school in layout.schools)
    began = time.monotonic()
    files = IapFiles(state)
    with paths.hold_lock(state, "try people"), ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        tried = list(list_visits(city, layout, around, chosen))
        cast = {visit.person.row: visit.person for visit in tried}
        registered = RegisteredPeople(
            cast.values(), read_stack_organisation(city.outputs.stack), list_deployed_groups(Path(around.world))
        )
        files.write_accounts(registered.accounts.model_dump_json())
        try:
            measurement = _Measurement(files, around, registered, pool, progress)
            asked = {name: one.length for name, one in find_asked_sessions(city).items()}
            found, attacked, sessions = measurement.everything(tried, find_outsider(city, tried), asked)
        finally:
            files.write_accounts(Directory().model_dump_json())  # nobody can sign in when nobody is being tried
    seconds = round(time.monotonic() - began, 2)
    return PeopleResult(results=found, attacks=attacked, sessions=sessions, seconds=seconds)


class _Measurement:
    def __init__(
        self,
        files: IapFiles,
        around: Perimeter,
        registered: RegisteredPeople,
        pool: ThreadPoolExecutor,
        progress: Progress,
    ) -> None:
        self._files = files
        self._around = around
        self._registered = registered
        self._pool = pool
        self._progress = progress
        self._browser = Browser(files.folder.parent)
        self._clock_key = files.clock_key.read_bytes()

    def everything(
        self, tried: Sequence[Visit], outsider: SyntheticPerson, asked: Mapping[str, timedelta]
    ) -> tuple[tuple[VisitResult, ...], tuple[AttackResult, ...], tuple[SessionResult, ...]]:
        # Whoever has no way to any application could not sign in either, and need not.
        # Over IPv4, where their seat has it.
        with_a_way = sorted((visit for visit in tried if visit.network), key=lambda visit: visit.family, reverse=True)
        ways = {visit.person.row: visit for visit in with_a_way}
        seats = {visit.person.row: ways[visit.person.row] for visit in tried if visit.network}
        self._progress(f"{len(seats)} people sign in")
        signed_in = dict(zip(seats, self._pool.map(self._sign_in, seats.values()), strict=True))
        self._progress(f"{len(tried)} visits")
        results = tuple(self._pool.map(lambda visit: self._visit(visit, signed_in.get(visit.person.row, "")), tried))
        attempted = list(list_attacks(self._files, self._around, _fronts(tried), _token(signed_in[outsider.row])))
        self._progress(f"{len(attempted)} attacks")
        attacked = tuple(self._pool.map(self._attack, attempted))
        return results, attacked, tuple(self._sessions(tried, signed_in, asked))

    def _sessions(
        self, tried: Sequence[Visit], signed_in: Mapping[str, str | SignInFailed], asked: Mapping[str, timedelta]
    ) -> Iterator[SessionResult]:
        """At each application, somebody who is let in: as long after their sign-in as a session lasts, and longer."""
        for application, length in asked.items():
            let_in = (one for one in tried if one.application == application and one.permitted)
            known = ((one, token) for one in let_in if isinstance(token := signed_in[one.person.row], str))
            for visit, token in islice(known, 1):
                for age, lasts in ((length, True), (length + timedelta(seconds=1), False)):
                    page = self._ask(visit, token, age)
                    yield judge_session(visit, int(age.total_seconds()), page, lasts=lasts)

    def _sign_in(self, visit: Visit) -> str | SignInFailed:
        try:
            given = self._registered.sign_in(visit.person)
            return self._browser.sign_in(visit.seat, self._around.identity.of(visit.family), given, _SIGN_IN_SECONDS)
        except SignInFailed as failed:
            return failed

    def _visit(self, visit: Visit, token: str | SignInFailed) -> VisitResult:
        if visit.network and isinstance(token, SignInFailed):
            return judge_failed_sign_in(visit, str(token))
        page = self._ask(visit, token if isinstance(token, str) else "")
        return judge_visit(visit, page, self._registered.sign_in(visit.person).email)

    def _ask(self, visit: Visit, token: str, session_age: timedelta | None = None) -> BrowserPage:
        headers = {trial_clock.HEADER: trial_clock.sign_moment(self._clock_key, visit.at, session_age)}
        if token:
            headers["authorization"] = f"Bearer {token}"
        door = ServerAddress(visit.address, HTTPS, visit.host)
        return self._browser.page(visit.seat, door, headers, OPEN_SECONDS if visit.network else DENIED_SECONDS)

    def _attack(self, attempted: AttackAttempt) -> AttackResult:
        page = self._browser.page(attempted.seat, attempted.door, attempted.headers, OPEN_SECONDS)
        return AttackResult(
            name=attempted.name,
            application=attempted.application,
            address=attempted.door.address,
            status=page.status,
            reason=page.says("refused") or page.problem,
            let_in=attempted.came_in(page),
            must_work=attempted.must_work,
        )


def _token(found: str | SignInFailed) -> str:
    if isinstance(found, SignInFailed):
        message = f"the attacks need somebody who signed in: {found}"
        raise LabError(message)
    return found


def _fronts(tried: Iterable[Visit]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for visit in tried:
        found.setdefault(visit.application, {})[visit.address] = None
    return {application: tuple(addresses) for application, addresses in found.items()}
