"""How `tsunagu explain --flow` says what it found."""

from __future__ import annotations

from controller.cli.conventions.json_documents import ExplainedFlowDocument
from controller.cli.output import print_line, say_json
from controller.compile.data_flows import SystemConnection
from controller.model.access.data_flows import SystemFlow
from controller.model.city import City
from controller.plan.explain.data_flow import DataFlowExplanation, explain_data_flow


def explain_flow(city: City, ends: tuple[str, str], data: str | None, *, as_json: bool) -> None:
    """Answer, in text or JSON."""
    found = explain_data_flow(city, *ends, data)
    if as_json:
        say_json(_document(found), form="explain-flow")
        return
    print_line(f"{found.sender} -> {found.receiver} (system to system)", "bold")
    for importance, answer in found.answers:
        verdict = "permitted" if answer.permitted else "DENIED"
        rules = "; ".join(map(_rule, answer.rules)) or "no flow names it: default deny"
        print_line(f"  class {importance}: {verdict}  {rules}")
    for channel in found.channels:
        readers = ", ".join(channel.receivers)
        print_line(
            f"  enforced by IAM on {channel.carrier}: {channel.sender} puts class {channel.data}, {readers} reads"
        )
    for connection in found.connections:
        print_line(f"  enforced by a firewall, IPv{int(connection.family)}: {_words(connection)}")
    for one in found.unplaced:
        lacking = ", ".join(one.lacking)
        print_line(
            f"  {one.caller} -> {one.called} {one.service}: not compiled, no addresses of {lacking} are known", "yellow"
        )


def _rule(flow: SystemFlow) -> str:
    until = f", until {flow.exception.expires}" if flow.exception else ""
    return f"{flow.effect} {flow.id} ({flow.origin}{until}): {flow.purpose}"


def _words(one: SystemConnection) -> str:
    sources, destinations = (", ".join(map(str, ends.included)) for ends in (one.sources, one.destinations))
    return f"{one.caller} ({sources}) opens {one.service} to {one.called} ({destinations})"


def _document(found: DataFlowExplanation) -> ExplainedFlowDocument:
    return {
        "from": found.sender,
        "to": found.receiver,
        "classes": [
            {
                "class": importance,
                "permitted": answer.permitted,
                "rules": [{"id": flow.id, "origin": str(flow.origin)} for flow in answer.rules],
            }
            for importance, answer in found.answers
        ],
        "channels": [
            {"carrier": one.carrier, "sender": one.sender, "class": one.data, "receivers": list(one.receivers)}
            for one in found.channels
        ],
        "connections": [
            {
                "caller": one.caller,
                "called": one.called,
                "family": int(one.family),
                "service": str(one.service),
                "sources": [str(prefix) for prefix in one.sources.included],
                "destinations": [str(prefix) for prefix in one.destinations.included],
            }
            for one in found.connections
        ],
        "unplaced": [
            {"caller": one.caller, "called": one.called, "service": str(one.service), "lacking": list(one.lacking)}
            for one in found.unplaced
        ],
    }
