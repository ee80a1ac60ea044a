"""FRR (vtysh) as the router of a school: route policies, operated over SSH.

A prefix list and a route map are named by their content, so they are never edited: new ones are made, in force nowhere;
then they are attached, each neighbour's in one command, which takes the place of what was attached there before and
lets FRR run the neighbour's routes through it at once (by route refresh, RFC 2918: no session is dropped); then the old
ones go. What opens a way is attached before what closes one, so some line is usable at every moment.

FRR has no `reload in`: what runs on the router for itself is `router.sh`, see `platforms.common.own_restore`.
It is installed there, and is all that the controller's login runs: there is neither vtysh nor a shell behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import count

from controller.model.network.device_state import Attachment, Capabilities, DeviceState
from controller.model.network.packets import Effect
from controller.model.network.route_policies import RoutePolicy, RoutePolicyBinding, Routing, build_routing
from controller.platforms.base import EXEC, Command, Observation, Step
from controller.platforms.common.managed import refuse_unsupported
from controller.platforms.common.own_restore import OwnRestore
from controller.platforms.common.replacement_names import choose_replacement_name
from controller.platforms.common.whole_text import TextForm
from controller.platforms.dialect.steps import Change, plan_steps
from controller.platforms.frr.parse import parse
from controller.platforms.frr.text import LISTS, render, write_attachments, write_prefix_list, write_route_map

CONFIGURE = "configure terminal"
"""A command's line; its lines go in as standard input, and the first that FRR refuses ends it."""


TEXT_FORM = TextForm(
    re.compile(r"frr (version|defaults) |hostname |Building configuration|router |route-map |ip|interface "),
    "'frr version' or 'hostname'",
    end="",
)


class Frr(OwnRestore):
    """The platform `frr`; see `controller.platforms.base.Operable` for what each member promises."""

    name = "frr"
    text_form = TEXT_FORM
    device_type = EXEC
    agent = "frr_router"
    script = "router.sh"
    home = "TSUNAGU_ROUTER"
    capabilities = Capabilities(
        attachment=Attachment.PORT,
        vlan_database=False,
        reads_port_roles=False,
        maximum_entries=0,
        over_ssh=True,
        routes=True,
        switches=False,
    )

    def render(self, state: DeviceState) -> str:
        """Return our part of `show running-config`."""
        refuse_unsupported(state, self.capabilities, "FRR")
        return render(state)

    def parse(self, text: str, source: str) -> Observation:
        """Understand a running configuration; what is ours in it is told in `controller.platforms.frr.text`."""
        return parse(text, source)

    def plan_steps(self, now: DeviceState, wanted: DeviceState) -> tuple[Step, ...]:
        """The ordered steps; see the module for the order.

        Raises:
            ValueError: FRR cannot hold the wanted state.
        """
        self.render(wanted)
        return plan_steps(now, wanted, _changes, _configure, _use_replacement_names)


def _configure(lines: Sequence[str]) -> tuple[Command, ...]:
    return (Command(CONFIGURE, "".join(f"{line}\n" for line in lines)),)


def _use_replacement_names(now: DeviceState, wanted: DeviceState) -> DeviceState:
    return DeviceState(routing=_replace_names(now.routing, wanted.routing))


def _replace_names(now: Routing, wanted: Routing) -> Routing:
    """Return the wanted routing, but with another name for what was edited by hand under the name that it should have.

    To edit it where it stands would put each line in force as it comes. A list is replaced only inside a map of its
    own.
    """
    lists = {one.name: one for one in now.lists}
    policies = {one.name: one for one in now.policies}
    bound = {one.policy for one in now.bindings}
    missing = {c.prefixes for p in now.policies for c in p.clauses if c.prefixes} - lists.keys()
    used = lists.keys() | policies.keys() | bound | missing
    renamed = {
        one.name: choose_replacement_name(one.name, count(1), used)
        for one in wanted.lists
        if lists.get(one.name, one) != one or one.name in missing
    }
    for policy in wanted.policies:
        dangling = policy.name in bound and policy.name not in policies
        edited = policies.get(policy.name, policy) != policy
        if dangling or edited or any(clause.prefixes in renamed for clause in policy.clauses):
            renamed[policy.name] = choose_replacement_name(policy.name, count(1), used)
    if not renamed:
        return wanted
    return build_routing(
        (replace(one, name=renamed.get(one.name, one.name)) for one in wanted.lists),
        (_rename_policy(one, renamed) for one in wanted.policies),
        (replace(one, policy=renamed.get(one.policy, one.policy)) for one in wanted.bindings),
    )


def _rename_policy(one: RoutePolicy, renamed: dict[str, str]) -> RoutePolicy:
    clauses = tuple(replace(c, prefixes=renamed.get(c.prefixes, c.prefixes)) for c in one.clauses)
    return RoutePolicy(renamed.get(one.name, one.name), one.family, clauses)


def _changes(before: DeviceState, after: DeviceState) -> Iterator[Change]:
    """Yield every kind of change in its order, also those with nothing to do."""
    for title, lines, state in _change_routing(before.routing, after.routing):
        yield title, lines, DeviceState(routing=state)


def _change_routing(now: Routing, wanted: Routing) -> Iterator[tuple[str, list[str], Routing]]:
    fresh_lists = [one for one in wanted.lists if one not in now.lists]
    fresh = [one for one in wanted.policies if one not in now.policies]
    lines = [line for one in fresh_lists for line in write_prefix_list(one)]
    lines += [line.strip() for one in fresh for block in write_route_map(one) for line in block]
    state = build_routing([*now.lists, *fresh_lists], [*now.policies, *fresh], now.bindings)
    yield "make prefix lists and route maps", lines, state

    changed = [one for one in wanted.bindings if one not in now.bindings]
    opening, closing = _opening_first(wanted, changed)
    for title, bindings in (("attach route maps of the ways in use", opening), ("close the other ways", closing)):
        state = replace(state, bindings=_bind(state.bindings, bindings))
        yield title, list(write_attachments(bindings)), state

    places = {one.position for one in wanted.bindings}
    gone = [one for one in state.bindings if one.position not in places]
    state = replace(state, bindings=wanted.bindings)
    yield "detach route maps", list(write_attachments(gone, "no ")), state

    lines = [f"no route-map {one.name}" for one in state.policies if one not in wanted.policies]
    lines += [f"no {LISTS[one.family]} {one.name}" for one in state.lists if one not in wanted.lists]
    yield "remove route maps and prefix lists", lines, wanted


def _opening_first(
    wanted: Routing, changed: list[RoutePolicyBinding]
) -> tuple[list[RoutePolicyBinding], list[RoutePolicyBinding]]:
    passes = {policy.name for policy in wanted.policies if any(c.effect is Effect.PERMIT for c in policy.clauses)}
    return [one for one in changed if one.policy in passes], [one for one in changed if one.policy not in passes]


def _bind(now: Iterable[RoutePolicyBinding], changed: Iterable[RoutePolicyBinding]) -> tuple[RoutePolicyBinding, ...]:
    places = {one.position: one for one in now} | {one.position: one for one in changed}
    return build_routing(bindings=places.values()).bindings
