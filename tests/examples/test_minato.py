"""The second city, `examples/minato`: every command that needs no device answers it, in its own words."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.cli.conventions.completion import complete_word
from controller.cli.output import Exit
from controller.compile.identity.access_levels import ProxyFacts
from controller.compile.identity.iap_bindings import compile_cloud_intent
from controller.measure.measurement import LinePath, MeasurementKind
from controller.measure.measurement_store import open_measurement_store
from controller.model.city import City
from controller.model.loading.load_city import load_city
from controller.model.network.packets import Family
from tests.cli.running import ROOT, Done, here
from tests.measure.findings import echo, throughput
from tests.monitoring.running import monitor

MINATO = ROOT / "examples/minato"
CONFIGURATIONS = "minato/configurations"
OTHER_CITY = re.compile(
    r"kawasaki|川崎|\b(?:kw|as|tm|sw|nh|tk|mm)-[ejhs]\d|tokyo|osaka|東京|大阪|ipv6|\bv6\b|2001:|fd74:|chromebook|\bteacher\b"
    r"|\bpupil-|校務系|\baffairs\b(?! servers)",
    re.IGNORECASE,
)
"""Words of the city in `policies/`, and the family that Minato does not use."""
ALLOWED = re.compile(r"the city does not use IPv6.*|Asia/Tokyo|pupils' devices: web filter")
AT_NOON = ("--at", "2026-11-30T12:00")
GOOD_DEVICE = ("--posture", "managed", "--posture", "encrypted", "--device", "surface")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the example."""
    found = tmp_path_factory.mktemp("city")
    shutil.copytree(MINATO, found / "minato")
    return found


@pytest.fixture(scope="module")
def minato(folder: Path) -> City:
    return load_city(folder / "minato")


def run(folder: Path, *words: str, code: int = Exit.GOOD) -> Done:
    """Run a command on Minato; what it says must be about Minato alone."""
    done = here(*words, "--policies", "minato", cwd=folder)
    said = done.said + done.errors
    assert done.code == code, said[-3000:]
    assert "Traceback" not in said
    foreign = [line for line in said.splitlines() if OTHER_CITY.search(ALLOWED.sub("", line))]
    assert foreign == []
    return done


