"""Names across files: each is given once, and whatever is named exists."""

from __future__ import annotations

import pytest

from tests.policies import PolicyFolder

ASAO = "city/schools/asao.yaml"
SEGMENTS = "access/segments.yaml"
APPLICATIONS = "access/applications.yaml"
PEOPLE = "access/people.yaml"
RULES = "access/rules.yaml"
ADMISSION = "access/admission.yaml"
BLUEPRINTS = "city/blueprints.yaml"
LAB = "city/lab.yaml"

ROLES = "board-staff, clerk, guardian, maintenance-vendor, principal, pupil, teacher"
SEGMENT_NAMES = "external-legacy, guest, learning-legacy, management, printers, pupil, quarantine, staff, staff-legacy"


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (ASAO, "ward: asao", "ward: azabu", "ward: unknown ward 'azabu'; allowed: asao, kawasaki, miyamae, nakahara, "),
        (RULES, "{from: [staff]}", "{from: [stuff]}", "network.from: unknown segment 'stuff'; allowed: controller, e"),
        (RULES, "[affairs, file", "[affair, file", "applications: unknown application 'affair'; allowed: affairs, cbt"),
        (RULES, "roles: [teacher", "roles: [techer", f"identity.roles: unknown role 'techer'; allowed: {ROLES}"),
        (RULES, "[managed, enc", "[manged, enc", "identity.postures: unknown posture 'manged'; allowed: certificate, "),
        (
            RULES,
            "[own-school,",
            "[school,",
            "identity.places: unknown place 'school'; allowed: abroad, board-office, ho",
        ),
        (
            APPLICATIONS,
            "prefixes: workspace",
            "prefixes: google",
            "prefixes: unknown prefix list 'google'; allowed: cbt",
        ),
        (
            APPLICATIONS,
            "segment: printers",
            "segment: prints",
            "segment: unknown segment 'prints'; allowed: external-legacy, ",
        ),
        (APPLICATIONS, "id: affairs", "id: internet", "id: 'internet' is the name of the destination of its own"),
        (
            ADMISSION,
            "segment: pupil,",
            "segment: stuff,",
            f"segment: unknown segment 'stuff'; allowed: {SEGMENT_NAMES}",
        ),
        (ADMISSION, "roles: [teacher", "roles: [techer", f"roles: unknown role 'techer'; allowed: {ROLES}"),
        (ADMISSION, "[certificate]", "[cert]", "postures: unknown posture 'cert'; allowed: certificate, encrypted, ma"),
        (ADMISSION, "[own-school]", "[here]", "places: unknown place 'here'; allowed: abroad, board-office, home, oth"),
        (LAB, "segment: pupil}", "segment: stuff}", f"segment: unknown segment 'stuff'; allowed: {SEGMENT_NAMES}"),
    ],
)
def test_an_unknown_name_is_refused_with_what_is_allowed(
    policies: PolicyFolder, name: str, old: str, new: str, expected: str
) -> None:
    edit = policies.edit(name, old, new)
    own = [problem for problem in policies.problems() if problem.startswith(f"{name}:{edit.item}: ")]
    assert any(problem.startswith(f"{name}:{edit.item}: {expected}") for problem in own), policies.problems()


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "city/city.yaml",
            "management-segment: management",
            "management-segment: mgmt",
            "management-segment: unknown s",
        ),
        (
            ADMISSION,
            "otherwise: quarantine",
            "otherwise: nowhere",
            "otherwise: unknown segment 'nowhere'; allowed: ext",
        ),
        (LAB, "- as-e04", "- as-e99", "schools: unknown school 'as-e99'; allowed: as-e01, as-e02"),
        (LAB, "canary: as-e04", "canary: as-e01", "canary: unknown lab school 'as-e01'; allowed: as-e04, kw-s01"),
    ],
)
def test_an_unknown_name_outside_of_lists(policies: PolicyFolder, name: str, old: str, new: str, expected: str) -> None:
    edit = policies.edit(name, old, new)
    # The list of schools is one field; its line is where it begins.
    line = edit.line - (expected.startswith("schools"))
    assert any(problem.startswith(f"{name}:{line}: {expected}") for problem in policies.problems())


def test_unknown_names_in_a_blueprint(policies: PolicyFolder) -> None:
    ports = policies.edit(BLUEPRINTS, "segments: [printers]}", "segments: [stuff]}")
    ssid = policies.edit(BLUEPRINTS, "segment: guest,", "segment: visitors,")
    platform = policies.edit(BLUEPRINTS, "lot-2: hostapd}", "lot-2: yamaha}")
    problems = policies.problems()
    assert any(
        problem.startswith(f"{BLUEPRINTS}:{ports.line}: segments: unknown segment 'stuff'; ") for problem in problems
    )
    assert any(
        problem.startswith(f"{BLUEPRINTS}:{ssid.line}: segment: unknown segment 'visitors'") for problem in problems
    )
    assert any(
        f"{BLUEPRINTS}:{platform.line - 2}: platform: unknown port-names of 'yamaha'; allowed:" in problem
        for problem in problems
    )


