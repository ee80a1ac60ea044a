from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from controller.lab.faults import fault_injection
from controller.lab.state.layout import Layout
from tests.cli.running import ROOT, Done, here

pytestmark = pytest.mark.lab


@pytest.fixture
def school(lab: Layout) -> Iterator[str]:
    yield lab.schools[0].id
    fault_injection.repair_all_faults()


def tsunagu(*words: str) -> Done:
    return here("lab", *words, cwd=ROOT)


def broken() -> list[str]:
    found: list[str] = json.loads(tsunagu("status", "--json").said)["broken"]
    return found


def test_what_is_broken_is_shown_until_it_is_mended(school: str) -> None:
    first = tsunagu("break", school, "backup-line")
    assert first.code == 0
    assert f"tsunagu lab repair {school} backup-line" in first.said
    assert "already" in tsunagu("break", school, "backup-line").said
    assert tsunagu("break", "region", "osaka").code == 0
    assert broken() == [f"the backup line of {school} is cut", "region osaka is lost"]
    assert tsunagu("repair", "region", "osaka").code == 0
    assert broken() == [f"the backup line of {school} is cut"]
    assert f"It is no longer so that the backup line of {school} is cut." in tsunagu("repair", "--all").said
    assert broken() == []
    old = tsunagu("mend", "--all")
    assert "Nothing was broken" in old.said
    assert "is 'tsunagu lab repair' now" in old.errors


def test_wrong_words_are_told_from_wrong_use(school: str) -> None:
    for words in (("break", "nowhere", "blackhole"), ("break", school, "cable"), ("repair", "region", "kyoto")):
        assert tsunagu(*words).code == 1
    for use in (("break", school), ("repair",), ("repair", school), ("repair", school, "blackhole", "--all")):
        assert tsunagu(*use).code == 64
    assert broken() == []