def read_document(done: Done) -> dict[str, Any]:
    """Return the JSON document of a command, which must be as its schema says."""
    document: dict[str, Any] = json.loads(done.said)
    name = document["format"].partition("/")[0]
    schema = json.loads((ROOT / "docs/json" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document)
    return document


# --- the policy ----------------------------------------------------------------------------------------------------


def test_it_is_the_city_that_its_readme_describes(minato: City) -> None:
    platforms = [device.platform for school in minato.schools for device in minato.list_devices(school)]
    assert (platforms.count("cisco_ios"), platforms.count("allied_telesis_awplus"), len(platforms)) == (18, 12, 30)
    assert (len(minato.wards), len(minato.schools), len(minato.lines.regions)) == (1, 30, 1)
    assert minato.families == (Family.V4,)
    assert {line.kind for school in minato.schools for line in school.lines.by_name.values()} == {"closed-vpn", "lte"}
    assert {school.adoption for school in minato.schools} == {"observe", "filters", "all"}
    for school in minato.schools:
        n = school.number
        prefixes = {one.id: str(one.ipv4) for one in school.segments}
        assert prefixes == {"office": f"172.21.{n}.0/24", "class": f"172.22.{2 * n}.0/23"}


def test_check_finds_nothing_wrong(folder: Path) -> None:
    said = run(folder, "check").said
    assert "0 errors, 0 warnings" in said.splitlines()[-1]
    levels = [line for line in said.splitlines() if "'adoption: " in line]
    assert [line.split(" (")[0] for line in levels] == [
        "! 10 schools are at 'adoption: filters'",
        "! 10 schools are at 'adoption: observe'",
    ]
    document = read_document(run(folder, "check", "--json"))
    assert (document["schools"], document["findings"]) == (30, [])


def test_everything_holds(folder: Path) -> None:
    done = run(folder, "prove", "--all")
    assert "420 of 420 filters, 30 of 30 devices" in done.said
    assert "DIFFERS" not in done.said
    document = read_document(run(folder, "prove", "--school", "mn-19", "--no-cache", "--json"))
    assert [one["holds"] for one in document["checks"] if one["not_judged"] is None].count(False) == 0


def test_staff_are_principals_of_a_workforce_identity_pool(minato: City) -> None:
    intent = compile_cloud_intent(minato, ProxyFacts("1", "minato", "fingerprint", "0customer-tsunagu"))
    assert intent.roles == ("learner",), "no Google group for those who sign in elsewhere"
    members = {one.role: one.members for one in intent.bindings}
    assert set(members) == {"instructor", "head"}
    pool = "principalSet://iam.googleapis.com/locations/global/workforcePools/minato-entra/group/"
    assert all(len(one) == 1 and one[0].startswith(pool) for one in members.values())


def test_render_writes_one_family_and_the_schools_own_prefixes(folder: Path, tmp_path: Path) -> None:
    run(folder, "render", "--school", "mn-01", "--school", "mn-19", "-o", str(tmp_path))
    catalyst, x530 = (
        (tmp_path / f"{name}.cfg").read_text(encoding="utf-8") for name in ("shiomi1-sw1", "namiyoke3-sw1")
    )
    assert " ip address 172.21.1.1 255.255.255.0\n" in catalyst
    assert " ip address 172.22.2.1 255.255.254.0\n" in catalyst
    assert "vlan 115 name TSN-clinic" in x530
    assert "172.22.38.0/23" in x530
    assert not re.search("ipv6", catalyst + x530)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("mn-01/clinic", "health-records", "--role", "nurse"), "permitted  permit health-records"),
        (("mn-01/office", "health-records"), "DENIED"),
        (("mn-20/office", "m365"), "permitted  permit office-m365"),
        (("mn-02/class", "study"), "permitted  permit class-study"),
        (("mn-02/class", "printers"), "DENIED"),
        (("mn-19/visitor", "internet"), "permitted  permit web"),
        (
            ("mn-01/office", "ledger", "--role", "head", *GOOD_DEVICE, *AT_NOON),
            "\n  permitted  permit ledger",
        ),
        (("mn-01/office", "ledger", "--role", "administrator", *AT_NOON), "DENIED  no rule names it: default deny"),
        (("mn-01/office", "ledger", "--role", "head", "--place", "abroad", *AT_NOON), "forbid ledger-not-abroad"),
    ],
)
def test_explain_answers(folder: Path, words: tuple[str, ...], answer: str) -> None:
    source, application, *more = words
    assert answer in run(folder, "explain", "--from", source, "--to", application, *more).said
    if more:
        assert read_document(run(folder, "explain", "--from", source, "--to", application, *more, "--json"))


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("explain", "--from", "mn-1/office", "--to", "m365"), "mn-01"),
        (("explain", "--from", "mn-01/offices", "--to", "m365"), "office"),
        (("explain", "--from", "mn-01/office", "--to", "m356"), "m365"),
        (("explain", "--from", "mn-01/office", "--to", "ledger", "--role", "instructer"), "instructor"),
        (("plan", "--ward", "湾岸", "--configs", CONFIGURATIONS), "湾岸区"),
        (("adopt", "仮・潮見第一", "--configs", CONFIGURATIONS), "mn-01"),
        (("playbook", "run", "backup", "--school", "mn-1"), "mn-01"),
        (
            ("trust", "shiomi1-sw", "--fingerprint", f"SHA256:{'A' * 43}"),
            "device ids are shiomi1-sw1, namiyoke1-sw1, ...; did you mean shiomi1-sw1",
        ),
        (("lab", "up"), "minato/city/lab.yaml:1: file is missing; only the virtual city"),
        (("report", "bandwidth", "-o", "report.html"), "no real school was measured yet"),
        (("plan", "--all"), "Write access.old-cores there"),
        (("measure", "--all"), "mn-01: no probe is enrolled"),
    ],
)
def test_a_refusal_helps_on(folder: Path, words: tuple[str, ...], hint: str) -> None:
    code = Exit.NOT_SUPPORTED if words[0] == "measure" else Exit.FAILED
    done = run(folder, *words, code=code)
    assert hint in done.said + done.errors
    assert read_document(run(folder, *words, "--json", code=code))


