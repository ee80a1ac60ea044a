"""Sessions with mistakes planted in them: the proof finds each, and names whom it concerns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.compile.identity.iap_bindings import CloudIntent, compile_cloud_intent
from controller.compile.identity.iap_sessions import ProxySession
from controller.model.access.rules import Hours, RuleFile
from controller.model.access.workforce import WORKFORCE
from controller.model.city import City
from controller.model.policy_files import PEOPLE, RULES
from controller.prove.identity.iap_sessions import find_asked_sessions, prove_iap_sessions
from controller.prove.identity.synthetic_principals import FACTS
from tests.compile.test_cloud import application, identity

SECOND, KEY, LOGIN = "ENROLLED_SECOND_FACTORS", "SECURE_KEY", "LOGIN"
Mistake = Callable[[ProxySession], ProxySession | None]


@pytest.fixture(scope="module")
def intent(city: City) -> CloudIntent:
    return compile_cloud_intent(city, FACTS)


def plant(intent: CloudIntent, name: str, mistake: Mistake) -> CloudIntent:
    found = tuple(
        replace(one, session=mistake(one.session)) if one.id == name and one.session else one
        for one in intent.applications
    )
    assert found != intent.applications
    return replace(intent, applications=found)


@pytest.mark.parametrize(
    ("name", "mistake", "said"),
    [
        # What the stack set before the policy said so: pupils were asked for what they have not.
        ("learning-dashboard", lambda one: replace(one, method=SECOND), "as it lets in a pupil"),
        ("affairs", lambda one: replace(one, method=KEY), "second factor without-sms"),
        ("affairs", lambda one: replace(one, method=LOGIN), "the policy says second-factor"),
        ("affairs", lambda one: replace(one, method="PASSWORD"), "is asked for PASSWORD"),
        ("affairs", lambda one: replace(one, method="METHOD_UNSPECIFIED"), "is asked for METHOD_UNSPECIFIED"),
        ("affairs", lambda one: replace(one, seconds=one.seconds + 1), "a session lasts 10.0003 h; the policy says 10"),
        ("affairs", lambda one: replace(one, seconds=60), "the policy says 10 h"),
        ("staff-ai", lambda _: None, "nothing ends a session there; the policy says 24 h"),
    ],
)
def test_a_wrong_session_is_found(city: City, intent: CloudIntent, name: str, mistake: Mistake, said: str) -> None:
    found = prove_iap_sessions(city, plant(intent, name, mistake)).differences
    assert len(found) == 1, found
    assert found[0].startswith(f"{name} (")
    assert "access/applications.yaml:" in found[0]
    assert said in found[0]


def test_a_session_that_no_application_has_is_found(city: City, intent: CloudIntent) -> None:
    more = replace(intent, applications=(*intent.applications, replace(intent.applications[0], id="other")))
    assert prove_iap_sessions(city, more).differences == (
        "other: the proxy asks people there, and no application of the policy says so",
    )


@pytest.mark.parametrize("change", ["class-i", "session", "no-mfa", "workforce", "nobody", "over"])
def test_the_compiled_sessions_are_the_policys_in_odd_cities(city: City, change: str) -> None:
    match change:
        case "class-i":
            city = application(city, "staff-ai", importance="I")
        case "session":
            city = application(city, "affairs", session="30m")
        case "no-mfa":
            city = identity(city, "staff-ai", mfa=False)
        case "workforce":
            pool = (f"principalSet://{WORKFORCE}/minato-staff/group/5e1c0a52",)
            roles = tuple(
                r.model_copy(update={"principals": pool if r.id == "clerk" else ()}) for r in city.people.roles
            )
            city = city.replace_file(PEOPLE, city.people.model_copy(update={"roles": roles}))
        case "nobody":
            city = city.replace_file(RULES, RuleFile(rules=tuple(r for r in city.rules if r.id != "staff-ai")))
        case _:
            # No exam day is to come any more; what such a day would ask still stands in what is deployed.
            assert city.calendar
            city = replace(city, policy_date=city.calendar.until)
            hours = Hours.model_validate({"days": "exam-days", "from": "09:00", "until": "10:00"})
            city = identity(city, "dashboard-pupils", hours=hours)
    check = prove_iap_sessions(city, compile_cloud_intent(city, FACTS))
    assert check.holds, check.differences
    assert check.examined == len(find_asked_sessions(city)) == 4
