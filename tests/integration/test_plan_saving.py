"""What `tsunagu integrate plan` writes: plan, reservations and policy, or none of them; no file is lost."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from controller.cli.devices.saved_plan import record_planned
from controller.cli.integration import plan as command
from controller.cli.integration import saving
from controller.errors import InputRefused
from controller.integration.computers.issued_table import read_issued_counts
from controller.model.loading.policy_text import PolicyText, write_policy_text
from controller.model.network.packets import Family
from controller.plan.document import PlanFile
from controller.plan.provenance import signed_plan
from controller.storage.audit.audit_trail import AuditTrail
from tests.cli.running import here
from tests.integration.conftest import StagedCity
from tests.integration.test_integrate_plan import PASSES, place, read_integration, run
from tests.own_signal import send_own_signal

__all__ = ["place"]  # the folder that these tests work in
RESERVED = "school,name,mac,address\nas-e04,nas,02:54:00:ab:00:01,{address}\n"
ISSUED = "school,expected,issued to\nas-e04,10,10\n"


def list_audited(place: Path) -> list[str]:
    folder = place.parent / "office/state"
    return [str(one["kind"]) for one in AuditTrail(folder).read_entries()] if folder.exists() else []


def reserve(place: Path, staged: StagedCity) -> str:
    """Write a list with one reservation of the old affairs network, and return what it says."""
    city = staged.city
    prefix = city.addresses.segment_prefix(city.school_by_id["as-e04"], city.segments["staff-legacy"], Family.V4)
    assert prefix is not None
    text = RESERVED.format(address=prefix[9])
    (place / "dhcp.csv").write_text(text, "utf-8")
    return text


def test_ctrl_c_at_the_passphrase_leaves_everything_as_it_was(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "key"], check=True)
    before = read_integration(place)
    seen: list[str] = []

    def interrupt(*_: object) -> bytes:
        seen.append(read_integration(place))
        raise KeyboardInterrupt

    monkeypatch.setattr(signed_plan, "sign_bytes", interrupt)
    done = run(place, *PASSES, "-o", "plan.json", "--sign-with", "key")
    assert done.code == 130
    assert seen == [before]
    assert read_integration(place) == before
    assert not (place / "plan.json").exists()
    assert list_audited(place) == []
    monkeypatch.undo()


@pytest.mark.parametrize("late", ["write_policy_text", "record_planned"])
def test_what_ends_it_late_puts_all_files_back(place: Path, monkeypatch: pytest.MonkeyPatch, late: str) -> None:
    before = read_integration(place)
    (place / "plan.json").write_text("an earlier one", "utf-8")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, late, interrupt)
    assert run(place, *PASSES, "-o", "plan.json").code == 130
    assert read_integration(place) == before
    assert (place / "plan.json").read_text("utf-8") == "an earlier one"
    assert not (place / "plan.json.made-here").exists()


def test_where_the_plan_cannot_be_saved_the_audit_trail_says_nothing(place: Path) -> None:
    (place / "taken").mkdir()
    assert run(place, *PASSES, "-o", "taken").code == 1
    assert list_audited(place) == []


def test_reservations_that_cannot_be_written_leave_policy_and_plan(place: Path, staged: StagedCity) -> None:
    reserve(place, staged)
    before = read_integration(place)
    words = ("--reservations", "dhcp.csv", "-o", "plan.json", "--carried-to")
    done = run(place, *PASSES, *words, "nowhere/new.csv")
    assert done.code == 1
    assert "nowhere/new.csv: cannot be written" in done.errors
    assert read_integration(place) == before
    assert not (place / "plan.json").exists()
    assert list_audited(place) == []
    done = run(place, *PASSES, *words, "new.csv", "--json")
    assert done.code == 0, done.errors
    assert json.loads(done.said)["written"][1:] == ["plan.json", "new.csv"]
    assert "as-e04,nas," in (place / "new.csv").read_text("utf-8")


def test_who_only_looks_gets_no_reservations_written(place: Path, staged: StagedCity) -> None:
    reserve(place, staged)
    done = run(place, *PASSES, "--reservations", "dhcp.csv", "--carried-to", "new.csv")
    assert done.code == 0
    assert "reservations of DHCP: 1, of them with a new address: 0 (not written: new.csv)" in done.said
    assert not (place / "new.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "policies/city/integration.yaml"), "is in the folder of the policies"),
        (("-o", "policies/new.json"), "is in the folder of the policies"),
        (("-o", "dhcp.csv"), "-o dhcp.csv: is the file of --reservations, too"),
        (("--carried-to", "./dhcp.csv", "-o", "plan.json"), "is the file of --reservations, too"),
        (("--carried-to", "same", "-o", "same"), "--carried-to same: is the file of -o, too"),
        (("--carried-to", "policies/city/integration.yaml", "--write"), "is in the folder of the policies"),
    ],
)
def test_no_output_takes_the_place_of_what_is_read(
    place: Path, staged: StagedCity, words: tuple[str, ...], message: str
) -> None:
    listed, before = reserve(place, staged), read_integration(place)
    more = () if "--carried-to" in words else ("--carried-to", "new.csv")
    done = run(place, *PASSES, "--reservations", "dhcp.csv", *words, *more)
    assert done.code == 64
    assert message in " ".join(done.errors.replace("│", " ").split())
    assert (place / "dhcp.csv").read_text("utf-8") == listed
    assert read_integration(place) == before


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "--school", "as-e04", "-o"),
        ("report", "integration", "-o"),
        ("report", "bandwidth", "-o"),
        ("integrate", "schedule", "--csv"),
    ],
)
def test_no_command_writes_over_a_policy(place: Path, words: tuple[str, ...]) -> None:
    before = read_integration(place)
    done = here(*words, "policies/city/integration.yaml", cwd=place)
    assert done.code == 64
    assert "is in the folder of the" in done.errors
    assert read_integration(place) == before


def test_what_was_written_is_not_said_to_be_not_written(place: Path) -> None:
    done = run(place, *PASSES, "--write")
    assert done.code == 0
    assert "integration.yaml was written" in done.said
    assert "not written" not in done.said


def test_a_list_is_read_in_the_encoding_that_is_told(place: Path, staged: StagedCity) -> None:
    (place / "issued.csv").write_bytes(ISSUED.encode("utf-16-le"))
    with pytest.raises(InputRefused):
        read_issued_counts(place / "issued.csv", staged.city)
    done = run(place, "--issued", "issued.csv", "--encoding", "utf-16", "--json")
    assert {one["name"]: one["verdict"] for one in json.loads(done.said)["checks"]}["issued"] == "passed"


def test_what_the_lists_say_of_other_schools_is_kept_or_told(place: Path, staged: StagedCity) -> None:
    """The file that is written takes the place of the list that was read: a row that is not there is lost."""
    city, rows = staged.city, ["school,name,mac,address,room"]
    for number, school in enumerate(("as-e04", "as-e01", "kw-e01")):
        prefix = city.addresses.segment_prefix(city.school_by_id[school], city.segments["staff-legacy"], Family.V4)
        rows.append(f"{school},nas{number},02:54:00:ab:00:0{number},{prefix[9]},2F")
    (place / "dhcp.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (place / "issued.csv").write_text("school,expected,issued to\nas-e04,40,40\nas-e01,40,1\n", "utf-8")
    words = ("--reservations", "dhcp.csv", "--carried-to", "new.csv", "--issued", "issued.csv", "-o", "plan.json")
    done = run(place, *PASSES, *words)
    assert done.code == 0, done.errors
    said = " ".join(done.said.split())
    assert "dhcp.csv: rows of schools that do not change, written again as they are: 2: as-e01 (1), kw-e01 (1)" in said
    assert "issued.csv: rows of schools that do not change, which no check looked at: 1: as-e01 (1)" in said
    assert "dhcp.csv: columns that are not written again: room" in said
    assert "reservations of DHCP: 3" in said
    written = (place / "new.csv").read_text("utf-8-sig").splitlines()
    assert [line.split(",")[:4] for line in written[2:]] == [row.split(",")[:4] for row in rows[2:]]


def test_what_is_of_other_schools_is_in_the_document(place: Path) -> None:
    (place / "issued.csv").write_text("school,expected,issued to\nas-e04,40,40\nas-e01,40,1\n", "utf-8")
    done = run(place, *PASSES, "--issued", "issued.csv", "--json")
    expected = {"file": "issued.csv", "schools": {"as-e01": 1}, "kept": False, "dropped": []}
    assert json.loads(done.said)["rows_of_others"] == [expected]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_late_puts_all_files_back(
    place: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    before = read_integration(place)

    def write_and_signal(policy: PolicyText) -> None:
        write_policy_text(policy)
        send_own_signal(number)

    monkeypatch.setattr(saving, "write_policy_text", write_and_signal)
    # A test that does not get its signal back to the command must not end.
    old = signal.signal(number, lambda *_: None)
    try:
        assert run(place, *PASSES, "-o", "plan.json").code == 130
    finally:
        signal.signal(number, old)
    assert read_integration(place) == before
    assert not (place / "plan.json").exists()
    assert list_audited(place) == []


def test_what_somebody_else_wrote_at_the_same_moment_is_not_put_back(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people plan the same change: who comes second is refused, and the first one's policy stays."""

    def write_second(policy: PolicyText) -> None:
        write_policy_text(policy)
        write_policy_text(policy)

    monkeypatch.setattr(saving, "write_policy_text", write_second)
    done = run(place, *PASSES, "-o", "plan.json")
    assert (done.code, "was changed by somebody else meanwhile" in " ".join(done.errors.split())) == (1, True)
    assert "school: as-e04, stage: coexist" in read_integration(place)
    assert not (place / "plan.json").exists()
    assert list_audited(place) == []