def test_a_platform_for_a_lot_that_no_school_is_in(policies: PolicyFolder) -> None:
    """Each cause is said once, with the number of other places."""
    policies.edit(BLUEPRINTS, "{lot-1: frr, lot-2: frr}", "{lot-1: frr, lot-3: frr}")
    lacking, unknown = sorted(policies.problems(), key=lambda problem: "unknown lot" in problem)
    assert ": platform: names no platform for the lot 'lot-2' of school as-e" in lacking
    assert lacking.endswith("); so do 3 other groups of devices")
    assert ": platform: unknown lot 'lot-3'; allowed: lot-1, lot-2" in unknown
    assert unknown.endswith("; so do 6 other groups of devices")


def test_a_new_lot_needs_a_platform_wherever_its_schools_have_devices(policies: PolicyFolder) -> None:
    policies.edit("city/city.yaml", "name: 麻生区, lot: lot-2", "name: 麻生区, lot: lot-9")
    (problem,) = policies.problems()
    assert ": platform: names no platform for the lot 'lot-9' of school as-" in problem


def test_lots_belong_to_schools_where_they_name_them(policies: PolicyFolder) -> None:
    for number, ward in enumerate(("川崎区", "幸区", "中原区", "高津区", "宮前区", "多摩区", "麻生区")):
        policies.edit("city/city.yaml", f"name: {ward}, lot: lot-{2 if number > 4 else 1}}}", f"name: {ward}}}")
    for path in sorted((policies.path / "city/schools").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("    kind: ", "    lot: lot-1\n    kind: "), encoding="utf-8")
    policies.edit(ASAO, "lot: lot-1", "lot: lot-2")
    city = policies.load()
    platforms = {one.id: city.list_devices(one)[1].platform for one in city.schools if one.ward == "asao"}
    assert platforms.pop("as-e01") == "allied_telesis_awplus"
    assert set(platforms.values()) == {"cisco_ios"}
    line = policies.edit(ASAO, "    lot: lot-2\n", "").item
    # Nor is lot-2 any school's now.
    *unused, problem = policies.problems()
    assert all("unknown lot 'lot-2'; allowed: lot-1" in one for one in unused)
    assert problem == (
        f"{ASAO}:{line}: lot: neither the school nor its ward 'asao' names a procurement lot; write lot: ... here"
    )


def test_a_school_names_its_blueprint(policies: PolicyFolder) -> None:
    policies.append(
        BLUEPRINTS,
        "  - id: annex\n    devices:\n      - {role: core, count: 1, platform: {lot-2: allied_telesis_awplus}, "
        "ports: [{first: 1, last: 2, mode: trunk, segments: all}]}\n",
    )
    policies.edit(ASAO, "    ward: asao\n", "    ward: asao\n    blueprint: annex\n")
    city = policies.load()
    assert [one.id for one in city.list_devices(city.school_by_id["as-e01"])] == ["as-e01-core1"]
    assert len(city.list_devices(city.school_by_id["as-e02"])) > 1
    policies.edit(ASAO, "blueprint: annex", "blueprint: anex")
    (problem,) = policies.problems()
    assert ": blueprint: unknown blueprint 'anex'; allowed: annex, " in problem


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (ASAO, "id: as-e02", "id: as-e01", "id: school id 'as-e01' is already given at "),
        (ASAO, "number: 155", "number: 154", "number: school number 154 is already given at "),
        (SEGMENTS, "vlan: 11", "vlan: 10", "vlan: segment vlan 10 is already given at "),
        (SEGMENTS, "ipv6-subnet: 11", "ipv6-subnet: 10", "ipv6-subnet: segment ipv6-subnet 10 is already given at "),
        (SEGMENTS, "id: guest", "id: printers", "id: segment id 'printers' is already given at "),
        (APPLICATIONS, "id: cbt", "id: drills", "id: application id 'drills' is already given at "),
        (RULES, "id: cbt", "id: drills", "id: rule id 'drills' is already given at "),
        (PEOPLE, "id: clerk", "id: teacher", "id: role id 'teacher' is already given at "),
        (PEOPLE, "id: encrypted", "id: managed", "id: posture id 'managed' is already given at "),
        (PEOPLE, "id: home", "id: abroad", "id: place id 'abroad' is already given at "),
        (ADMISSION, "id: pupils", "id: staff", "id: admission id 'staff' is already given at "),
        (BLUEPRINTS, "id: elementary-medium", "id: elementary-small", "id: blueprint id 'elementary-small' is already"),
        (LAB, "id: pupil", "id: staff", "id: lab host id 'staff' is already given at "),
        ("city/city.yaml", "id: saiwai", "id: kawasaki", "id: ward id 'kawasaki' is already given at "),
        ("access/necessities.yaml", "id: ntp-answer", "id: ntp-query", "id: necessity id 'ntp-query' is already given"),
    ],
)
def test_what_is_given_twice(policies: PolicyFolder, name: str, old: str, new: str, expected: str) -> None:
    policies.edit(name, old, new)
    assert any(p.startswith(f"{name}:") and f": {expected}" in p for p in policies.problems()), policies.problems()


