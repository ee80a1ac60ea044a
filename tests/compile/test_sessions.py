"""Sessions at the proxy: how long they last, how people are asked again, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.compile.identity.iap_bindings import compile_cloud_intent, find_cloud_problems
from controller.compile.identity.iap_sessions import ProxySession, compile_session
from controller.errors import PolicyError
from controller.model.access.rules import IdentityPart, RuleFile
from controller.model.access.workforce import WORKFORCE
from controller.model.city import City
from controller.model.network.packets import Effect
from controller.model.policy_files import PEOPLE, RULES
from controller.prove.identity.synthetic_principals import FACTS
from tests.compile.test_cloud import application, identity
from tests.policies import PolicyFolder

HOUR = 3600


def session(city: City, name: str) -> ProxySession:
    return compile_session(city, city.applications[name])


def test_each_application_is_asked_as_its_class_and_its_weakest_way_in_say(city: City) -> None:
    found = {app.id: app.session for app in compile_cloud_intent(city, FACTS).applications}
    assert {name: (one.seconds // HOUR, one.method) for name, one in found.items() if one} == {
        "affairs": (10, "ENROLLED_SECOND_FACTORS"),
        "file-exchange": (10, "ENROLLED_SECOND_FACTORS"),
        "learning-dashboard": (24, "LOGIN"),
        "staff-ai": (24, "ENROLLED_SECOND_FACTORS"),
    }


def test_one_role_without_a_second_factor_decides_for_all_and_is_named(city: City) -> None:
    """The staff have one at the dashboard; the pupils have none, and Google keeps one setting for both."""
    found = session(city, "learning-dashboard")
    assert (found.role, found.rules) == ("pupil", ("dashboard-pupils",))
    assert session(identity(city, "dashboard-pupils", mfa=True), "learning-dashboard").method != "LOGIN"


@pytest.mark.parametrize(
    ("mfa", "method"),
    [
        (False, "LOGIN"),
        (True, "ENROLLED_SECOND_FACTORS"),
        ("any", "ENROLLED_SECOND_FACTORS"),
        ("without-sms", "ENROLLED_SECOND_FACTORS"),
        ("phishing-resistant", "SECURE_KEY"),
    ],
)
def test_the_method_follows_the_rules_second_factor(city: City, mfa: object, method: str) -> None:
    assert session(identity(city, "staff-ai", mfa=mfa), "staff-ai").method == method


def test_class_i_asks_for_a_key_after_four_hours(city: City) -> None:
    found = session(application(city, "staff-ai", importance="I"), "staff-ai")
    assert (found.seconds, found.method) == (4 * HOUR, "SECURE_KEY")


def test_a_way_in_that_a_forbid_closes_wholly_decides_nothing(city: City) -> None:
    pupils = next(one for one in city.rules if one.id == "dashboard-pupils")
    closed = IdentityPart.model_validate({"enforced-by": ["proxy"], "roles": ["pupil"]})
    forbid = pupils.model_copy(
        update={"id": "no-pupils", "effect": Effect.FORBID, "network": None, "identity": closed, "exception": None}
    )
    without = city.replace_file(RULES, RuleFile(rules=(*city.rules, forbid)))
    assert session(without, "learning-dashboard").method == "ENROLLED_SECOND_FACTORS"


@pytest.mark.parametrize(
    ("importance", "method"), [("I", "SECURE_KEY"), ("II", "ENROLLED_SECOND_FACTORS"), ("III", "LOGIN")]
)
def test_where_nobody_is_let_in_the_class_decides(city: City, importance: str, method: str) -> None:
    closed = application(city, "staff-ai", importance=importance)
    closed = closed.replace_file(
        RULES, RuleFile(rules=tuple(r for r in city.rules if "staff-ai" not in r.applications))
    )
    assert session(closed, "staff-ai") == ProxySession(session(closed, "staff-ai").seconds, method)


def test_people_of_another_directory_sign_in_again_there(city: City) -> None:
    """Google knows no second factor of theirs that it could ask for."""
    pool = (f"principalSet://{WORKFORCE}/minato-staff/group/5e1c0a52",)
    roles = tuple(one.model_copy(update={"principals": pool if one.id == "clerk" else ()}) for one in city.people.roles)
    found = session(city.replace_file(PEOPLE, city.people.model_copy(update={"roles": roles})), "affairs")
    assert (found.method, found.role, found.seconds) == ("LOGIN", "clerk", 10 * HOUR)


def test_an_application_may_ask_sooner_than_its_class(city: City) -> None:
    sooner = application(city, "affairs", session="45m")
    assert session(sooner, "affairs").seconds == 45 * 60
    assert find_cloud_problems(sooner) == []


def test_and_never_later(tmp_path: Path) -> None:
    policies = PolicyFolder(tmp_path)
    edit = policies.edit("access/applications.yaml", "proxy: true\n", "proxy: true\n    session: 12h\n")
    with pytest.raises(PolicyError) as refused:
        compile_cloud_intent(policies.load(), FACTS)
    (problem,) = refused.value.problems
    assert str(problem).replace(f"{policies.path}/", "") == (
        f"access/applications.yaml:{edit.item}: session: 12h is longer than a session of class II lasts (10h, "
        "`sessions` of access/people.yaml); write at most 10h, or leave it out"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("access/applications.yaml", "proxy: true\n", "proxy: true\n    session: 5m\n", "from 15m to 7d, not 5m"),
        ("access/applications.yaml", "proxy: true\n", "proxy: true\n    session: 8d\n", "from 15m to 7d, not 8d"),
        ("access/applications.yaml", "proxy: true\n", "proxy: true\n    session: ten\n", "session"),
        ("access/applications.yaml", "proxy: true\n", "session: 8h\n", "none asks anybody here; leave it out"),
        (
            "access/people.yaml",
            "sessions: {I: 4h,",
            "sessions: {I: 12h,",
            "class I lasts 12h, longer than class II (10h); what is more important is asked for more often",
        ),
        ("access/people.yaml", "IV: 1d}", "V: 1d}", "sessions.V"),
    ],
)
def test_what_no_session_can_be_is_refused_with_file_and_line(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    policies = PolicyFolder(tmp_path)
    policies.edit(name, old, new)
    (problem,) = policies.problems()
    assert problem.startswith(f"{name}:")
    assert problem.split(":")[1].isdecimal()
    assert said in problem
