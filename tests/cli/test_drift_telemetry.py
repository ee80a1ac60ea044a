from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from controller.cli.devices.drift_telemetry import (
    NAMED_DEVICES,
    count_unconfirmed,
    describe_drift,
    group_drift_by_school,
    send_drift,
)
from controller.cli.devices.observation import ask_schools_again, tell_unconfirmed
from controller.errors import DeviceUnconfirmed, DeviceUnreachable, TsunaguError
from controller.model.city import City
from controller.model.sites.devices import Device
from controller.plan.build import ConsideredDevice
from controller.plan.observe import Observed
from controller.platforms.transport.in_memory_device.session import MemoryTransport
from controller.telemetry.traces.phases import ENDPOINT
from monitoring.limits import LONGEST_TEXT
from tests.telemetry.receivers import keeping


def devices(city: City, school: str) -> list[Device]:
    return list(city.list_devices(city.school_by_id[school]))[:3]


def considered(device: Device, *changes: str, unreachable: bool = False) -> ConsideredDevice:
    refusal = DeviceUnreachable(device.id, "no answer") if unreachable else None
    return ConsideredDevice(Observed(device, "test", refusal=refusal), changes=changes, refusal=refusal)


def test_a_school_of_which_a_device_could_not_be_read_is_not_said_to_have_no_drift(city: City) -> None:
    clean, drifted, silent, both = (devices(city, school) for school in ("as-e01", "as-e02", "as-e03", "as-e04"))
    found = [
        *(considered(device) for device in clean),
        *(considered(device, "+ permit") for device in drifted),
        *(considered(device, unreachable=device is silent[0]) for device in silent),
        considered(both[0], unreachable=True),
        considered(both[1], "- permit"),
    ]
    assert group_drift_by_school(found) == {"as-e01": 0, "as-e02": 3, "as-e04": 1}


def refused(device: Device, refusal: TsunaguError) -> ConsideredDevice:
    return ConsideredDevice(Observed(device, "test", refusal=refusal), refusal=refusal)


def test_unconfirmed_devices_are_counted_and_none_is_said_only_where_all_answered(city: City) -> None:
    clean, mixed, silent = (devices(city, school) for school in ("as-e01", "as-e02", "as-e03"))
    found = [
        *(considered(device) for device in clean),
        refused(mixed[0], DeviceUnconfirmed(mixed[0].id, "its restore failed", 75)),
        considered(mixed[1], unreachable=True),
        considered(silent[0]),
        considered(silent[1], unreachable=True),
    ]
    assert count_unconfirmed(found) == {"as-e01": 0, "as-e02": 1}


def test_an_unconfirmed_device_is_sent_and_the_event_names_the_repair(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = devices(city, "as-e01")
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        send_drift([refused(first, DeviceUnconfirmed(first.id, "its restore failed", 75))], Path(city.directory))
    [unconfirmed] = [metric for metric in received.metrics() if metric.name == "tsunagu.device.unconfirmed"]
    assert [point.as_int or point.as_double for point in unconfirmed.gauge.data_points] == [1]
    [said] = [event.body.string_value for event in received.events()]
    assert "tsunagu repair" in said


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_a_school_answers_after_a_change_is_told_where_there_is_a_monitor(
    city: City, monkeypatch: pytest.MonkeyPatch, *, confirmed: bool
) -> None:
    asked: list[str] = []

    def read(devices: Sequence[Device], *_: object) -> list[Observed]:
        asked.extend(device.id for device in devices)
        refusals = [None if confirmed else DeviceUnconfirmed(one.id, "its restore failed", 75) for one in devices]
        return [Observed(one, "test", refusal=why) for one, why in zip(devices, refusals, strict=True)]

    monkeypatch.setattr("controller.cli.devices.observation.read_devices", read)
    policies, transport = Path(city.directory), MemoryTransport([])
    monkeypatch.delenv(ENDPOINT, raising=False)
    tell_unconfirmed(lambda: ask_schools_again(city, {"as-e01"}, transport), policies)
    assert not asked, "nobody wants to know"
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        tell_unconfirmed(lambda: ask_schools_again(city, {"as-e01"}, transport), policies)
    assert set(asked) == {device.id for device in city.list_devices(city.school_by_id["as-e01"])}
    told = {metric.name: metric for metric in received.metrics()}
    assert "tsunagu.device.drift" not in told
    [point] = told["tsunagu.device.unconfirmed"].gauge.data_points
    assert (point.as_int or point.as_double) == (0 if confirmed else len(asked))


def test_drift_is_sent_as_a_count_and_as_an_event(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = devices(city, "as-e01")
    with keeping() as received:
        monkeypatch.setenv(ENDPOINT, received.url)
        send_drift([considered(first, "+ permit")], Path(city.directory))
    [drift] = [metric for metric in received.metrics() if metric.name == "tsunagu.device.drift"]
    assert [point.as_int or point.as_double for point in drift.gauge.data_points] == [1]
    said = f"1 devices differ from the policy: {first.id} (1 lines)"
    assert [event.body.string_value for event in received.events()] == [said]


def test_the_event_names_few_devices_of_many_and_no_line_of_their_configurations(city: City) -> None:
    found = [considered(device, "+ a secret", "- another") for device in city.list_devices(city.school_by_id["as-e01"])]
    said = describe_drift("as-e01", len(found), [*found, considered(devices(city, "as-e02")[0], "+ elsewhere")])
    assert said.startswith(f"{len(found)} devices differ from the policy: {found[0].observed.device.id} (2 lines), ")
    assert said.endswith(f"and {len(found) - NAMED_DEVICES} more")
    assert "secret" not in said
    assert len(said) <= LONGEST_TEXT