@pytest.mark.parametrize(("language", "word"), [("en", "closes visitor"), ("ja", "閉じる visitor")])
def test_what_if_says_what_a_change_closes(folder: Path, language: str, word: str) -> None:
    rules = (folder / "minato/access/rules.yaml").read_text(encoding="utf-8")
    (folder / "rules.yaml").write_text(rules.replace("[office, class, visitor]", "[office, class]"), encoding="utf-8")
    words = ("what-if", "--edit", "access/rules.yaml=rules.yaml", "--lang", language)
    assert word in run(folder, *words, code=Exit.DIFFERS).said
    if language == "en":
        assert read_document(run(folder, *words, "--json", code=Exit.DIFFERS))


def test_migrate_has_nothing_to_do(folder: Path) -> None:
    assert run(folder, "migrate").said.endswith("files, all of today's formats\n")
    assert read_document(run(folder, "migrate", "--json"))["rewrites"] == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("plan", "--school", "mn-0"), [f"mn-0{n}" for n in range(1, 10)]),
        (("plan", "--ward", ""), ["wan"]),
        (("trust", "hosaki"), ["hosaki1-sw1", "hosaki2-sw1", "hosaki-jh-sw1", "hosaki3-sw1"]),
        (("measure", "--region", ""), ["dc"]),
    ],
)
def test_completion_offers_its_ids(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], offered: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    asked = {"COMP_WORDS": "\n".join(["tsunagu", *words]), "COMP_CWORD": str(len(words))}
    policies = str(folder / "minato")
    answer = complete_word({"_TSUNAGU_COMPLETE": "complete_bash", "TSUNAGU_POLICIES": policies, **asked})
    assert sorted(answer[0].splitlines()) == sorted(offered)


def test_a_report_is_written_of_what_was_measured(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "tsunagu").mkdir(mode=0o700)
    at = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
    with open_measurement_store(tmp_path / "tsunagu/measurements.sqlite") as store:
        for school, mbps in (("mn-01", 187.0), ("mn-30", 420.0)):
            where = LinePath(school, "primary", "dc", Family.V4)
            for found in (throughput(mbps), throughput(mbps, MeasurementKind.UPLOAD), echo()):
                store.add_measurement("run-1", at, where, found, in_lessons=False)
    run(folder, "report", "bandwidth", "--lang", "ja", "-o", "report.html")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "仮・みなと特別支援学校" in html
    assert "義務教育学校" in html
    assert OTHER_CITY.findall(ALLOWED.sub("", html)) == []


# --- saved configurations ------------------------------------------------------------------------------------------


def read_saved(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / CONFIGURATIONS).iterdir())}


@pytest.mark.parametrize(
    ("school", "code", "said"),
    [
        (
            "mn-01",
            Exit.FAILED,
            ["shiomi1-sw1.cfg:14: ", "shiomi1-sw1.cfg:51: ", "voice vlan", "none of 1 devices was planned"],
        ),
        ("mn-02", Exit.NOT_JUDGED, ["+ filter from class IPv4", "1 of 1 devices would change", "14 filters rendered"]),
        ("mn-03", Exit.GOOD, ["hosaki1-sw1.cfg: read as shift-jis", "is at 'adoption: observe'"]),
        ("mn-19", Exit.FAILED, ["namiyoke3-sw1.cfg:14: ", "none of 1 devices was planned"]),
        ("mn-20", Exit.GOOD, ["+ filter to clinic IPv4", "1 of 1 devices would change", "14 filters rendered"]),
        ("mn-21", Exit.GOOD, ["is at 'adoption: observe'", "nothing is saved"]),
    ],
)
def test_a_plan_on_saved_texts(folder: Path, school: str, code: int, said: list[str]) -> None:
    before = read_saved(folder)
    done = run(folder, "plan", "--school", school, "--configs", CONFIGURATIONS, code=code)
    for one in said:
        assert one in done.said, done.said
    assert "not read, of devices that are not selected: 5 files (" in done.errors
    if code != Exit.GOOD:
        assert read_document(run(folder, "plan", "--school", school, "--configs", CONFIGURATIONS, "--json", code=code))
    assert read_saved(folder) == before


