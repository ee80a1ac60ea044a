"""Places have the city's own words: what they mean decides, and a word that means nothing is refused."""

from __future__ import annotations

import re
from itertools import product

import pytest

from controller.compile.identity.access_levels import PLACES
from controller.model.access.people import PlaceMeaning
from controller.model.city import City
from controller.prove.identity.synthetic_principals import draw_synthetic_principals
from tests.policies import PolicyFolder

OWN_WORDS = dict(zip(PLACES, ("jiko", "tako", "iinkai", "jitaku", "kaigai"), strict=True))
SEES_PLUGGED = "{id: own-school, name: 自校"


def rename_places(policies: PolicyFolder) -> None:
    """Give every place of the policy a word of the city's own."""
    for name in ("access/people.yaml", "access/rules.yaml", "access/admission.yaml"):
        text = (policies.path / name).read_text(encoding="utf-8")
        for old, new in OWN_WORDS.items():
            text = text.replace(f"{{id: {old}, ", f"{{id: {new}, means: {old}, ")
        for old, new in product(("places: [{}", ", {}]"), OWN_WORDS):
            text = text.replace(old.format(new), old.format(OWN_WORDS[new]))
        policies.write(name, text)


def test_the_compiler_and_the_model_know_the_same_meanings() -> None:
    assert set(PlaceMeaning) == set(PLACES)


def test_another_word_changes_no_decision(policies: PolicyFolder) -> None:
    before = policies.load()
    rename_places(policies)
    after = policies.load()
    assert [one.id for one in after.people.places] == list(OWN_WORDS.values())
    assert [rule.identity for rule in before.rules] == [rule.identity for rule in after.rules]
    assert [one.places for one in before.admissions] == [one.places for one in after.admissions]
    assert draw(before) == draw(after)


def draw(city: City) -> list[object]:
    """A sample of people, whose places are drawn from the city's."""
    return list(draw_synthetic_principals(city, 50))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (SEES_PLUGGED, "{id: jiko, means: home, name: 自校", "home has the word 'jiko' already"),
        (SEES_PLUGGED, "{id: home, means: own-school, name: 自校", "'home'"),
        (SEES_PLUGGED, "{id: own-school, means: school, name: 自校", "means"),
    ],
)
def test_a_word_that_nobody_could_tell_is_refused(policies: PolicyFolder, old: str, new: str, said: str) -> None:
    policies.edit("access/people.yaml", old, new)
    found = [one for one in policies.problems() if re.match(r"access/people\.yaml:\d+: ", one) and said in one]
    assert found, policies.problems()


def test_a_word_that_rules_ask_for_has_a_meaning(policies: PolicyFolder) -> None:
    rename_places(policies)
    line = policies.edit("access/people.yaml", "{id: jiko, means: own-school,", "{id: jiko,").line
    said = "nothing says how the place 'jiko' is told; write `means:` with one of own-school, other-school"
    assert any(one.startswith(f"access/people.yaml:{line}: means: {said}") for one in policies.problems())


def test_the_proxy_is_no_place_of_a_switch_by_any_word(policies: PolicyFolder) -> None:
    rename_places(policies)
    policies.edit("access/admission.yaml", "places: [jiko]", "places: [jitaku]")
    assert any("802.1X cannot see 'jitaku'; it can see: jiko, tako" in one for one in policies.problems())
