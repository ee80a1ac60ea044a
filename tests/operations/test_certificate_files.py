"""When certificates end, by the files that the operators' file names; a file that says nothing is no good news."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.errors import OperationsRefused
from controller.operations.certificate_files import find_first_end, find_group_ends
from controller.operations.operators_file import load_operations
from tests.monitoring.login.certificates import Authority

EARLY, LATE = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)


@pytest.fixture
def early(tmp_path: Path) -> Path:
    return Authority(tmp_path, "early").give("early-server", (datetime(2020, 1, 1, tzinfo=UTC), EARLY))[0]


@pytest.fixture
def late(tmp_path: Path) -> Path:
    return Authority(tmp_path, "late").give("late-server", (datetime(2020, 1, 1, tzinfo=UTC), LATE))[0]


def test_of_several_certificates_and_files_the_first_to_end_counts(tmp_path: Path, early: Path, late: Path) -> None:
    assert find_first_end([late]) == LATE.timestamp()
    assert find_first_end([late, early]) == EARLY.timestamp()
    chain = tmp_path / "chain.pem"
    chain.write_bytes(late.read_bytes() + b"# who gave it\n" + early.read_bytes())
    assert find_first_end([chain]) == EARLY.timestamp()


def test_a_file_that_holds_its_key_too_tells_of_its_certificate(tmp_path: Path, early: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "early-server.key").read_bytes() + early.read_bytes())
    assert find_first_end([both]) == EARLY.timestamp()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing; put the certificate there, in PEM"),
        (b"", "holds no certificate in PEM"),
        (b"\x30\x82\x01\x00", "holds no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate in PEM"),
    ],
)
def test_a_file_without_a_certificate_is_named_and_no_end_is_made_up(
    tmp_path: Path, early: Path, content: bytes | None, said: str
) -> None:
    broken = tmp_path / "broken.pem"
    if content is not None:
        broken.write_bytes(content)
    with pytest.raises(OperationsRefused, match=said):
        find_first_end([broken])
    ends, faults = find_group_ends({"netbox": (early,), "radius-server": (early, broken), "monitor": ()})
    assert ends == {"netbox": EARLY.timestamp()}
    [fault] = faults
    assert fault.startswith("radius-server: ")
    assert "broken.pem" in fault
    assert said in fault
    assert "\n" not in fault


def test_a_file_that_others_can_change_tells_nothing(early: Path) -> None:
    early.chmod(0o666)
    with pytest.raises(OperationsRefused, match="can be changed by others"):
        find_first_end([early])


def test_the_operators_file_names_the_certificates_of_others(tmp_path: Path) -> None:
    file = tmp_path / "operations.yaml"
    file.write_text("format: 1\ncertificates: {radius-server: [/etc/a.pem, /etc/b.pem]}\n", encoding="utf-8")
    file.chmod(0o600)
    operations = load_operations(file)
    assert operations.certificates.group_paths()["radius-server"] == (Path("/etc/a.pem"), Path("/etc/b.pem"))
    assert Path("/etc/b.pem") in set(operations.list_paths())
    file.write_text("format: 1\ncertificates: {radius-server: [b.pem]}\n", encoding="utf-8")
    with pytest.raises(OperationsRefused, match=r"operations.yaml:2.*write a path that begins with /"):
        load_operations(file)
