"""The rows of the RADIUS table against the policy; with mistakes planted in them."""

from dataclasses import replace

import pytest

from controller.compile.identity.admission_8021x import RadiusRow, compile_radius_rows, find_radius_row
from controller.model.city import City
from controller.prove.compliance.admission import prove_radius_rows
from tests.policies import PolicyFolder


def planted(city: City, certificate: str, place: str, **changes: object) -> tuple[RadiusRow, ...]:
    """The compiled rows with one of them changed."""
    return tuple(
        replace(row, **changes) if (row.certificate, row.place) == (certificate, place) else row  # type: ignore[arg-type] # fields by name
        for row in compile_radius_rows(city)
    )


def test_the_rows_put_every_device_where_the_policy_says(city: City) -> None:
    check = prove_radius_rows(city)
    assert check.holds
    assert check.examined == 2 * 15, "of the city, and at a school of its stage"
    assert "affairs-pc at own-school: VLAN 11 (staff-legacy), asked anew after 600 minutes" in check.evidence


def test_the_answer_holds_what_a_switch_needs(city: City) -> None:
    row = find_radius_row(compile_radius_rows(city), "pupil-device", "own-school")
    assert dict(row.attributes) == {
        "Tunnel-Type": 13,
        "Tunnel-Medium-Type": 6,
        "Tunnel-Private-Group-Id": "20",
        "Session-Timeout": 36_000,
        "Termination-Action": 1,
    }


def test_a_device_away_from_its_school_is_in_quarantine_where_the_policy_names_only_its_own(city: City) -> None:
    assert find_radius_row(compile_radius_rows(city), "affairs-pc", "other-school").segment == city.default_segment


def test_a_row_with_another_vlan_is_found_and_named(city: City) -> None:
    (said,) = prove_radius_rows(city, planted(city, "pupil-device", "own-school", vlan=10)).differences
    assert said.startswith("a device with a certificate of class 'pupil-device' at own-school is put into VLAN 10")
    assert "(pupil) by row 'pupils', but the policy says pupil, VLAN 20 (" in said
    assert "admission.yaml:" in said


def test_a_row_that_lets_unknown_devices_in_is_found(city: City) -> None:
    rows = planted(city, "", "own-school", segment="staff", vlan=10)
    said = prove_radius_rows(city, rows).differences
    begin = "a device with no certificate at own-school is put into VLAN 10 (staff) by row 'otherwise', but"
    assert any(one.startswith(begin) for one in said)


@pytest.mark.parametrize("session", [86_400, 0])
def test_a_session_of_another_length_than_the_policy_says_is_found(city: City, session: int) -> None:
    (said,) = prove_radius_rows(city, planted(city, "staff-device", "other-school", session=session)).differences
    assert f"asked anew after {session} s; the policy says 36000 s" in said


def test_a_row_for_a_certificate_that_the_policy_does_not_name_is_found(city: City) -> None:
    rows = compile_radius_rows(city)
    staff = next(row for row in rows if row.certificate == "staff-device" and row.place == "own-school")
    said, longer = prove_radius_rows(city, (*rows, replace(staff, certificate="old-vendor"))).differences
    assert "asked anew after 36000 s; the policy says 600 s" in longer
    assert "certificate of class 'old-vendor' at own-school is put into VLAN 10 (staff)" in said
    assert "but the policy says quarantine" in said


def test_a_row_for_a_place_that_no_switch_knows_is_found(city: City) -> None:
    first, *others = compile_radius_rows(city)
    said = prove_radius_rows(city, (replace(first, place="home"), *others)).differences[0]
    assert said == "row 'staff' is for 'home', where no switch asks"


def test_a_missing_row_and_a_second_one_are_found(city: City) -> None:
    rows = compile_radius_rows(city)
    without = tuple(row for row in rows if row.certificate)
    assert any("no row answers certificate 'none'" in one for one in prove_radius_rows(city, without).differences)
    assert any(one.startswith("two rows answer") for one in prove_radius_rows(city, (*rows, rows[0])).differences)


def test_two_admissions_of_one_certificate_at_one_place_are_refused(policies: PolicyFolder) -> None:
    policies.edit("access/admission.yaml", "certificate: pupil-device", "certificate: staff-device")
    (problem,) = [one for one in policies.problems() if "admitted by 'staff' already" in one and "own-school" in one][
        :1
    ]
    assert problem.startswith("access/admission.yaml:")


def test_a_place_that_a_switch_cannot_see_is_refused(policies: PolicyFolder) -> None:
    policies.edit("access/admission.yaml", "places: [own-school]", "places: [home]")
    assert any("802.1X cannot see 'home'" in one for one in policies.problems())
