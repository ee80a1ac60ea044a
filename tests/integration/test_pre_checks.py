"""Each check before a change of stage: what passes it, what fails it, and what leaves it not judged."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from controller.errors import InputError, Origin, TsunaguError
from controller.integration.computers.host_cells import ListedHost
from controller.integration.computers.issued_table import IssuedCount, parse_issued_counts
from controller.integration.computers.printer_table import parse_printers
from controller.integration.plan_change import compare_with_both
from controller.integration.pre_checks.check import CheckName, CheckResult, CheckScene, RunningRollout
from controller.integration.pre_checks.registry import PRE_CHECKS, ask_checks, find_pass_reasons
from controller.integration.stage_policy import StageRequest, find_stage_subject
from controller.measure.assessment.assess import SchoolAssessment, assess_school
from controller.messages import load_catalogue
from controller.model.access.quarantines import Quarantine, QuarantineFile
from controller.model.city import City
from controller.model.policy_files import QUARANTINES
from controller.model.sites.devices import Device
from controller.model.sites.stages import Stage
from controller.plan.backup import Backup
from controller.plan.observe import Observed
from controller.rollout.change_backups import FOLDER
from controller.rollout.durable.gates.gate import GateVerdict
from tests.integration.conftest import SCHOOL, StagedCity, load_staged, plan_policy
from tests.integration.staged_policies import (
    SOCKETS,
    observe_as_wanted,
    write_integration,
    write_staged_policies,
)
from tests.measure.findings import measurement, path, throughput

HERE = Origin("list.csv", 2)
AT = datetime(2026, 12, 1, 3, tzinfo=UTC)
PRINTER = ListedHost(HERE, SCHOOL, "pr1", "00:1b:a9:01:02:03", ip_address("10.0.0.1"))
GOOD, BAD, OPEN = GateVerdict.PASSED, GateVerdict.FAILED, GateVerdict.NOT_JUDGED
Change = Callable[[CheckScene], CheckScene]


@pytest.fixture(scope="session")
def scene(staged: StagedCity, tmp_path_factory: pytest.TempPathFactory) -> CheckScene:
    """A scene in which every check passes."""
    state = tmp_path_factory.mktemp("state")
    for one in staged.now:
        device, at = one.observed.device, AT - timedelta(days=3)
        write_backup(state / FOLDER / device.id / f"{at:%Y%m%dT%H%M%S%fZ}", device, at)
    school = staged.city.school_by_id[SCHOOL]
    segment = staged.city.segments["printers"]
    inside = staged.city.addresses.segment_prefix(school, segment, staged.city.families[0])
    return CheckScene(
        policy=staged.policy,
        at=AT,
        now=staged.now,
        later=staged.later,
        asked=True,
        state=state,
        lines={SCHOOL: _assess(staged.city, 900.0)},
        printers=(replace(PRINTER, address=inside[21]),),
        issued=(IssuedCount(HERE, SCHOOL, 40, 39),),
    )


def write_backup(folder: Path, device: Device, at: datetime) -> None:
    """Write a backup as `controller.plan.backup` writes it."""
    content = f"hostname {device.id}\n".encode()
    digest = hashlib.sha256(content).hexdigest()
    about = Backup(device.id, device.school.id, device.platform, at.isoformat(), digest, digest, 1, 0, 0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{device.id}.cfg").write_bytes(content)
    (folder / f"{device.id}.json").write_text(json.dumps(asdict(about)), "utf-8")


def _assess(city: City, mbps: float, at: datetime = AT - timedelta(days=1)) -> SchoolAssessment:
    found = replace(measurement(path(SCHOOL), throughput(mbps)), at=at)
    return assess_school(city.school_by_id[SCHOOL], [found], city.measurement)


def test_all_checks_pass_where_all_is_as_it_must_be(scene: CheckScene) -> None:
    judged = ask_checks(scene, {})
    assert [one.name for one in judged] == [*CheckName]
    assert [(one.name, one.result) for one in judged if not one.passed] == []
    for language in ("ja", "en"):
        words = load_catalogue(language)
        assert all(words.say(one.result.key, **one.result.marks) for one in judged)


def _refuse_one(scene: CheckScene) -> CheckScene:
    first = scene.now[0]
    silent = Observed(first.observed.device, refusal=TsunaguError("no answer"))
    broken = replace(first, observed=silent, refusal=silent.refusal)
    return replace(scene, now=[broken, *scene.now[1:]], later=[broken, *scene.later[1:]])


def _forget_backups(scene: CheckScene) -> CheckScene:
    assert scene.state is not None
    return replace(scene, state=scene.state / "nothing")


def _quarantine(scene: CheckScene) -> CheckScene:
    entry = Quarantine(
        origin=HERE, school=SCHOOL, since=date(2026, 12, 20), until=date(2026, 12, 31), reason="r", by="b"
    )
    before = scene.policy.before.replace_file(QUARANTINES, QuarantineFile(quarantines=(entry,)))
    return replace(scene, policy=replace(scene.policy, before=before))


def _in_part(scene: CheckScene) -> CheckScene:
    school = scene.policy.before.school_by_id[SCHOOL].model_copy(update={"adoption": "filters"})
    before = replace(scene.policy.before)
    before.__dict__["school_by_id"] = {SCHOOL: school}
    return replace(scene, policy=replace(scene.policy, before=before))


def _drift(scene: CheckScene) -> CheckScene:
    return replace(scene, now=[replace(scene.now[0], changes=("~ x",)), *scene.now[1:]])


def _incapable(scene: CheckScene) -> CheckScene:
    return replace(scene, later=[replace(scene.later[0], refusal=TsunaguError("too large")), *scene.later[1:]])


def _put_printer(scene: CheckScene, segment: str) -> CheckScene:
    return _put_printer_at(scene, 21, segment)


def _put_printer_at(scene: CheckScene, number: int, segment: str = "printers") -> CheckScene:
    city = scene.policy.before
    prefix = city.addresses.segment_prefix(city.school_by_id[SCHOOL], city.segments[segment], city.families[0])
    return replace(scene, printers=(replace(PRINTER, address=prefix[number]),))


def _date_lists(scene: CheckScene, day: date) -> CheckScene:
    printers = tuple(replace(one, as_of=day) for one in scene.printers or ())
    return replace(scene, printers=printers, issued=tuple(replace(one, as_of=day) for one in scene.issued or ()))


CASES: list[tuple[CheckName, GateVerdict, Change, str]] = [
    (CheckName.REACHABLE, BAD, _refuse_one, "as-e04-rt1 (no answer)"),
    (CheckName.REACHABLE, OPEN, lambda one: replace(one, asked=False), "none was asked"),
    (CheckName.CAPABLE, BAD, _incapable, "as-e04-rt1 (too large)"),
    (CheckName.CAPABLE, OPEN, _refuse_one, "as-e04-rt1"),
    (CheckName.ADOPTED, BAD, _in_part, "as-e04 (filters)"),
    (CheckName.BACKED_UP, OPEN, _forget_backups, "as-e04-rt1"),
    (CheckName.BACKED_UP, OPEN, lambda one: replace(one, state=None), "nothing was saved"),
    (CheckName.BACKED_UP, BAD, lambda one: replace(one, at=AT + timedelta(days=60)), "as-e04-rt1 (2026-11-28)"),
    (CheckName.NO_DRIFT, BAD, _drift, "as-e04-rt1"),
    (CheckName.NO_DRIFT, OPEN, _refuse_one, "as-e04-rt1"),
    (CheckName.LINE, OPEN, lambda one: replace(one, lines={}), "as-e04"),
    (CheckName.LINE, BAD, lambda one: replace(one, lines={SCHOOL: _assess(one.policy.before, 3.0)}), "3 Mbit/s"),
    (CheckName.LINE, OPEN, lambda one: replace(one, at=AT + timedelta(days=60)), "900 Mbit/s, 2026-11-30"),
    (
        CheckName.CALENDAR,
        OPEN,
        lambda one: replace(one, policy=replace(one.policy, cutover=date(2150, 1, 1))),
        "no calendar knows 2150-01-01",
    ),
    (CheckName.NOT_CUT_OFF, BAD, _quarantine, "school as-e04 (list.csv:2)"),
    (CheckName.NO_ROLLOUT, BAD, lambda one: replace(one, rollout=RunningRollout("r1", frozenset({SCHOOL}))), "r1"),
    (CheckName.NO_ROLLOUT, OPEN, lambda one: replace(one, rollout=RunningRollout(unknown="damaged")), "damaged"),
    (CheckName.PRINTERS, OPEN, lambda one: replace(one, printers=None), "as-e04"),
    (CheckName.PRINTERS, OPEN, lambda one: replace(one, printers=()), "as-e04"),
    (CheckName.PRINTERS, BAD, lambda one: replace(one, printers=(PRINTER,)), "pr1 (list.csv:2: 10.0.0.1)"),
    (CheckName.PRINTERS, BAD, lambda one: _put_printer(one, "pupil"), "pr1 (list.csv:2: "),
    (CheckName.PRINTERS, BAD, lambda one: _put_printer_at(one, 0), "that no host can have"),
    (CheckName.PRINTERS, BAD, lambda one: _put_printer_at(one, 1), "pr1 (list.csv:2: "),
    (CheckName.PRINTERS, BAD, lambda one: _put_printer_at(one, -1), "that no host can have"),
    (CheckName.PRINTERS, GOOD, lambda one: one, "the list does not say of which day it is"),
    (CheckName.PRINTERS, GOOD, lambda one: _date_lists(one, date(2026, 11, 20)), "as of 2026-11-20"),
    (CheckName.ISSUED, GOOD, lambda one: one, "the list does not say of which day it is"),
    (CheckName.ISSUED, GOOD, lambda one: _date_lists(one, date(2026, 11, 20)), "as of 2026-11-20"),
    (CheckName.ISSUED, OPEN, lambda one: replace(one, issued=(IssuedCount(HERE, SCHOOL, 1, 1),)), "as-e04 (1 < "),
    (CheckName.ISSUED, GOOD, lambda one: one, "39 of 40"),
    (CheckName.ISSUED, OPEN, lambda one: replace(one, issued=None), "as-e04"),
    (CheckName.ISSUED, OPEN, lambda one: replace(one, issued=(IssuedCount(HERE, SCHOOL, 0, 0),)), "as-e04"),
    (CheckName.ISSUED, BAD, lambda one: replace(one, issued=(IssuedCount(HERE, SCHOOL, 40, 37),)), "as-e04 (37/40)"),
]


@pytest.mark.parametrize(("name", "verdict", "change", "seen"), CASES)
def test_a_check_says_what_it_saw(
    scene: CheckScene, name: CheckName, verdict: GateVerdict, change: Change, seen: str
) -> None:
    result = PRE_CHECKS[name].judge(change(scene))
    assert result.verdict is verdict
    assert seen in load_catalogue("en").say(result.key, **result.marks)


@pytest.mark.parametrize("above", [True, False])
def test_what_the_backup_playbook_saved_counts(scene: CheckScene, tmp_path: Path, *, above: bool) -> None:
    """The dated folder is named, or the one over such; what was kept before a change is older."""
    old, new = (tmp_path / "backups" / name for name in ("2026-10-01T090000", "2026-11-30T090000"))
    for one in scene.now:
        write_backup(old, one.observed.device, AT - timedelta(days=60))
        write_backup(new, one.observed.device, AT - timedelta(days=1))
    saved = replace(scene, state=tmp_path / "nothing", backups=new.parent if above else new)
    result = PRE_CHECKS[CheckName.BACKED_UP].judge(saved)
    assert (result.verdict, result.marks["oldest"]) == (GOOD, "2026-11-30")
    first = scene.now[0].observed.device.id
    (new / f"{first}.cfg").write_text("changed\n", "utf-8")
    result = PRE_CHECKS[CheckName.BACKED_UP].judge(saved)
    assert (result.verdict, first in str(result.marks["names"])) == (BAD if above else OPEN, True)


def test_a_kept_backup_that_was_changed_is_none(scene: CheckScene, tmp_path: Path) -> None:
    assert scene.state is not None
    state = shutil.copytree(scene.state, tmp_path / "state")
    first = scene.now[0].observed.device.id
    (changed,) = (state / FOLDER / first).glob(f"*/{first}.cfg")
    changed.write_text("changed\n", "utf-8")
    result = PRE_CHECKS[CheckName.BACKED_UP].judge(replace(scene, state=state))
    assert (result.verdict, result.marks["count"], result.marks["names"]) == (OPEN, 1, first)


def test_a_line_is_asked_nothing_on_the_way_back(scene: CheckScene) -> None:
    back = replace(scene, policy=replace(scene.policy, stage=Stage.SEPARATED), lines={})
    assert PRE_CHECKS[CheckName.LINE].judge(back).verdict is GOOD


@pytest.mark.parametrize(
    ("segment", "verdict", "seen"),
    [
        ("pupil", BAD, "11-12 (floor): pupil -> staff"),
        ("learning-legacy", OPEN, "11-12 (floor): learning-legacy -> staff"),
    ],
)
def test_sockets_of_pupils_do_not_become_the_staffs(
    tmp_path: Path, city: City, segment: str, verdict: GateVerdict, seen: str
) -> None:
    sockets = SOCKETS.replace("[staff-legacy]", f"[{segment}]")
    folder = write_staged_policies(tmp_path / "policies", sockets)
    write_integration(folder, [one.id for one in city.wards])
    found = load_staged(folder)
    policy = plan_policy(found, folder, StageRequest(find_stage_subject(found, SCHOOL), Stage.COEXIST))
    now, later = compare_with_both(policy, observe_as_wanted(found, SCHOOL), "")
    result = PRE_CHECKS[CheckName.SOCKETS].judge(CheckScene(policy, AT, now, later, asked=True))
    assert (result.verdict, result.marks["names"]) == (verdict, seen)


def test_a_check_that_breaks_is_not_judged(scene: CheckScene) -> None:
    class Broken:
        def judge(self, scene: CheckScene) -> CheckResult:
            raise TsunaguError(str(scene.at))

    judged = ask_checks(scene, {CheckName.LINE: "measured by hand"}, {CheckName.LINE: Broken()})
    assert [(one.result.verdict, one.passed, one.passed_by_name) for one in judged] == [(OPEN, True, True)]


def test_a_check_that_was_judged_and_failed_is_not_passed_by_its_name(scene: CheckScene) -> None:
    judged = ask_checks(_drift(scene), {CheckName.NO_DRIFT: "known"})
    (failed,) = (one for one in judged if one.name is CheckName.NO_DRIFT)
    assert (failed.result.verdict, failed.passed, failed.passed_by_name) == (BAD, False, False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["prnters=x"], "there is no check 'prnters'; there are: reachable, .*; did you mean printers"),
        (["printers"], "--pass printers: give a reason of 1 to 300 characters in one line: printers=REASON"),
        (["printers=  "], "--pass printers: give a reason"),
        (["line=a", "line=b"], "--pass line: is named twice"),
    ],
)
def test_a_check_is_passed_by_its_name_and_a_reason_only(given: list[str], message: str) -> None:
    with pytest.raises(TsunaguError, match=message):
        find_pass_reasons(given)


def test_lists_are_refused_with_their_lines(city: City) -> None:
    issued = '学校,対象数,発行数\nas-e04,40,41\nas-e04,"1,000",x\nnowhere,1,1\n'.encode()
    with pytest.raises(InputError) as refused:
        parse_issued_counts(issued, Path("i.csv"), city)
    told = str(refused.value)
    assert "i.csv:2" in told
    assert "more were issued (41) than are due (40)" in told
    assert "i.csv:3" in told
    assert "'nowhere' is no school of the city" in told
    twice = "学校,端末名,MACアドレス,アドレス\n" + "as-e04,p,00-1b-a9-01-02-03,10.0.0.1\n" * 2
    with pytest.raises(InputError, match=r"p.csv:3: MACアドレス: 00:1b:a9:01:02:03 is that of p in line 2 already"):
        parse_printers(twice.encode(), Path("p.csv"), city)
    shared = (
        "学校,端末名,MACアドレス,アドレス\nas-e04,p,00-1b-a9-01-02-03,10.0.0.1\nas-e04,q,00-1b-a9-01-02-04,10.0.0.1\n"
    )
    with pytest.raises(InputError, match=r"p.csv:3: アドレス: 10.0.0.1 is that of p in line 2 already"):
        parse_printers(shared.encode(), Path("p.csv"), city)
    dated = "学校,端末名,MACアドレス,アドレス,日付\nas-e04,p,00-1b-a9-01-02-03,10.0.0.1,DAY\n"
    (printer,) = parse_printers(dated.replace("DAY", "2026/11/20").encode(), Path("p.csv"), city)
    assert printer.as_of == date(2026, 11, 20)
    with pytest.raises(InputError, match=r"p.csv:2: 日付: 2030-01-01 is after today"):
        parse_printers(dated.replace("DAY", "2030-01-01").encode(), Path("p.csv"), city)
    (count,) = parse_issued_counts("学校,対象数,発行数,日付\nas-e04,9,9,2026-11-20\n".encode(), Path("i.csv"), city)
    assert count.as_of == date(2026, 11, 20)
    good = parse_issued_counts('学校,対象数,発行数\n仮・麻生第四小学校,"1,000",950\n'.encode(), Path("i.csv"), city)
    assert [(one.school, one.due, one.issued) for one in good] == [("as-e04", 1000, 950)]