def test_a_second_prefix_list_cannot_hide_the_first(policies: PolicyFolder) -> None:
    shown = (policies.path / "access/prefixes/cbt.yaml").read_text(encoding="utf-8")
    policies.write("access/prefixes/cbt2.yaml", shown)
    assert policies.problems() == ["access/prefixes/cbt2.yaml:4: id: must be the file's name, 'cbt2' (found 'cbt')"]


def test_a_school_that_no_blueprint_fits(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "pupils: {at-least: 1, at-most: 480}", "pupils: {at-least: 100, at-most: 480}")
    edit = policies.edit(ASAO, "pupils: 312", "pupils: 99")
    expected = f"{ASAO}:{edit.item}: pupils: elementary with 99 pupils needs exactly one blueprint; found: none"
    assert expected in policies.problems()


def test_a_school_that_two_blueprints_fit(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "at-most: 480}", "at-most: 481}")
    edit = policies.edit(ASAO, "pupils: 546", "pupils: 481")
    found = [problem for problem in policies.problems() if problem.startswith(f"{ASAO}:{edit.item}: ")]
    assert len(found) == 1
    assert "needs exactly one blueprint; found: elementary-small (" in found[0]
    assert "), elementary-medium (" in found[0]


def test_a_blueprint_without_a_core_would_filter_nothing(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "role: core", "role: floor")
    assert any("needs a device of the role core" in problem for problem in policies.problems())


def test_a_port_that_two_groups_claim(policies: PolicyFolder) -> None:
    policies.edit(BLUEPRINTS, "{first: 5, last: 8", "{first: 4, last: 8")
    assert all(problem.endswith("port 4 is given twice") for problem in policies.problems())
    assert policies.problems()


def test_two_groups_of_one_role_number_their_devices_on(policies: PolicyFolder) -> None:
    group = "      - {role: floor, count: 4, platform: *floor, ports: *floor-ports}\n"
    policies.edit(BLUEPRINTS, group, group + group)
    city = policies.load()
    devices = city.list_devices(city.school_by_id["as-e01"])
    assert len({device.id for device in devices}) == len({device.management for device in devices}) == len(devices)
    assert "as-e01-floor8" in [device.id for device in devices]


def test_a_lab_host_with_a_name_too_long_for_an_interface(policies: PolicyFolder) -> None:
    edit = policies.edit(LAB, "id: printer,", "id: printer-in-the-hall,")
    expected = f"{LAB}:{edit.line}: id: 'printer-in-the-hall' is too long for the lab; at most 12 characters"
    assert policies.problems() == [expected]


def test_a_cloud_application_that_the_stack_does_not_know(policies: PolicyFolder) -> None:
    policies.edit("stack-outputs/lab.json", '"staff-ai"', '"staff-ki"')
    problems = policies.problems()
    assert len(problems) == 1
    assert problems[0].endswith(
        "id: the outputs of stack 'lab' hold no application 'staff-ai'; "
        "they hold: affairs, file-exchange, learning-dashboard, staff-ki"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "hosting: cloud-run",
            "hosting: cloud-run\n    addresses: [203.0.113.10]",
            (
                "applications.0: hosting 'cloud-run' takes no 'addresses'; "
                "the address of a cloud-hosted application comes from the stack's outputs, never from policy"
            ),
        ),
        ("    prefixes: workspace\n", "", "applications.4: hosting 'saas' needs exactly one of: prefixes, belongs-to"),
        (
            "prefixes: workspace",
            "prefixes: workspace\n    belongs-to: internet",
            "applications.4: hosting 'saas' needs exactly one of: prefixes, belongs-to",
        ),
        (
            "prefixes: workspace",
            "prefixes: workspace\n    proxy: true",
            "applications.4: the proxy can stand only before hosting cloud-run or on-premises",
        ),
        ("    segment: printers\n", "", "applications.9: hosting 'school' needs exactly one of: segment"),
        (
            "segment: printers",
            "segment: printers\n    addresses: [10.1.2.3]",
            "applications.9: hosting 'school' takes no 'addresses'",
        ),
    ],
)
def test_where_an_application_lives(policies: PolicyFolder, old: str, new: str, expected: str) -> None:
    edit = policies.edit(APPLICATIONS, old, new)
    assert policies.problems() == [f"{APPLICATIONS}:{edit.item}: {expected}"]


def test_an_application_that_belongs_to_the_internet(policies: PolicyFolder) -> None:
    policies.edit(APPLICATIONS, "prefixes: workspace", "belongs-to: internet")
    city = policies.load()
    assert city.addresses.destination_addresses("workspace", city.schools[0]) == city.addresses.internet


def test_a_policy_without_rules_and_applications_is_a_policy(policies: PolicyFolder) -> None:
    policies.write(RULES, "rules: []\n")
    policies.write(APPLICATIONS, "applications: []\n")
    policies.write("access/flows.yaml", "flows: []\n")
    assert policies.load().rules == ()
