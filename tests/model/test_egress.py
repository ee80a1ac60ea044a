"""The addresses that prove a school: only of a line of its own, and of one school only."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from controller.errors import Origin
from controller.model.city import City
from controller.model.loading.addressing import find_addressing_problems
from controller.model.policy_files import SCHOOLS
from controller.model.sites.contracted_lines import AccessLine
from controller.model.sites.schools import SchoolFile


@pytest.mark.parametrize("kind", ["map-e", "ds-lite", "lte", "closed-vpn"])
def test_a_shared_address_proves_no_school(kind: str) -> None:
    with pytest.raises(ValidationError, match="no addresses of its own"):
        AccessLine.model_validate({"kind": kind, "mbps": 100, "egress": ["192.0.2.1"]})


def test_a_line_of_its_own_takes_both_families() -> None:
    line = AccessLine.model_validate({"kind": "fixed-ip", "mbps": 100, "egress": ["192.0.2.1", "2001:db8:8001::/48"]})
    assert [str(prefix) for prefix in line.egress] == ["192.0.2.1/32", "2001:db8:8001::/48"]


def test_two_schools_never_come_from_one_address(city: City) -> None:
    first, second = [school for school in city.schools if school.lines.primary.egress][:2]
    lines = second.lines.model_copy(update={"primary": first.lines.primary})
    doubled = second.model_copy(update={"lines": lines})
    schools = tuple(doubled if school is second else school for school in city.schools)
    problems = find_addressing_problems(
        city.replace_file(SCHOOLS, SchoolFile(schools=schools)), lambda file, _: Origin(file.name, 1)
    )
    assert any("egress of school" in str(problem) and first.id in str(problem) for problem in problems)
