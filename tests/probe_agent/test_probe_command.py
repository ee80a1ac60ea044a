"""`tsunagu probe`: what it enrols is what a probe reads, and what it lists is what the monitor heard."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from controller.probe_agent.configuration import load_configuration
from controller.telemetry.enrolled_probes import (
    enrol_probe,
    find_enrolment_file,
    load_enrolled_probes,
    make_probe_token,
)
from controller.telemetry.probe_certificates import VALID, ProbeCertificate, find_authority_file, hash_certificate
from controller.telemetry.probe_words import ProbeWord, find_word_file, save_probe_words
from tests.cli.running import Done, here
from tests.policies import SHIPPED, PolicyFolder
from tests.probe_agent.scene import ReleaseKey

SCHOOL = "as-e04"
BEGIN = ("probe", "enrol", SCHOOL, "--policies", str(SHIPPED), "--monitor", "https://monitor.example.jp")
LIST = ("probe", "list", "--policies", str(SHIPPED))


def run(*words: str) -> Done:
    return here(*words, cwd=SHIPPED.parent)


@pytest.fixture
def enrolments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where probes are enrolled, by an operators' file of the test's own."""
    office = tmp_path / "office"
    office.mkdir(mode=0o700)
    operators = office / "operations.yaml"
    operators.write_text(f"format: 1\ntokens: {{probe: {office}/probe}}\n", "utf-8")
    operators.chmod(0o600)
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(operators))
    return find_enrolment_file(office / "probe")


def test_what_it_writes_is_for_its_owner_alone_and_says_every_path(tmp_path: Path, enrolments: Path) -> None:
    key = ReleaseKey(tmp_path / "key")
    key.make()
    words = ("--release-key", f"{key.path}.pub", "--updates-from", "https://monitor.example.jp/probe.pyz")
    done = run(*BEGIN, "-o", str(tmp_path / "probe.json"), "--on-router", *words)
    assert (done.code, done.errors) == (0, "")
    assert stat.S_IMODE((tmp_path / "probe.json").stat().st_mode) == 0o600
    found = load_configuration(tmp_path / "probe.json")
    assert len({(one.line, one.region, one.family) for one in found.paths}) == 8
    assert {(one.line, one.interface) for one in found.paths} == {("primary", "wan0"), ("backup", "wan1")}
    assert found.throughput.every_seconds == 0  # it goes by the slots that the monitor gives
    assert found.updates.allowed_signers.startswith('tsunagu-release namespaces="tsunagu-probe" ssh-ed25519 ')
    assert found.token not in done.said + enrolments.read_text("utf-8")
    assert found.identity not in done.said + enrolments.read_text("utf-8")
    assert found.identity.count("-----BEGIN ") == 2
    [listed] = load_enrolled_probes(enrolments)
    certificate = x509.load_pem_x509_certificate(found.identity.encode())
    assert listed.certificate_sha256 == hash_certificate(certificate.public_bytes(Encoding.DER))
    assert f"certificate until {certificate.not_valid_after_utc:%Y-%m-%d}" in done.said


def test_where_the_policy_says_https_the_probe_tests_by_it(tmp_path: Path, enrolments: Path) -> None:
    assert enrolments
    policies = PolicyFolder(tmp_path)
    policies.edit("measurement.yaml", "{schools: [], regions: []}", "{schools: [kw-s01], regions: [osaka]}")
    policies.edit("measurement.yaml", "https: {port: 443}", "https: {port: 8443, host: speed.example.jp}")
    words = ("--policies", str(policies.path), "--monitor", "https://monitor.example.jp")
    methods = {}
    for school in (SCHOOL, "kw-s01"):
        output = tmp_path / f"{school}.json"
        assert run("probe", "enrol", school, *words, "-o", str(output)).code == 0
        found = load_configuration(output)
        assert (found.throughput.https_port, found.throughput.https_host) == (8443, "speed.example.jp")
        methods[school] = {(one.region, one.throughput) for one in found.paths}
    assert methods[SCHOOL] == {("tokyo", "iperf3"), ("osaka", "https")}
    assert methods["kw-s01"] == {("tokyo", "https"), ("osaka", "https")}


def test_another_enrolment_ends_the_first_and_one_that_cannot_be_written_does_not(
    tmp_path: Path, enrolments: Path
) -> None:
    def list_active() -> list[str]:
        return [one.token_sha256 for one in load_enrolled_probes(enrolments) if one.revoked_at is None]

    assert run(*BEGIN, "-o", str(tmp_path / "one.json")).code == 0
    [first] = list_active()
    refused = run(*BEGIN, "-o", str(tmp_path / "nowhere" / "two.json"))
    assert refused.code == 1
    assert "cannot be written" in refused.errors
    assert list_active() == [first]
    assert run(*BEGIN, "-o", str(tmp_path / "two.json")).code == 0
    [second] = list_active()
    assert first != second


