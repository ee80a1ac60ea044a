"""city/integration.yaml and `stages`: what is refused, each with its file and line, and what a stage has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from controller.compile.identity.admission_8021x import compile_radius_rows, find_radius_row
from controller.compile.network.intent import compile_filter_intents
from controller.errors import PolicyError
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family, Protocol
from controller.model.reference_evaluator import Flow, evaluate_admission, evaluate_network
from controller.model.sites.stages import Stage
from controller.prove.compliance.admission import prove_radius_rows
from controller.prove.lint.check_policy import check_policy
from tests.policies import TODAY, PolicyFolder

FILE, BLUEPRINTS, SEGMENTS = "city/integration.yaml", "city/blueprints.yaml", "access/segments.yaml"
RULES, GROUPS, CALENDAR = "access/rules.yaml", "city/groups.yaml", "city/calendar.yaml"
EXAMPLE = Path(__file__).parents[2] / "examples/minato"
ASAO = "  - {ward: asao, stage: coexist,"
BY = "by: 教育DX推進課"
Spoil = Callable[[PolicyFolder], object]


@pytest.fixture
def policies(tmp_path: Path) -> PolicyFolder:
    return PolicyFolder(tmp_path)


def add(text: str) -> Spoil:
    """An entry more, in front of those of the wards."""
    return lambda one: one.edit(FILE, "integrations:\n", f"integrations:\n{text}\n")


def edit(name: str, old: str, new: str, after: str = "") -> Spoil:
    return lambda one: one.edit(name, old, new, after=after)


def following(stage: str, day: str, name: str = "asao", now: str = "coexist") -> Spoil:
    return edit(
        FILE,
        f"{{ward: {name}, stage: coexist,",
        f"{{ward: {name}, stage: {now}, next: {{stage: {stage}, cutover: {day}}},",
    )


def written(day: str) -> Spoil:
    """A change of a ward that is written, and waits for its day."""
    return edit(FILE, ASAO, f"{ASAO} since: {day}, came-from: separated,")


def two_groups(one: PolicyFolder) -> None:
    add(f"  - {{group: drill-pilot, stage: coexist, {BY}}}\n  - {{group: all-small, stage: separated, {BY}}}")(one)
    one.append(GROUPS, "  - {id: all-small, name: 小学校, kinds: [elementary]}\n")


def without_file(one: PolicyFolder) -> None:
    (one.path / FILE).unlink()


def exams_of_a_school(one: PolicyFolder) -> None:
    following("integrated", "2027-03-27")(one)
    one.append(CALENDAR, "school-exams:\n  - {schools: [as-e02], name: 追試, from: 2027-03-27}\n")


REFUSED: dict[str, tuple[Spoil, str]] = {
    "in no stage": (
        edit(FILE, f"{ASAO} {BY}, retire-by: 2029-03-31}}\n", ""),
        "asao.yaml:9: id: school as-e01 is in no stage of integration; add it, a group of it, or its ward 'asao' to c",
    ),
    "two groups": (two_groups, f"{FILE}:12: group: school as-e01 is in group 'drill-pilot' (FOLDER/{FILE}:11) and in"),
    "unknown school": (
        add(f"  - {{school: as-e99, stage: coexist, {BY}}}"),
        f"{FILE}:11: school: unknown school 'as-e99'",
    ),
    "unknown ward": (add(f"  - {{ward: azabu, stage: coexist, {BY}}}"), f"{FILE}:11: ward: unknown ward 'azabu'"),
    "unknown group": (add(f"  - {{group: some, stage: coexist, {BY}}}"), f"{FILE}:11: group: unknown group 'some'"),
    "unknown stage": (edit(FILE, "stage: coexist", "stage: both"), f"{FILE}:11: integrations.0.stage: "),
    "repeated": (
        add(f"  - {{ward: asao, stage: coexist, {BY}}}"),
        f"{FILE}:18: ward: ward 'asao' is in a stage already (",
    ),
    "a ward and a school": (
        add(f"  - {{ward: asao, school: as-e01, stage: coexist, {BY}}}"),
        f"{FILE}:11: integrations.0: name exactly one of: school, ward, group",
    ),
    "skips a stage": (
        following("integrated", "2027-03-27", now="separated"),
        "next: from separated to integrated skips a stage; the order is separated -> coexist -> integrated",
    ),
    "the same stage": (following("coexist", "2027-03-27"), "next: the stage is coexist already"),
    "before the last one": (
        edit(FILE, ASAO, f"{ASAO} since: 2027-03-27, next: {{stage: integrated, cutover: 2027-03-27}},"),
        "next: the cut-over (2027-03-27) is not after the last one (2027-03-27)",
    ),
    "in lessons": (
        following("integrated", "2027-01-12"),
        f"{FILE}:17: next.cutover: the cut-over (2027-01-12) is on a school day of school as-e01: 3学期 (",
    ),
    "on an exam day": (
        following("integrated", "2026-12-02"),
        "the cut-over (2026-12-02) is on an exam day of school as-",
    ),
    "on an exam day of a school": (exams_of_a_school, "(2027-03-27) is on an exam day of school as-e02"),
    "a shared segment": (
        lambda one: (
            add(f"  - {{school: as-e01, stage: separated, {BY}}}")(one),
            one.append(FILE, "shared:\n  - {segment: printers, ward: asao, reason: 区の印刷サーバー}\n"),
        ),
        f"{FILE}:18: stage: school as-e02 shares segment printers with as-e01 (FOLDER/{FILE}:20), and is in another",
    ),
    "a shared segment, and another next": (
        lambda one: (
            add(f"  - {{school: as-e01, stage: coexist, {BY}, next: {{stage: integrated, cutover: 2027-03-27}}}}")(one),
            one.append(FILE, "shared:\n  - {segment: printers, ward: asao, reason: 区の印刷サーバー}\n"),
        ),
        ": coexist, not coexist -> integrated on 2027-03-27",
    ),
    "a written change on a school day": (
        written("2027-01-12"),
        f"{FILE}:17: since: the cut-over (2027-01-12) is on a school day of school as-e01: 3学期 (",
    ),
    "a shared segment, and two written days": (
        lambda one: (
            written("2026-12-26")(one),
            add(f"  - {{school: as-e02, stage: coexist, since: 2027-03-27, came-from: separated, {BY}}}")(one),
            one.append(FILE, "shared:\n  - {segment: printers, ward: asao, reason: 区の印刷サーバー}\n"),
        ),
        "separated -> coexist on 2027-03-27, not separated -> coexist on 2026-12-26",
    ),
    "an unknown shared segment": (
        lambda one: one.append(FILE, "shared:\n  - {segment: stuff, ward: asao, reason: x}\n"),
        f"{FILE}:19: segment: unknown segment 'stuff'",
    ),
    "stages of a segment without the file": (
        without_file,
        f"{SEGMENTS}:7: stages: the city names no stages; write city",
    ),
    "stages of ports without the file": (
        without_file,
        f"{BLUEPRINTS}:54: stages: the city names no stages; write city",
    ),
    "a port": (
        edit(BLUEPRINTS, "segments: [printers]}", "segments: [staff]}"),
        f"{BLUEPRINTS}:56: segments: carries staff, which schools do not have when separated (FOLDER/{SEGMENTS}:7); ",
    ),
    "a port of no stage that has it": (
        edit(BLUEPRINTS, "[staff-legacy], stages: [coexist]", "[external-legacy], stages: [coexist]"),
        f"carries external-legacy, which schools do not have when coexist (FOLDER/{SEGMENTS}:19); name another",
    ),
    "a network": (
        edit(BLUEPRINTS, "segment: staff, stages: [coexist, integrated]}", "segment: staff}"),
        ": segment: carries staff, which schools do not have when separated",
    ),
    "one port twice in a stage": (
        edit(BLUEPRINTS, "[external-legacy], stages: [separated]", "[staff-legacy], stages: [separated, coexist]"),
        "port 11 is given twice",
    ),
    "a rule": (
        edit(
            RULES,
            "    network: {from: [external-legacy]}",
            "    schools: {stages: [coexist]}\n    network: {from: [external-legacy]}",
        ),
        f": network.from: lets external-legacy ask, which schools do not have when coexist (FOLDER/{SEGMENTS}:19)",
    ),
    "the management": (
        edit(SEGMENTS, "    ipv6-subnet: 90\n", "    ipv6-subnet: 90\n    stages: [coexist]\n"),
        "stages: schools need management in every stage: devices are managed in it",
    ),
    "the segment of the unknown": (
        edit(SEGMENTS, "    ipv6-subnet: 98\n", "    ipv6-subnet: 98\n    stages: [coexist]\n"),
        "stages: schools need quarantine in every stage: 802.1X puts the unknown into it",
    ),
    "no blueprint in a stage": (
        edit(BLUEPRINTS, "  - id: high\n", "  - id: high\n    stages: [integrated]\n"),
        "high with 1400 pupils, when separated, coexist, needs exactly one blueprint; found: none",
    ),
    "two blueprints in a stage": (
        edit(BLUEPRINTS, "kinds: [high]", "kinds: [high, special-needs]"),
        " pupils needs exactly one blueprint; found: high (FOLDER/city/blueprints.yaml:131), special-",
    ),
    "ports of a listed device": (
        lambda one: one.write(
            "city/devices/asao.yaml",
            "format: 1\ndevices:\n  - id: as-e01-floor1\n    school: as-e01\n    role: floor\n    ports:\n"
            "      - {first: 1, last: 2, mode: access, segments: [staff]}\n",
        ),
        "city/devices/asao.yaml:7: segments: carries staff, which schools do not have when separated",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_at_its_place(policies: PolicyFolder, name: str) -> None:
    spoil, expected = REFUSED[name]
    (policies.path / "city/devices").mkdir(exist_ok=True)
    spoil(policies)
    told = policies.problems()
    assert any(expected.replace("FOLDER/", "") in one for one in told), told


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("format: 1\nintegrations: []\n", 2), ("format: 1\nintegrations: [\n", 3), (None, 1)],
    ids=["empty file", "empty list", "no YAML", "symbolic link"],
)
def test_a_file_that_cannot_be_read_is_all_that_is_told(policies: PolicyFolder, text: str | None, line: int) -> None:
    """`stages` elsewhere need the file; that it is damaged is no reason to write one, or to leave them out."""
    file = policies.path / FILE
    if text is None:
        file.unlink()
        file.symlink_to(Path(__file__))
    else:
        file.write_text(text, encoding="utf-8")
    (told,) = policies.problems()
    assert told.startswith(f"{FILE}:{line}: ")


@pytest.mark.parametrize("name", ["skips a stage", "unknown stage"])
def test_a_fault_in_an_entry_is_all_that_is_told(policies: PolicyFolder, name: str) -> None:
    REFUSED[name][0](policies)
    assert {one.partition(":")[0] for one in policies.problems()} == {FILE}


def test_the_closest_entry_holds(policies: PolicyFolder) -> None:
    add(f"  - {{school: as-e01, stage: integrated, {BY}}}\n  - {{group: drill-pilot, stage: separated, {BY}}}")(
        policies
    )
    edit(GROUPS, "wards: [asao, tama], kinds: [elementary]", "ids: [as-e01, as-e02]")(policies)
    city = policies.load()
    found = {one.id: city.find_stage(one) for one in city.schools if one.ward == "asao"}
    assert found.pop("as-e01") is Stage.INTEGRATED
    pilot = city.groups["drill-pilot"]
    assert all(
        stage is (Stage.SEPARATED if pilot.contains(city.school_by_id[name]) else Stage.COEXIST)
        for name, stage in found.items()
    )
    assert {*found.values()} == {Stage.SEPARATED, Stage.COEXIST}


def test_a_city_without_the_file_names_no_stages() -> None:
    city = load_city(EXAMPLE, on=TODAY)
    assert {city.find_stage(one) for one in city.schools} == {None}
    assert all(city.list_segments(one) == city.segments for one in city.schools)


def test_a_cutover_that_has_passed_is_an_error_and_still_loads(policies: PolicyFolder) -> None:
    """A quarantine is made of the policy on any day, also on the day after a cut-over that was put off."""
    following("integrated", "2026-12-29")(policies)
    told = [
        [str(one).replace(f"{policies.path}/", "") for one in check_policy(policies.load(on=day))]
        for day in (date(2026, 12, 29), date(2026, 12, 30))
    ]
    assert not [one for one in told[0] if "cut-over" in one]
    (missed,) = (one for one in told[1] if "cut-over" in one)
    assert missed.startswith(
        f"{FILE}:17: error: integration: the cut-over of ward asao to integrated was to be on 2026-"
    )


def test_a_written_change_whose_day_has_come_loads_whatever_the_calendar_says_later(policies: PolicyFolder) -> None:
    written("2027-01-12")(policies)
    with pytest.raises(PolicyError):
        policies.load(on=date(2027, 1, 11))
    assert policies.load(on=date(2027, 1, 12)).integrations.named


def test_written_changes_that_were_carried_out_on_two_days_share_a_segment(policies: PolicyFolder) -> None:
    """One of them was confirmed, and the other not: both are in the stage."""
    written("2026-03-28")(policies)
    add(f"  - {{school: as-e02, stage: coexist, since: 2026-08-03, {BY}}}")(policies)
    policies.append(FILE, "shared:\n  - {segment: printers, ward: asao, reason: 区の印刷サーバー}\n")
    assert policies.load().integrations.named


@pytest.fixture
def staged(policies: PolicyFolder) -> City:
    """Schools of every stage: as-e01 is separated, as-e02 coexists, as-e03 is integrated."""
    add(f"  - {{school: as-e01, stage: separated, {BY}}}\n  - {{school: as-e03, stage: integrated, {BY}}}")(policies)
    return policies.load()


def carried(city: City, school: str, role: str) -> dict[str, tuple[str, ...]]:
    device = next(one for one in city.list_devices(city.school_by_id[school]) if one.role == role)
    return {one.name.removeprefix("GigabitEthernet1/0/"): one.segments for one in device.ports}


def test_ports_networks_and_segments_follow_the_stage(staged: City) -> None:
    """Disjoint stages share ports and a VLAN each has its own."""
    ports = [carried(staged, name, "floor") for name in ("as-e01", "as-e02", "as-e03")]
    assert [one["1"] for one in ports] == [("staff-legacy",), ("staff",), ("staff",)]
    assert [one["11"] for one in ports] == [("external-legacy",), ("staff-legacy",), ("staff",)]
    assert [one["13"] for one in ports] == [("learning-legacy",), ("learning-legacy",), ("pupil",)]
    cores = [set(carried(staged, name, "core")["port1.0.1"]) for name in ("as-e01", "as-e02", "as-e03")]
    legacy = {"staff-legacy", "learning-legacy"}
    assert [one & {"staff", "external-legacy", *legacy} for one in cores] == [
        {"external-legacy", *legacy},
        {"staff", *legacy},
        {"staff"},
    ]
    networks = [
        {one.ssid for device in staged.list_devices(staged.school_by_id[name]) for one in device.networks}
        for name in ("as-e01", "as-e02", "as-e03")
    ]
    assert networks[1] == networks[2] == {"school-staff", "school-pupil", "school-guest"}
    assert networks[0] == {"school-pupil", "school-guest"}


def test_whom_a_stage_has_no_segment_for_is_quarantined(staged: City) -> None:
    for name, certificate, segment in (
        ("as-e01", "staff-device", "quarantine"),
        ("as-e01", "affairs-pc", "staff-legacy"),
        ("as-e02", "staff-device", "staff"),
        ("as-e03", "affairs-pc", "quarantine"),
    ):
        school = staged.school_by_id[name]
        row = find_radius_row(compile_radius_rows(staged, school), certificate, "own-school")
        assert row.segment == evaluate_admission(staged, certificate, "own-school", school).segment == segment
    check = prove_radius_rows(staged)
    assert check.holds
    assert any(one.startswith("as-e03: any other certificate") for one in check.evidence)


def test_a_proof_of_admission_sees_an_answer_that_the_stage_has_not(staged: City) -> None:
    """The rows of a school that coexists, at one that is integrated."""
    rows = compile_radius_rows(staged, staged.school_by_id["as-e02"])
    assert prove_radius_rows(staged, rows).holds, "of no school in particular"
    integrated = staged.school_by_id["as-e03"]
    answered = find_radius_row(rows, "affairs-pc", "own-school").segment
    assert answered != evaluate_admission(staged, "affairs-pc", "own-school", integrated).segment


def test_an_application_in_a_segment_that_a_school_does_not_have_is_not_there(policies: PolicyFolder) -> None:
    """The file server of the old network, shared while both are alive: no filter of another stage speaks of it."""
    share_old_files(policies)
    add(f"  - {{school: as-e01, stage: separated, {BY}}}\n  - {{school: as-e03, stage: integrated, {BY}}}")(policies)
    city = policies.load()
    for name, source, permitted in (
        ("as-e01", "external-legacy", False),
        ("as-e02", "staff", True),
        ("as-e02", "pupil", False),
        ("as-e03", "staff", False),
    ):
        school = city.school_by_id[name]
        formula = city.addresses.segment_prefix(school, city.segments["staff-legacy"], Family.V4)
        flow = Flow(school, source, Family.V4, Protocol.TCP, int(formula.network_address) + 9, 445)
        assert evaluate_network(city, flow).permitted is permitted, name
        intents = compile_filter_intents(city, school, name, city.list_segments(school))
        spoken = {one.segment for one in intents for clause in one.clauses if clause.rule == "old-files"}
        assert spoken == ({"staff", "staff-legacy"} if permitted or source == "pupil" else set()), name


def share_old_files(policies: PolicyFolder) -> None:
    policies.append(
        "access/applications.yaml",
        "  - id: old-files\n    name: 旧ファイルサーバー\n    hosting: school\n    audience: staff\n"
        "    importance: III\n    services: [tcp/445]\n    segment: staff-legacy\n",
    )
    policies.append(
        RULES,
        "  - id: old-files\n    effect: permit\n    purpose: 併存する間だけ、新しい網から旧ファイルサーバーを使う\n"
        "    applications: [old-files]\n    schools: {stages: [coexist]}\n    network: {from: [staff]}\n",
    )


def test_a_file_that_cannot_be_read_is_the_only_problem(policies: PolicyFolder) -> None:
    policies.edit(FILE, BY, 'by: "{x}"')
    with pytest.raises(PolicyError) as refused:
        policies.load()
    assert [(one.origin.file.endswith(FILE), one.field) for one in refused.value.problems] == [
        (True, "integrations.0.by")
    ]
