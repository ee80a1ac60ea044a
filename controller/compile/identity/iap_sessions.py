"""How long a session lasts at each application behind the proxy, and how somebody is asked again when it ends.

Google keeps one setting a backend (`IapSettings.accessSettings.reauthSettings`), so everybody who may come in is asked
alike. The length is the application's, at most its class's. The method is the strictest that everybody can fulfil whom
the rules let in: one role that needs no second factor makes it a sign-in. Access levels still ask each request for what
its rule asks, so a looser method opens nothing.

Sources (Google Cloud documentation, by page name): "IAP reauthentication" (methods, their order, `DEFAULT` and
`MINIMUM`), "Manage IAP with Workforce Identity Federation sessions" (who signs in at another directory is sent there
again; the pool's own session of 15 minutes to 12 hours is the cookie's length). No page says that Google knows a second
factor of such people, so they are asked to sign in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.compile.identity.people_cubes import find_permitted_people
from controller.errors import Problem
from controller.model.access.recovery_targets import parse_time_span
from controller.model.access.rules import Application
from controller.model.access.second_factors import STRENGTHS, Strength
from controller.model.access.sessions import SignInMethod, choose_session_length, find_strictest_method
from controller.model.city import City
from controller.model.network.packets import Effect

REAUTHENTICATION: Mapping[SignInMethod, str] = {
    SignInMethod.SIGN_IN: "LOGIN",
    SignInMethod.SECOND_FACTOR: "ENROLLED_SECOND_FACTORS",
    SignInMethod.SECURITY_KEY: "SECURE_KEY",
}
"""The methods as `ReauthSettings.method` names them."""


@dataclass(frozen=True, slots=True)
class ProxySession:
    """A session at an application: after so many seconds everybody is asked again, by a method that Google names.

    The method is what `role` can fulfil whom `rules` let in; without a role nobody is let in, and the class decided.
    """

    seconds: int
    method: str
    role: str = ""
    rules: tuple[str, ...] = ()


def compile_session(city: City, app: Application) -> ProxySession:
    """Return the session of an application behind the proxy.

    >>> compile_session(city, city.applications["affairs"]).method
    'ENROLLED_SECOND_FACTORS'
    >>> compile_session(city, city.applications["learning-dashboard"])
    ProxySession(seconds=86400, method='LOGIN', role='pupil', rules=('dashboard-pupils',))
    """
    length = choose_session_length(app.session, city.people.sessions.get_longest(app.importance))
    least = city.people.mfa.get_minimum(app.importance)
    nobody = (STRENGTHS[least.strength] if least.required else Strength.NONE, "", ())
    weakest, role, rules = min(_list_sign_ins(city, app), key=lambda found: found[0], default=nobody)
    return ProxySession(int(length.total_seconds()), REAUTHENTICATION[find_strictest_method(weakest)], role, rules)


def find_session_problems(city: City, app: Application) -> Iterator[Problem]:
    """Yield a problem where an application's own session is longer than its class allows.

    >>> long = city.applications["affairs"].model_copy(update={"session": "12h"})
    >>> [problem.field for problem in find_session_problems(city, long)]
    ['session']
    """
    longest = city.people.sessions.get_longest(app.importance)
    if app.session is not None and parse_time_span(app.session) > parse_time_span(longest):
        message = (
            f"{app.session} is longer than a session of class {app.importance} lasts ({longest}, `sessions` of "
            f"access/people.yaml); write at most {longest}, or leave it out"
        )
        yield Problem(app.origin, "session", message)


def _list_sign_ins(city: City, app: Application) -> Iterator[tuple[Strength, str, tuple[str, ...]]]:
    """The weakest second factor of each way in that the rules leave open, whose way it is, and by which permits."""
    permits = [rule.id for rule in city.rules if rule.effect is Effect.PERMIT]
    for role in city.people.roles:
        for cube in find_permitted_people(city, app.id, role.id)[1]:
            weakest = min(one for one in cube.factors if isinstance(one, Strength))
            by = tuple(name for name in permits if name in cube.rules)
            yield (Strength.NONE if role.principals else weakest), role.id, by
