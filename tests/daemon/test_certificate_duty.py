"""The daemon tells the monitor when certificates end; of what it cannot read it sends nothing, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.daemon.certificate_duty import send_certificate_ends
from controller.operations.operations import Operations
from controller.telemetry.traces.phases import ENDPOINT
from tests.monitoring.login.certificates import Authority
from tests.monitoring.running import POLICIES
from tests.telemetry.receivers import keeping

END = datetime(2031, 5, 6, tzinfo=UTC)


def send(operations: Operations, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Mapping[str, float]]:
    """What the duty says, and what arrives at the monitor."""
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        said = send_certificate_ends(operations, POLICIES)
    return said, {
        point.attributes[0].value.string_value: point.as_double or point.as_int
        for metric in received.metrics()
        if metric.name == "tsunagu.certificate.not.after"
        for point in metric.gauge.data_points
    }


def test_every_certificate_that_the_operators_file_names_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    server, _ = authority.give("radius", (datetime(2020, 1, 1, tzinfo=UTC), END))
    operations = Operations.model_validate(
        {
            "netbox": {
                "url": "https://n.example.jp",
                "token": {"env": "T"},
                "certificates": str(authority.certificate),
            },
            "rollout": {
                "database": {"host": "db.example.jp", "password": {"env": "P"}, "certificates": str(tmp_path / "gone")}
            },
            "certificates": {"radius-server": [str(server)], "radius-authority": [str(authority.certificate)]},
        }
    )
    said, told = send(operations, monkeypatch)
    assert told["radius-server"] == END.timestamp()
    assert set(told) == {"radius-server", "radius-authority", "netbox"}
    assert said.startswith("rollout-database: ")
    assert "is missing; put the certificate there" in said


def test_without_certificates_nothing_is_sent_and_nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert send(Operations(), monkeypatch) == ("", {})
