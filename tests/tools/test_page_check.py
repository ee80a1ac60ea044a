"""The types that the page's scripts are checked with are those of the monitor and of the vendored chart."""

from __future__ import annotations

import json
import re
from typing import get_args

import pytest

from controller.model.measurement import Assessment
from monitoring.city_state.certificate_ends import CertificateState, CertificateView
from monitoring.city_state.monitor import ClockView
from monitoring.city_state.needs import Cause, NeedKind
from monitoring.city_state.needs_view import ActionView, NeedView, PatternView
from monitoring.city_state.rollout_changes import DeviceView, RolloutView, SpanView, WaveView
from monitoring.city_state.school_facts import AssessmentDoubt, Impairment, LineState, ProbeState
from monitoring.city_state.school_tiles import LineTimes, Tile
from monitoring.city_state.sender_clocks import SkewedSender
from monitoring.city_state.shared_patterns import PatternKind
from monitoring.city_state.task_ends import GuidelineView, TaskView
from monitoring.web.school_devices import DeviceRolloutView, SchoolDeviceView
from monitoring.web.school_past import (
    AvailabilityView,
    LinePastView,
    Measure,
    OutageView,
    PathView,
    PeriodView,
    SchoolPast,
    ServiceName,
    ServiceView,
)
from tools.vendor_npm import ROOT, read_manifest

FOLDER = ROOT / "tools" / "page_check"
TYPES = (FOLDER / "types" / "api.d.ts").read_text(encoding="utf-8")


def fields(interface: str) -> dict[str, str]:
    found = re.search(rf"^interface {interface} {{\n(.*?)^}}", TYPES, re.MULTILINE | re.DOTALL)
    assert found, interface
    return dict(re.findall(r"^  (\w+): (.*);$", found[1], re.MULTILINE))


def words(name: str) -> set[str]:
    found = re.search(rf"^type {name} = (.*);$", TYPES, re.MULTILINE)
    assert found, name
    return set(re.findall(r'"([^"]+)"', found[1]))


@pytest.mark.parametrize(
    ("interface", "type_"),
    [
        ("Tile", Tile),
        ("LineTimes", LineTimes),
        ("Need", NeedView),
        ("NeedPattern", PatternView),
        ("NeedAction", ActionView),
        ("Clocks", ClockView),
        ("SkewedSender", SkewedSender),
        ("RolloutDevice", DeviceView),
        ("RolloutWave", WaveView),
        ("RolloutSpan", SpanView),
        ("Rollout", RolloutView),
        ("Availability", AvailabilityView),
        ("LinePast", LinePastView),
        ("PathPast", PathView),
        ("ServicePast", ServiceView),
        ("Outage", OutageView),
        ("Period", PeriodView),
        ("SchoolPast", SchoolPast),
        ("DeviceRollout", DeviceRolloutView),
        ("SchoolDevice", SchoolDeviceView),
        ("TaskEnds", TaskView),
        ("CertificateEnd", CertificateView),
        ("GuidelineState", GuidelineView),
    ],
)
def test_the_pages_types_are_the_monitors(interface: str, type_: type) -> None:
    ours = {name: "None" in str(hint) for name, hint in type_.__annotations__.items()}
    assert {name: "null" in hint for name, hint in fields(interface).items()} == ours


def test_the_pages_words_are_the_monitors() -> None:
    assert words("LineState") == set(get_args(LineState))
    assert words("ProbeState") == set(get_args(ProbeState))
    assert words("AssessmentDoubt") == set(get_args(AssessmentDoubt))
    assert words("NeedKind") == set(get_args(NeedKind))
    assert words("NeedCause") == {one for part in get_args(Cause) for one in get_args(part) or [part]}
    assert words("NeedCause") >= set(get_args(Impairment))
    assert words("Measure") == set(get_args(Measure))
    assert words("ServiceName") == set(get_args(ServiceName))
    assert words("CertificateState") == set(get_args(CertificateState))
    assert words("PatternKind") == set(get_args(PatternKind))
    assert words("Assessment") == {str(one) for one in Assessment}


def test_the_charts_types_are_of_the_vendored_version() -> None:
    (chart,) = [one for one in read_manifest() if one.package == "uplot"]
    wanted = json.loads((FOLDER / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    locked = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert wanted["uplot"] == chart.version
    assert locked["node_modules/uplot"]["integrity"] == chart.integrity
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert {name.removeprefix("node_modules/"): one["version"] for name, one in locked.items() if name} == wanted


def test_the_lock_has_hashes_and_no_addresses() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert all(one["integrity"].startswith("sha512-") for name, one in packages.items() if name)
    assert not [name for name, one in packages.items() if "resolved" in one]


def test_every_script_of_the_page_is_checked_strictly() -> None:
    settings = json.loads((FOLDER / "tsconfig.json").read_text(encoding="utf-8"))
    options = settings["compilerOptions"]
    assert options["strict"]
    assert options["checkJs"]
    scripts = ROOT / "monitoring" / "web" / "page" / "static" / "js"
    assert settings["include"][0].endswith("/js/**/*.js")
    files = [path for path in scripts.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".js"}
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    assert not re.search(r"@ts-(ignore|nocheck|expect-error)", text)
    # The one that is: events of the stream, each of which its own hearer knows.
    assert re.findall(r"(?:\{|: |\| )any\b.*", text) == [": any) => void>} Hearers by the event's name */"]