WRONG = {
    "no TLS": (("--monitor", "http://monitor.example.jp"), "expected an https address"),
    "half of updates": (("--updates-from", "/srv/probe.pyz"), "belong together"),
    "a certificate that is none": (("--ca", "KEY"), "ca: expected certificates"),
    "half a key": (("--updates-from", "/srv/probe.pyz", "--release-key", "HALF"), "is no public key"),
    "a server without a file": (("--updates-from", "https://a.example.jp", "--release-key", "WHOLE"), "updates.source"),
    "a private key": (("--updates-from", "/srv/probe.pyz", "--release-key", "KEY"), "is no public key"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_a_wish_that_no_probe_would_take_is_refused(
    tmp_path: Path, enrolments: Path, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "KEY").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", "ascii")
    whole = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 42 + "A"
    (tmp_path / "WHOLE").write_text(f"ssh-ed25519 {whole} release\n", "ascii")
    (tmp_path / "HALF").write_text(f"ssh-ed25519 {whole[:40]} release\n", "ascii")
    given = [str(tmp_path / one) if one in {"KEY", "HALF", "WHOLE"} else one for one in words]
    done = run(*BEGIN, *given, "-o", str(tmp_path / "probe.json"))
    assert done.code == 1
    assert message in done.errors
    assert not (tmp_path / "probe.json").exists()
    assert not enrolments.exists()


def test_the_list_says_version_clock_and_last_word_in_both_languages(tmp_path: Path, enrolments: Path) -> None:
    assert "No probe is enrolled" in run(*LIST, "--lang", "en").said
    run(*BEGIN, "-o", str(tmp_path / "probe.json"))
    assert "not heard yet" in run(*LIST, "--lang", "en").said
    at = datetime.now(UTC).timestamp() + 1
    word = ProbeWord(school=SCHOOL, heard_at=at, version="1.2.3", skew=90.04, waiting=7, dropped=2, update="older")
    save_probe_words(find_word_file(enrolments), [word])
    said = run(*LIST, "--lang", "en").said
    for text in ("version 1.2.3", "heard 0 s ago", "clock +90.0 s", "waiting 7", "dropped 2", "is older"):
        assert text in said
    assert "版 1.2.3" in run(*LIST, "--lang", "ja").said
    [row] = json.loads(run(*LIST, "--json").said)["probes"]
    assert (row["version"], row["skew_seconds"], row["update"]) == ("1.2.3", 90.04, "older")
    assert "does not go by the planned tests" in said
    for slots, text in ((0.0, "no planned tests known"), (at - 9, "no planned tests known"), (4e9, "2096-10-02T07:06")):
        save_probe_words(find_word_file(enrolments), [word.model_copy(update={"slots_until": slots})])
        assert text in run(*LIST, "--lang", "en").said
    assert run("probe", "revoke", SCHOOL, "--policies", str(SHIPPED)).code == 0
    assert "revoked" in run(*LIST, "--lang", "en").said
    again = run("probe", "revoke", SCHOOL, "--policies", str(SHIPPED))
    assert again.code == 1
    assert "has no probe that could be revoked" in again.errors


def test_the_list_says_when_a_certificate_ends_and_what_to_do(enrolments: Path) -> None:
    now = datetime.now(UTC)

    def list_after(left: timedelta | None, lang: str = "en") -> str:
        certificate = None if left is None else ProbeCertificate("", "0f" * 32, now + left)
        enrol_probe(enrolments, SCHOOL, make_probe_token(), now, certificate)
        return run(*LIST, "--lang", lang).said

    assert "no certificate, so only heard on the monitor's own machine: enrol it again" in list_after(None)
    assert f"certificate until {now + VALID:%Y-%m-%d}" in list_after(VALID)
    assert "its certificate ends in 59 days: enrol it again" in list_after(timedelta(days=59, hours=12))
    ended = timedelta(days=-1)
    assert f"its certificate ended on {now + ended:%Y-%m-%d}: enrol it again" in list_after(ended)
    assert f"証明書が {now + ended:%Y-%m-%d} に切れました" in list_after(ended, "ja")
    [row] = json.loads(run(*LIST, "--json").said)["probes"]
    assert row["certificate_ends_at"] == (now + ended).isoformat()
    refused = run("probe", "enrol", "as-e05", *BEGIN[3:], "-o", str(enrolments.with_name("none") / "probe.json"))
    assert refused.code == 1
    assert [one.school for one in load_enrolled_probes(enrolments) if one.revoked_at is None] == [SCHOOL]


def test_an_authority_that_cannot_be_used_leaves_everything_as_it_was(tmp_path: Path, enrolments: Path) -> None:
    output = tmp_path / "probe.json"
    assert run(*BEGIN, "-o", str(output)).code == 0
    before = (output.read_bytes(), enrolments.read_bytes())
    key = find_authority_file(enrolments).with_suffix(".key")
    key.chmod(0o644)
    refused = run(*BEGIN, "-o", str(output))
    assert refused.code == 1
    assert f"{key}: others may read the key of the probes' authority (mode 0644); chmod 600 it" in refused.errors
    assert (output.read_bytes(), enrolments.read_bytes()) == before


def test_the_probe_of_a_school_that_was_closed_can_be_revoked(enrolments: Path) -> None:
    """The policy has it no more; its token is still out there."""
    enrol_probe(enrolments, "as-e99", make_probe_token(), datetime.now(UTC))
    assert run("probe", "revoke", "as-e99", "--policies", str(SHIPPED)).code == 0
    assert [one.revoked_at is None for one in load_enrolled_probes(enrolments)] == [False]
    unknown = run("probe", "revoke", "as-e98", "--policies", str(SHIPPED))
    assert unknown.code == 1
    assert "there is no school" in unknown.errors


def test_a_list_that_cannot_be_used_leaves_the_file_that_was_there(tmp_path: Path, enrolments: Path) -> None:
    output = tmp_path / "probe.json"
    assert run(*BEGIN, "-o", str(output)).code == 0
    before = output.read_bytes()
    enrolments.write_text("{", "ascii")
    refused = run(*BEGIN, "-o", str(output))
    assert refused.code == 1
    assert "is no list of enrolled probes" in refused.errors
    assert output.read_bytes() == before