def test_no_signal_comes_between_the_files_and_what_the_audit_trail_says_of_them(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signal_and_record(document: PlanFile, trail: AuditTrail) -> None:
        send_own_signal(signal.SIGTERM)
        record_planned(document, trail)

    monkeypatch.setattr(saving, "record_planned", signal_and_record)
    old = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert run(place, *PASSES, "-o", "plan.json").code == 0
    finally:
        signal.signal(signal.SIGTERM, old)
    assert (place / "plan.json").exists()
    assert list_audited(place)[-1] == "planned"


def test_what_was_measured_is_read_before_anything_is_written(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_integration(place)

    def refuse() -> None:
        raise InputRefused(Path("measured_interruptions.json"), "is no record")

    monkeypatch.setattr(command, "read_measured_interruptions", refuse)
    assert run(place, *PASSES, "-o", "plan.json").code == 1
    assert read_integration(place) == before
    assert not (place / "plan.json").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--issued-percent", "1"), "--issued-percent 1: the operators' file asks for 90 at least"),
        (("--backup-days", "31"), "--backup-days 31: the operators' file allows 30 at most"),
        (("--measured-days", "8"), "--measured-days 8: the operators' file allows 7 at most"),
    ],
)
def test_an_option_only_tightens_what_the_operators_ask_for(place: Path, words: tuple[str, ...], told: str) -> None:
    operators = place.parent / "office/operations.yaml"
    operators.write_text(
        operators.read_text("utf-8") + "integration: {measured-days: 7, issued-percent: 90}\n", "utf-8"
    )
    before = read_integration(place)
    done = run(place, *PASSES, *words, "-o", "plan.json")
    assert (done.code, told in " ".join(done.errors.split())) == (64, True), done.errors
    assert (read_integration(place), (place / "plan.json").exists()) == (before, False)


def test_the_limits_of_a_change_stand_in_the_audit_trail(place: Path) -> None:
    operators = place.parent / "office/operations.yaml"
    operators.write_text(operators.read_text("utf-8") + "integration: {issued-percent: 90}\n", "utf-8")
    (place / "issued.csv").write_text("school,expected,issued to\nas-e04,100,93\n", "utf-8")
    tight = run(place, "--issued", "issued.csv", "--issued-percent", "94", "--json")
    assert {one["name"]: one["verdict"] for one in json.loads(tight.said)["checks"]}["issued"] == "failed"
    passes = [word for word in PASSES if not word.startswith("issued=")]
    del passes[-1]
    assert run(place, *passes, "--issued", "issued.csv", "--backup-days", "3", "-o", "plan.json").code == 0
    entries = list(AuditTrail(place.parent / "office/state").read_entries())
    (limits,) = (one for one in entries if one["kind"] == "check-limits")
    assert (limits["backup_days"], limits["measured_days"], limits["issued_percent"]) == ("3", "30", "90")
    assert (limits["subject"], limits["stage"]) == ("school as-e04", "coexist")
