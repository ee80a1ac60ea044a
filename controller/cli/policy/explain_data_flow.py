"""How `tsunagu explain --flow` says what it found."""

from __future__ import annotations

from controller.cli.conventions.json_documents import ExplainedFlowDocument
from controller.cli.output import get_words, print_message, say_json
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
    words = get_words()
    print_message("explain.flow-title", "bold", source=found.sender, target=found.receiver)
    for importance, answer in found.answers:
        verdict = words["explain.permitted" if answer.permitted else "explain.denied"]
        rules = "; ".join(map(_rule, answer.rules)) or words["explain.no-flow"]
        print_message("explain.class", data=importance, verdict=verdict, rules=rules)
    for channel in found.channels:
        print_message(
            "explain.channel",
            carrier=channel.carrier,
            sender=channel.sender,
            data=channel.data,
            readers=", ".join(channel.receivers),
        )
    for connection in found.connections:
        _say_connection(connection)
    for one in found.unplaced:
        print_message(
            "explain.unplaced",
            "yellow",
            caller=one.caller,
            called=one.called,
            service=one.service,
            lacking=", ".join(one.lacking),
        )


def _rule(flow: SystemFlow) -> str:
    words = get_words()
    key = "explain.flow-rule-until" if flow.exception else "explain.flow-rule"
    return words.say(
        key,
        effect=words[f"explain.{flow.effect}"],
        name=flow.id,
        origin=flow.origin,
        purpose=flow.purpose,
        date=flow.exception.expires if flow.exception else "",
    )


def _say_connection(one: SystemConnection) -> None:
    sources, destinations = (", ".join(map(str, ends.included)) for ends in (one.sources, one.destinations))
    print_message(
        "explain.connection",
        family=int(one.family),
        caller=one.caller,
        sources=sources,
        service=one.service,
        called=one.called,
        destinations=destinations,
    )


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
