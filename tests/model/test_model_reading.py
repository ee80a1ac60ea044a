"""Files that cannot be read, and fields that are not what the model knows: each error names file, line, field."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from controller.errors import PolicyError
from controller.model.loading.load_city import load_city
from tests.policies import SHIPPED, PolicyFolder

CITY = "city/city.yaml"
BLUEPRINTS = "city/blueprints.yaml"
SEGMENTS = "access/segments.yaml"
APPLICATIONS = "access/applications.yaml"
RULES = "access/rules.yaml"


def test_the_shipped_policies_load() -> None:
    city = load_city(SHIPPED)
    assert len(city.schools) == 176
    assert city.schools[0].origin.file.endswith(".yaml")


def test_a_copy_loads_alike_and_any_edit_changes_its_digest(policies: PolicyFolder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(policies.path, copy)
    assert policies.load().digest == load_city(copy).digest
    policies.append(RULES, "# a comment\n")
    assert policies.load().digest != load_city(copy).digest


def test_missing_folder(policies: PolicyFolder) -> None:
    with pytest.raises(PolicyError, match=r"nowhere:1: no such folder; --policies DIR names the folder that holds"):
        load_city(policies.path / "nowhere")


def test_every_missing_file_is_named_at_once(policies: PolicyFolder) -> None:
    for name in (SEGMENTS, RULES, "stack-outputs/lab.json"):
        (policies.path / name).unlink()
    shutil.rmtree(policies.path / "access/prefixes")
    lists = ((36, "workspace"), (43, "drills"), (50, "cbt"), (66, "parents"))
    assert policies.problems() == [
        *(f"{APPLICATIONS}:{line}: prefixes: unknown prefix list {name!r}; allowed: " for line, name in lists),
        "access/rules.yaml:1: file is missing",
        "access/segments.yaml:1: file is missing",
        "stack-outputs/lab.json:1: file is missing",
    ]


def test_an_empty_folder_says_everything_that_is_missing(policies: PolicyFolder) -> None:
    shutil.rmtree(policies.path)
    for name in ("city", "access"):
        (policies.path / name).mkdir(parents=True)
    # The stack outputs are not asked for: which ones, the missing city.yaml would say.
    assert len(policies.problems()) == 11


def test_another_folder_is_said_once_with_the_one_that_was_meant(policies: PolicyFolder) -> None:
    (inside,) = PolicyFolder.problems(replace_path(policies, policies.path / "city"))
    assert "holds no access/ and no city/; did you mean --policies " in inside
    (policies.path / "access").rename(policies.path / "Access")
    (renamed,) = policies.problems()
    assert renamed.endswith(":1: holds no access/; rename Access/ to access/")
    shutil.rmtree(policies.path / "Access")
    (missing,) = policies.problems()
    assert missing.endswith("holds no access/; --policies DIR names the folder that holds city/ and access/")


def replace_path(policies: PolicyFolder, path: Path) -> PolicyFolder:
    """The folder of policies as somebody names it who names another one."""
    other = object.__new__(PolicyFolder)
    other.path = path
    assert policies.path in (path, *path.parents)
    return other


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "access/rules.yaml:1: file is empty"),
        ("# only a comment\n", "access/rules.yaml:1: file is empty"),
        ("rules:\n  - id: a\n\t  effect: permit\n", "access/rules.yaml:3: a tab stands in the indentation"),
        ("rules: [\n", "access/rules.yaml:2: not valid YAML: "),
        ("rules: []\nrules: []\n", "access/rules.yaml:2: the key 'rules' stands twice"),
        ("rules:\n  - {id: a, id: b}\n", "access/rules.yaml:2: the key 'id' stands twice"),
        ("rules:\n  - {id: a, origin: b}\n", "access/rules.yaml:2: unknown field 'origin'"),
        ("rules: &a [*a]\n", "access/rules.yaml:1: nests too deep; does an alias"),
        ("? [rules]\n: []\n", "access/rules.yaml:1: a key must be text"),
        ("rules: []\non: 1\n", "access/rules.yaml:2: 'on' is read as true or false by some programs"),
        ("a: &a {b: c}\nrules:\n  - {<<: *a}\n", "access/rules.yaml:3: merging with '<<' is not read here"),
        ("rules:\n- !!python/name:os x\n", "access/rules.yaml:2: the tag 'tag:yaml.org,2002:python/name:os' is not"),
        ("rules:\n- purpose: 2026-13-45\n", "access/rules.yaml:2: '2026-13-45' is no day of any calendar"),
        ("rules: []\n---\nrules: []\n", "access/rules.yaml:2: another document begins here"),
        ("rules: \x01\n", "access/rules.yaml:1: an invisible character (U+0001)"),
    ],
)
def test_what_is_no_yaml_of_ours(policies: PolicyFolder, text: str, expected: str) -> None:
    policies.write(RULES, text)
    problems = policies.problems()
    assert len(problems) == 1
    assert problems[0].startswith(expected)


def test_what_is_no_utf8(policies: PolicyFolder) -> None:
    (policies.path / RULES).write_bytes("rules: [] # 校務".encode("cp932"))
    assert policies.problems()[0].startswith("access/rules.yaml:1: cannot be read as UTF-8 text: ")


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (RULES, "mfa: true", "mfaa: true", "rules.0.identity.mfaa: unknown field; allowed: devices, enforced-by, hou"),
        (RULES, "purpose: 学校", "reason: 学校", "rules.0.reason: unknown field; allowed: applications, effect, exce"),
        (CITY, "id: kawasaki-virtual", "idd: x", "idd: unknown field; allowed: format, addressing, controllers, "),
        (RULES, "effect: permit", "effect: allow", "rules.0.effect: write one of: permit, forbid (found 'all"),
        (RULES, "[proxy]", "[firewall]", "rules.0.identity.enforced-by.0: write one of: proxy, 802.1x (found"),
        (RULES, "{from: [staff]}", "{from: staff}", "rules.0.network.from: needs a list: [ONE, ANOTHER] (found 'staff"),
        (RULES, "[tcp/80, tcp/443]", "[https]", "rules.17.network.services.0: 'https' is no service; write tcp/PORT"),
        (RULES, "[tcp/80, tcp/443]", "[tcp/80-]", "rules.17.network.services.0: 'tcp/80-' is no service; write tcp"),
        (RULES, "[tcp/80, tcp/443]", "[tcp/99999]", "rules.17.network.services.0: 'tcp/99999': ports run from 1 to "),
        # YAML takes 10:00 without quotes for 600.
        (RULES, 'from: "09:00"', "from: 10:00", "'10:00' is a number to YAML; write the time as \"10:00\", in quotes"),
        (RULES, '"09:00"', '"09:00Z"', 'rules.4.identity.hours.from: write the time as "HH:MM", in quotes (found'),
        (RULES, '"09:00"', '"18:00"', "rules.4.identity.hours: 'from' must stand before 'until'; write two rules for"),
        (RULES, "[mon, tue, wed, thu, fri]", "[monday]", "rules.5.identity.hours.days: write a list of days, [mon, tu"),
        (SEGMENTS, "id: staff\n", "id: Staff Room\n", "segments.0.id: write lower-case letters, digits and '-'"),
        (SEGMENTS, "vlan: 10", "vlan: 4095", "segments.0.vlan: write 4094 or less (found 40"),
        (APPLICATIONS, "hosting: cloud-run", "hosting: cloud", "applications.0.hosting: write one of: cloud-run, "),
        (APPLICATIONS, "importance: II", "importance: V", "applications.0.importance: write one of: I, II, "),
        (CITY, "timezone: Asia/Tokyo", "timezone: JST", "timezone: 'JST' is no time zone of the IANA database; write"),
        (CITY, "10.255.0.10/32", "10.255.0.10/24", "controllers.0: has host bits set; write 10.255.0.0/24"),
        (CITY, "ipv4: 10.0.0.0/8", "ipv4: 10.0.0.1/8", "addressing.ipv4: has host bits set; write 10.0.0.0/8"),
        (CITY, "- 0.0.0.0/8", "- 8", "reserved.0: write a prefix, e.g. 10.0.0.0/8 or 2001:db8::/32 (found 8)"),
        (CITY, "school-ipv4-length: 16", "school-ipv4-length: 7", "addressing.school-ipv4-length: write 8 or more"),
        (CITY, "ipv4: 10.0.0.0/8", "ipv4: 10.0.0.0/17", "addressing: a school block of /16 is larger than the city's"),
        (
            CITY,
            "{default: switches}",
            "switches",
            "device-access: needs fields of its own, a line each with ': '; allowed: ",
        ),
        (CITY, "{default: switches}", "{default: switches, user: x}", "device-access.user: unknown field; allowed: "),
        (
            BLUEPRINTS,
            "{first: 1, last: 4",
            "{first: 4, last: 1",
            "blueprints.0.devices.2.ports.0: last port 1 stands b",
        ),
        (
            BLUEPRINTS,
            "segments: [printers]}",
            "segments: all}",
            "blueprints.0.devices.2.ports.3: an access port carries",
        ),
        (BLUEPRINTS, "1/0/{n}", "1/0/{m}", "port-names.cisco_ios: needs exactly one mark {n}, where the port's number"),
        ("access/prefixes/cbt.yaml", "id: cbt", "id: drills", "id: must be the file's name, 'cbt' (found 'drills')"),
        (
            "access/prefixes/cbt.yaml",
            "198.51.100.96/27",
            "198.51.100.97/27",
            "prefixes.0: has host bits set; write 198.51.100.96/27",
        ),
        ("access/necessities.yaml", "family: 4", "family: 6", "necessities.0: 0.0.0.0/32 is not of family 6"),
        ("stack-outputs/lab.json", '"version": 0', '"version": "x"', "version: write a whole number in digits"),
    ],
)
def test_fields_that_the_model_refuses(policies: PolicyFolder, name: str, old: str, new: str, expected: str) -> None:
    edit = policies.edit(name, old, new)
    own = [problem for problem in policies.problems() if problem.startswith(name)]
    # A problem of a whole item stands at the item's own line.
    lines = {f"{name}:{line}: " for line in range(edit.item, edit.line + 1)}
    assert any(problem.startswith(f"{line}{expected}") for problem in own for line in lines), own


def test_a_missing_field(policies: PolicyFolder) -> None:
    edit = policies.edit(RULES, "    effect: permit\n", "")
    assert policies.problems() == [f"{RULES}:{edit.item}: rules.0.effect: required field is missing"]


def test_problems_of_many_files_are_told_at_once_in_order(policies: PolicyFolder) -> None:
    rules = policies.edit(RULES, "effect: permit", "effect: allow")
    segments = policies.edit(SEGMENTS, "vlan: 10", "vlan: 0")
    schools = policies.edit("city/schools/asao.yaml", "kind: elementary", "kind: Primary")
    ward = policies.edit("city/schools/tama.yaml", "ward: tama", "ward: nowhere")
    found = [problem.rsplit(": ", 1)[0] for problem in policies.problems()]
    assert [problem.split(": ")[0] for problem in found] == [
        f"{RULES}:{rules.line}",
        f"{SEGMENTS}:{segments.line}",
        f"city/schools/asao.yaml:{schools.line}",
    ]
    # Whoever cannot be read names nothing: the wards of schools are asked about once the schools can be read.
    policies.edit("city/schools/asao.yaml", "kind: Primary", "kind: elementary")
    assert any(problem.startswith(f"city/schools/tama.yaml:{ward.item}: ward:") for problem in policies.problems())