def test_a_proof_on_saved_texts_names_what_is_in_force(folder: Path) -> None:
    words = ("prove", "--school", "mn-02", "--configs", CONFIGURATIONS)
    done = run(folder, *words, code=Exit.DIFFERS)
    assert "x namiyoke1-sw1 VLAN 120 (class) from IPv4: no filter is in force; everything passes" in done.said
    assert read_document(run(folder, *words, "--json", code=Exit.DIFFERS))


@pytest.mark.parametrize(
    ("school", "code", "said"),
    [
        ("mn-01", Exit.FAILED, "drift: none of 1 devices was judged"),
        ("mn-03", Exit.GOOD, "hosaki1-sw1.cfg: read as shift-jis"),
        ("mn-05", Exit.FAILED, "holds no DEVICE.cfg of a selected device"),
        ("mn-20", Exit.DIFFERS, "drift: 1 of 1 devices differ"),
    ],
)
def test_drift_is_found_in_saved_texts(folder: Path, school: str, code: int, said: str) -> None:
    words = ("drift", "--school", school, "--configs", CONFIGURATIONS)
    done = run(folder, *words, code=code)
    assert said in done.said + done.errors
    assert read_document(run(folder, *words, "--json", code=code))


def test_drift_of_the_ward_names_the_schools_without_a_text(folder: Path) -> None:
    words = ("drift", "--ward", "湾岸区", "--configs", CONFIGURATIONS, "--json")
    document = read_document(run(folder, *words, code=Exit.DIFFERS))
    assert len(document["missing"]) == 24 - 8, "at eight of them nothing would be judged anyhow (observe)"
    assert {one["adoption"] for one in document["adoption"]} == {"filters", "observe"}


@pytest.mark.parametrize(
    ("school", "said"),
    [
        (
            "mn-01",
            [
                "VLAN 120 SEITO -> 教室 (class): 172.22.2.1/23 stands in its prefix 172.22.2.0/23",
                "VLAN 160 DENWA -> none that is known",
                "give back: vlan 110 / name SHOKUIN",
                "description TSN-port ルーター (回線事業者)",
                "'switchport trunk native vlan 190'",
                "'switchport voice vlan 160'",
                "today: SHOKUIN-IN, line 86",
                "172.20.1.126",
                "nothing was changed",
            ],
        ),
        (
            "mn-19",
            ["VLAN 115 HOKENSHITSU -> 保健室 (clinic)", "description TSN-gateway ルーター", "nothing was changed"],
        ),
    ],
)
def test_adoption_is_proposed(folder: Path, school: str, said: list[str]) -> None:
    done = run(folder, "adopt", school, "--configs", CONFIGURATIONS, code=Exit.DIFFERS)
    for one in said:
        assert one in done.said, one
    assert not re.search(r"(?i)\bremove it\b", done.said)
    if school == "mn-19":
        assert read_document(run(folder, "adopt", school, "--configs", CONFIGURATIONS, "--json", code=Exit.DIFFERS))


def test_rules_are_learnt_from_what_is_there(folder: Path) -> None:
    words = ("adopt", "mn-01", "--configs", CONFIGURATIONS, "--propose-rules", "-o", "learnt.yaml")
    assert "3 lists are equal to the compiled rules" in run(folder, *words, code=Exit.INEXPRESSIBLE).said
    learnt = (folder / "learnt.yaml").read_text(encoding="utf-8")
    assert f"{CONFIGURATIONS}/shiomi1-sw1.cfg:128" in learnt
    assert "172.21." not in learnt, "another school's staff are no application"


def test_the_monitor_shows_its_schools(tmp_path: Path) -> None:
    with monitor(tmp_path / "monitor.db", policies=MINATO) as running:
        assert {tile["id"] for tile in running.json("/api/city")["schools"]} == {f"mn-{n:02}" for n in range(1, 31)}
        for path in ("/", "/schools/mn-15", "/api/city", "/api/schools/mn-15", "/metrics"):
            status, _, body = running.ask(path, headers={"Accept-Language": "ja"})
            text = body.decode()
            assert status == 200, path
            assert OTHER_CITY.findall(ALLOWED.sub("", text)) == [], path
            assert path == "/metrics" or "仮・" in text
