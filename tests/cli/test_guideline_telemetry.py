"""`tsunagu prove` tells the monitor how the guideline's clauses stand, and of which policy."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from controller.cli.policy.guideline_telemetry import send_guideline
from controller.model.city import City
from controller.prove.compliance.guideline import check_guideline
from controller.telemetry.traces.phases import ENDPOINT
from controller.telemetry.units import shorten_digest
from tests.telemetry.receivers import keeping


def test_the_clauses_are_counted_by_state_with_the_policy_they_are_of(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        send_guideline(city, Path(city.directory))
    told = {
        (metric.name, *(one.value.string_value for one in point.attributes)): point.as_int or point.as_double
        for metric in received.metrics()
        for point in metric.gauge.data_points
    }
    clauses = check_guideline(city)
    judged = [one for one in clauses if not one.not_judged]
    assert judged
    assert told == {
        ("tsunagu.guideline.clauses", "holds"): sum(one.holds for one in judged),
        ("tsunagu.guideline.clauses", "differs"): 0,
        ("tsunagu.guideline.clauses", "not-judged"): len(clauses) - len(judged),
        ("tsunagu.guideline.policy.hash",): shorten_digest(city.digest),
    }


def test_what_keeps_it_off_is_logged_and_changes_no_proof(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "operations.yaml").write_text("no: operators file\n", encoding="utf-8")
    monkeypatch.setenv("TSUNAGU_OPERATIONS", str(tmp_path / "operations.yaml"))
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        send_guideline(city, Path(city.directory))
    assert "the state of the guideline was not told to the monitor" in caplog.text


def test_without_a_monitor_nothing_is_judged_again(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT, raising=False)
    monkeypatch.setattr("controller.cli.policy.guideline_telemetry.check_guideline", lambda _: pytest.fail("it was"))
    send_guideline(city, Path(city.directory))
