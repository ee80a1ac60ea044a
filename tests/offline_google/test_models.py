"""The tables of what is modelled: each judgement is one, each document is named, the rest is refused."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.models.rules.registry import RULES
from controller.offline_google.models.set_paths import explain_exception
from controller.offline_google.models.type_models import (
    BLOCK,
    FREE_TEXT,
    LOCATION,
    REFERENCE,
    SCHEMA,
    WORDS,
    PropertyModel,
    find_type_model,
    list_modelled_types,
)
from controller.offline_google.models.unmodelled import find_unmodelled
from controller.offline_google.provider.operations import check_resource
from controller.offline_google.schema.facts import PropertyFacts, find_resource_type
from controller.offline_google.schema.pulumi_values import UNKNOWN, write_properties
from controller.offline_google.schema.resource_references import TABLE
from controller.offline_google.world.cross_resource_rules import OF_EVERY_TYPE, WORLD_RULES
from tests.offline_google.worlds import FIREWALL, NETWORK

LIMITS = ("enum", "range", "ranges", "pattern", "len", "format", "secondsRange", "prefix", "keys")
"""Facts that are a check of the value by the provider itself."""
TEXTS = frozenset({"args", "commands", "description", "displayName", "title"})
DOCUMENTS = ("https://cloud.google.com/", "https://support.google.com/", "https://docs.cloud.google.com/")


def list_entries() -> Iterator[tuple[str, str, PropertyModel, PropertyFacts]]:
    for token in list_modelled_types():
        model, kind = find_type_model(token), find_resource_type(token)
        assert model is not None
        for path, entry in model.properties.items():
            yield token, path, entry, kind.by_path[path]


ENTRIES = list(list_entries())


def test_a_table_names_what_a_program_can_set_and_holds_nothing_more() -> None:
    assert [(token, path) for token, path, _, facts in ENTRIES if not facts.settable] == []
    assert [(token, path) for token, path, one, facts in ENTRIES if (one.word == BLOCK) != bool(facts.children)] == []


def test_each_entry_is_a_judgement() -> None:
    empty = PropertyModel()
    assert [
        (token, path) for token, path, entry, _ in ENTRIES if entry in (empty, PropertyModel(source=entry.source))
    ] == []
    assert {entry.word for _, _, entry, _ in ENTRIES} <= {*WORDS, ""}
    assert [path for _, path, entry, _ in ENTRIES if bool(entry.matches) != bool(entry.says)] == []


def test_each_document_is_googles() -> None:
    sources = [model.source for token in list_modelled_types() if (model := find_type_model(token))]
    sources += [entry.source for _, _, entry, _ in ENTRIES if entry.source]
    sources += [part for rule in RULES.values() for part in rule.source.split(" and ")]
    assert [one for one in sources if not one.startswith(DOCUMENTS)] == []


def test_the_schema_is_a_judgement_where_it_checks_the_value() -> None:
    def checks(facts: PropertyFacts) -> bool:
        own = facts.facts.get("elem", {}) if facts.container == "list" else facts.facts
        return facts.element == "bool" or any(name in own for name in LIMITS)

    assert [(token, path) for token, path, entry, facts in ENTRIES if entry.word == SCHEMA and not checks(facts)] == []


def test_free_text_is_called_so() -> None:
    assert {facts.name for _, _, entry, facts in ENTRIES if entry.word == FREE_TEXT} <= TEXTS


def test_a_reference_has_its_row_and_a_location_its_name() -> None:
    def has_row(token: str, name: str) -> bool:
        short = find_resource_type(token).short
        return any(row.field == name and fnmatchcase(short, row.source) for row in TABLE)

    assert [
        (t, path) for t, path, entry, facts in ENTRIES if entry.word == REFERENCE and not has_row(t, facts.name)
    ] == []
    assert {facts.name for _, _, entry, facts in ENTRIES if entry.word == LOCATION} <= {"location", "region", "zone"}


def test_each_rule_is_named_and_each_name_is_a_rule() -> None:
    assert {name for _, _, entry, _ in ENTRIES for name in entry.rule} == set(RULES)
    assert {name for _, _, entry, _ in ENTRIES for name in entry.world} == {*WORLD_RULES, *OF_EVERY_TYPE}


def test_a_name_that_the_engine_makes_is_judged() -> None:
    """Seen once: a transfer job had one, and Google takes none that does not begin as its own do."""
    made = [(token, one.path) for token in list_modelled_types() for one in find_resource_type(token).by_path.values()
            if one.facts.get("autoName")]  # fmt: skip
    assert len(made) > 30
    models = {token: find_type_model(token) for token in list_modelled_types()}
    assert [(token, path) for token, path in made if path not in models[token].properties] == []  # type: ignore[union-attr]


def check(token: str, inputs: dict[str, object], exceptions: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
    request = provider_pb2.CheckRequest(type=token, name="it", news=write_properties(inputs))
    return [failure.reason for failure in check_resource(request, exceptions).failures]


def test_what_is_not_modelled_is_refused_by_its_path() -> None:
    rule = {"network": "main", "sourceRanges": ["10.0.0.0/8"], "allows": [{"protocol": "tcp"}], "enableLogging": True}
    (refused,) = check(FIREWALL, rule)
    assert refused.startswith("compute.Firewall.enableLogging: the offline Google does not model this property")
    assert 'resource: "gcp:compute/firewall:Firewall", property: "enableLogging"' in refused
    assert check(FIREWALL, rule, frozenset({(FIREWALL, "enableLogging")})) == []
    assert check(NETWORK, {"mtu": 1460}, frozenset({(FIREWALL, "enableLogging")})) != []


def test_a_type_that_no_table_names_is_refused_and_cannot_be_excepted() -> None:
    token = "gcp:compute/address:Address"  # noqa: S105 a resource type
    (refused,) = check(token, {"region": "asia-northeast1"}, frozenset({(token, "region")}))
    assert f"does not model the type {token}" in refused
    assert explain_exception(token, "region").startswith("the offline Google does not model this type")
    assert "does not know the resource type" in explain_exception("gcp:bigtable/instance:Instance", "name")


def test_what_is_not_known_yet_is_asked_again_when_it_is() -> None:
    kind = find_resource_type(FIREWALL)
    assert (
        find_unmodelled(kind, {"enableLogging": UNKNOWN, "allows": [UNKNOWN], "logConfig": {"metadata": UNKNOWN}}) == []
    )
    assert [one.path for one in find_unmodelled(kind, {"logConfig": {}})] == ["logConfig"]
    assert [one.path for one in find_unmodelled(kind, {"enableLogging": False})] == ["enableLogging"]


def test_a_default_is_what_silence_is() -> None:
    database = {"settings": {"tier": "db-f1-micro", "pricingPlan": "PER_USE", "diskAutoresizeLimit": 0}}
    kind = find_resource_type("gcp:sql/databaseInstance:DatabaseInstance")
    assert find_unmodelled(kind, database) == []
    database["settings"]["pricingPlan"] = "PACKAGE"
    assert [one.path for one in find_unmodelled(kind, database)] == ["settings.pricingPlan"]


@pytest.mark.parametrize(
    ("path", "why"),
    [("logConfig", "a block"), ("selfLink", "no property"), ("nothing", "no property"), ("priority", "models it")],
)
def test_an_exception_is_for_one_property(path: str, why: str) -> None:
    assert why in explain_exception(FIREWALL, path)
