"""The edit of `city/integration.yaml` that puts a subject into another stage, and the policy that it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from controller.errors import Origin, TsunaguError
from controller.inputs.near_matches import suggest_names
from controller.inputs.shown_text import shorten_value
from controller.integration.stage_change import StageSubject, change_stage, list_subject_schools, require_stages
from controller.model.city import City
from controller.model.integration.integrations import Integration
from controller.model.loading.policy_text import (
    PolicyText,
    add_entry,
    change_entry,
    find_policy_text,
    try_policy_text,
    understand_policy_text,
)
from controller.model.policy_files import INTEGRATION
from controller.model.sites.schools import School
from controller.model.sites.stages import STAGES, Stage, are_adjacent
from controller.model.virtual_city import VirtualCity

_KEY = "integrations"
_DONE = {"came-from": None}
"""What the entry of a change that is carried out does not say any more."""
_SHOWN = 8
_NOUNS = ("school", "ward", "group")
LoadInstead = Callable[[dict[str, Path]], City]
"""Loads the city with files that stand in for some of its own."""


@dataclass(frozen=True, slots=True)
class StageRequest:
    """A subject that is to be in a stage from a day on, and who answers for it ("": as the entry says).

    `least_weeks` are those that a school is in `coexist` at least, by the operators' file.
    """

    subject: StageSubject
    stage: Stage
    cutover: date | None = None
    by: str = ""
    least_weeks: int = 0


@dataclass(frozen=True, slots=True)
class StayingSchool:
    """A school of the subject that stays in its stage, as a closer entry decides."""

    school: str
    stage: Stage
    entry: Origin


@dataclass(frozen=True, slots=True)
class StagePolicy:
    """A change of stage that the policy takes: the cities before and after it, and the text that leads there.

    `schools` change with it; `staying` are of the subject, too, and do not.
    """

    subject: StageSubject
    before: City
    after: City
    stage_before: Stage
    stage: Stage
    cutover: date
    by: str
    schools: tuple[str, ...]
    text: PolicyText
    staying: tuple[StayingSchool, ...] = ()
    is_under_way: bool = False
    """The change was written before, and is planned again or taken back: devices may stand between the stages."""
    may_be_done: bool = False
    """It is planned again, and its day has come: a rollout may have carried it out as a whole."""


@dataclass(frozen=True, slots=True)
class StageConfirmation:
    """A written change whose day has come: the entry, the schools that it is for, and the text that says it is done."""

    subject: StageSubject
    entry: Integration
    schools: tuple[str, ...]
    text: PolicyText


def find_stage_subject(city: City, name: str) -> StageSubject:
    """Find what a name means: a school, a ward or a group, by its id or by its name for people.

    `school:`, `ward:` and `group:` before it say which is meant. What an id means is no id of one and name of another.

    >>> find_stage_subject(city, "麻生区"), find_stage_subject(city, "ward:asao")
    (StageSubject(noun='ward', name='asao'), StageSubject(noun='ward', name='asao'))

    Raises:
        TsunaguError: nothing is called so, or more than one thing is.
    """
    called: dict[tuple[str, str], str] = {("school", one.id): one.name for one in city.estate_schools}
    called |= {("ward", one.id): one.name for one in city.wards}
    called |= {("group", one.id): one.name for one in city.groups.values()}
    noun, _, rest = name.partition(":")
    if rest and noun in _NOUNS:
        called = {key: word for key, word in called.items() if key[0] == noun}
        name = rest
    meant = [key for key, word in called.items() if name in {key[1], word}]
    if len(meant) == 1:
        return StageSubject(*meant[0])
    if meant:
        shown = ", ".join(f"{noun}:{one}" for noun, one in meant[:_SHOWN])
        message = f"{len(meant)} things of {city.called} are called {shorten_value(name)}; name the one that is meant: "
        raise TsunaguError(message + shown)
    ids = {one: word for (_, one), word in called.items()}
    near = suggest_names(name, ids, {one: word for one, word in ids.items() if word})
    message = f"there is no school, ward or group {shorten_value(name)} in {city.called}{near}"
    raise TsunaguError(message)


def plan_stage_policy(city: City, policies: Path, request: StageRequest, load: LoadInstead) -> StagePolicy:
    """Return the policy with a subject in its next stage, judged as any policy is; nothing is written.

    Raises:
        TsunaguError: the change is refused, in one line with the file and the line that stand against it.
    """
    subject, file = request.subject, require_stages(city)
    schools = list_subject_schools(city, subject)
    if not schools:
        message = f"{subject.noun} {subject.name} has no school whose stage it decides{_name_closer(city, subject)}"
        raise TsunaguError(message)
    entries = {one.id: entry for one in schools if (entry := city.integrations.find_entry(one)) is not None}
    known = next((one for one in file.integrations if one.subject == (subject.noun, subject.name)), None)
    entry = known or next(iter(entries.values()))
    again = entry is known and entry.stage is request.stage and entry.came_from is not None
    stage_before = entry.came_from if again and entry.came_from else _refuse_stage(city, request, entries)
    cutover = _choose_cutover(city, request, entry)
    _refuse_day(city, schools, cutover, entry.origin)
    _refuse_early_end(city, request, entries.values(), cutover)
    by = request.by or entry.by
    text = _edit_text(policies, request, known, (stage_before, cutover, by))
    before = change_stage(city, subject, stage_before, by=entry.by, since=None) if again else city
    after = try_policy_text(text, load)
    here = [one.id for one in city.estate_schools]
    names = tuple(one.id for one in schools if one.id in here)
    if not names:
        message = f"{subject.noun} {subject.name} has no school in {city.called}; there are: {', '.join(here[:_SHOWN])}"
        raise TsunaguError(message)
    staying = _list_staying(city, subject, names)
    is_under_way = again or any(one.came_from is request.stage for one in entries.values())
    return StagePolicy(
        *(subject, before, after, stage_before, request.stage, cutover, by, names, text, staying, is_under_way),
        may_be_done=again and entry.is_unconfirmed(city.policy_date),
    )


def plan_confirmation(
    city: City, policies: Path, subject: StageSubject, load: LoadInstead, today: date
) -> StageConfirmation:
    """Return the edit that says that a written change is carried out; nothing is written, and no device is asked.

    `today` is the day of the clock. Whatever day the city was loaded for, what real devices are to hold on a day to
    come is not confirmed.

    Raises:
        TsunaguError: there is no such change, or its day is still to come.
    """
    path, file = policies / INTEGRATION.name, city.files.find(INTEGRATION)
    listed = file.integrations if file else ()
    entry = next((one for one in listed if one.subject == (subject.noun, subject.name)), None)
    if entry is None:
        message = f"{path}: {subject.noun} {subject.name} has no entry of its own; confirm the one that holds for it"
        raise TsunaguError(message + _name_closer(city, subject))
    if entry.came_from is None:
        message = f"{entry.origin}: {subject.name} is {entry.stage}; no written change of it is to be confirmed"
        raise TsunaguError(message)
    if entry.is_waiting(city.policy_date if isinstance(city, VirtualCity) else min(city.policy_date, today)):
        message = (
            f"{entry.origin}: {subject.name} changes to {entry.stage} on {entry.since}; confirm it once that is done"
        )
        raise TsunaguError(message)
    schools = [one.id for one in list_subject_schools(city, subject) if one.id not in city.cut_offs.closed]
    here = {one.id for one in city.estate_schools}
    absent = [one for one in schools if one not in here]
    if absent or not schools:
        message = f"{entry.origin}: {city.called} has {len(schools) - len(absent)} of the {len(schools)} schools of "
        message += f"{subject.noun} {subject.name}; so nobody can confirm it here"
        raise TsunaguError(message)
    before = find_policy_text(path) or ""
    text = PolicyText(path, before, change_entry(path, before, _KEY, _find_number(path, before, entry), _DONE))
    try_policy_text(text, load)
    return StageConfirmation(subject, entry, tuple(schools), text)


def _list_staying(city: City, subject: StageSubject, moving: tuple[str, ...]) -> tuple[StayingSchool, ...]:
    return tuple(
        StayingSchool(one.id, entry.stage, entry.origin)
        for one in city.estate_schools
        if one.id not in moving and _is_of(city, subject, one)
        if (entry := city.integrations.find_entry(one)) is not None
    )


def _name_closer(city: City, subject: StageSubject) -> str:
    """Name the entries that decide instead, where there are schools of the subject."""
    inside = [one for one in city.schools if _is_of(city, subject, one)]
    found = dict.fromkeys(
        str(entry.origin) for one in inside if (entry := city.integrations.find_entry(one)) is not None
    )
    return f": {', '.join([*found][:_SHOWN])} hold for them" if found else ""


def _is_of(city: City, subject: StageSubject, school: School) -> bool:
    if subject.noun == "group":
        return city.groups[subject.name].contains(school)
    return subject.name == (school.ward if subject.noun == "ward" else school.id)


def _refuse_stage(city: City, request: StageRequest, entries: dict[str, Integration]) -> Stage:
    """Return the stage that the schools of a subject are in, where the one that is asked for follows it.

    Raises:
        TsunaguError: they are in it already, in more than one, or in one that it does not follow.
    """
    by_stage = {one.stage: (school, one) for school, one in entries.items()}
    if len(by_stage) > 1:
        told = ", ".join(f"{school} is {stage} ({one.origin})" for stage, (school, one) in by_stage.items())
        message = f"{request.subject.name}: its schools are in different stages: {told}; plan each by itself"
        raise TsunaguError(message)
    stage, (_, entry) = next(iter(by_stage.items()))
    if stage is request.stage:
        message = f"{entry.origin}: {request.subject.name} is {stage} already; nothing is to be planned"
        raise TsunaguError(message)
    if entry.is_waiting(city.policy_date) and request.stage is not entry.came_from:
        message = f"{entry.origin}: the change from {entry.came_from} to {stage} on {entry.since} is not carried out "
        message += f"so far; --to {stage} plans it again, --to {entry.came_from} takes it back"
        raise TsunaguError(message)
    if not are_adjacent(stage, request.stage):
        order = " -> ".join(STAGES)
        message = f"{entry.origin}: from {stage} to {request.stage} skips a stage; the order is {order}, or back"
        raise TsunaguError(message)
    return stage


def _choose_cutover(city: City, request: StageRequest, entry: Integration) -> date:
    """Return the day of the cut-over: the one that is asked for, else the one that the entry plans.

    Raises:
        TsunaguError: nobody says it, it is over, or it is not after the last one.
    """
    planned = entry.next.cutover if entry.next is not None and entry.next.stage is request.stage else None
    if entry.stage is request.stage:
        planned = entry.since
    cutover = request.cutover or planned
    if cutover is None:
        message = f"{entry.origin}: says no day for the cut-over to {request.stage}; name it: --cutover YYYY-MM-DD"
        raise TsunaguError(message)
    if cutover < city.policy_date:
        message = f"{entry.origin}: the cut-over ({cutover}) is over on {city.policy_date}; name another: --cutover"
        if entry.stage is request.stage:
            message += f"; where the devices are {entry.stage} already: tsunagu integrate confirm"
        raise TsunaguError(message)
    waits = entry.came_from is not None and (entry.stage is request.stage or entry.is_waiting(city.policy_date))
    if entry.since is not None and cutover < entry.since and not waits:
        message = f"{entry.origin}: the cut-over ({cutover}) is before the last one ({entry.since})"
        raise TsunaguError(message)
    return cutover


def _refuse_day(city: City, schools: tuple[School, ...], day: date, origin: Origin) -> None:
    """Refuse a cut-over on a day of lessons or exams.

    Raises:
        TsunaguError: names the school.
    """
    calendar = city.calendar
    for school in schools if calendar is not None else ():
        why = calendar.explain_busy_cutover(day, school.kind, school.id) if calendar is not None else ""
        if why:
            message = f"{origin}: {why}"
            raise TsunaguError(message)


def _refuse_early_end(city: City, request: StageRequest, entries: Iterable[Integration], day: date) -> None:
    """Refuse to end the old networks before they stood beside the new one for long enough; a virtual city waits not.

    Raises:
        TsunaguError: names the first day that is late enough.
    """
    if request.stage is not Stage.INTEGRATED or isinstance(city, VirtualCity):
        return
    for one in entries:
        began = one.since if one.stage is Stage.COEXIST else None
        first = began + timedelta(weeks=request.least_weeks) if began is not None else None
        if first is not None and day < first:
            message = (
                f"{one.origin}: the cut-over ({day}) is less than {request.least_weeks} weeks after that to coexist "
            )
            message += f"({began}); choose {first} or a later day (least-weeks-in-coexist of the operators' file)"
            raise TsunaguError(message)


def _edit_text(
    policies: Path, request: StageRequest, known: Integration | None, terms: tuple[Stage, date, str]
) -> PolicyText:
    """Return the text with the subject in its new stage: its own entry changed, or one more."""
    path = policies / INTEGRATION.name
    text, subject = find_policy_text(path) or "", request.subject
    words: dict[str, object] = {
        "stage": str(request.stage),
        "by": terms[2],
        "since": terms[1],
        "came-from": str(terms[0]),
    }
    if known is None:
        after = add_entry(path, text, _KEY, {subject.noun: subject.name, **words})
    else:
        ended = {} if known.stage is request.stage else {"next": None}
        after = change_entry(path, text, _KEY, _find_number(path, text, known), {**words, **ended})
    return PolicyText(path, text, after)


def _find_number(path: Path, text: str, known: Integration) -> int:
    """Find which entry of a text, from 0 on, is the one that the city was loaded with.

    Raises:
        TsunaguError: it says something else by now.
    """
    listed = understand_policy_text(INTEGRATION, path, text).integrations
    for number, one in enumerate(listed):
        if one.subject == known.subject and one.model_dump() == known.model_dump():
            return number
    message = f"{path}: was changed by somebody else meanwhile; nothing was written: run this again"
    raise TsunaguError(message)
