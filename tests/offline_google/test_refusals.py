"""Each refusal that Google's documents name is one here, through the provider, as the engine asks it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.provider.operations import check_resource, create_resource
from controller.offline_google.schema.pulumi_values import write_properties
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.world_store import WorldStore
from tests.offline_google.monitoring_refusals import ACCEPTED
from tests.offline_google.refusals import REFUSED, Inputs, present
from tests.offline_google.scheduler_refusals import ACCEPTED_BY_SCHEDULER
from tests.offline_google.worlds import a_google

BENCHMARKS = Path(__file__).parents[2] / "docs" / "benchmarks.md"
FIRST_TIME = 34
"""How many of 43 refusals an older version accepted; the table must be longer than that one was."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> OfflineGoogle:
    """A world in which each row has what it stands beside; a refusal changes nothing, so all rows share it."""
    google = a_google(tmp_path_factory.mktemp("world") / "world.sqlite")
    for token, inputs in present():
        assert explain_refusal(google, token, inputs) == "", (token, inputs)
    return google


def explain_refusal(google: OfflineGoogle, token: str, inputs: Inputs) -> str:
    """Ask as the engine does: Check, Create in a preview, Create. What is refused first; empty where nothing is."""
    news = write_properties(inputs)
    checked = check_resource(provider_pb2.CheckRequest(type=token, name="it", news=news))
    if checked.failures:
        return "; ".join(failure.reason for failure in checked.failures)
    for preview in (True, False):
        request = provider_pb2.CreateRequest(type=token, name="it", properties=checked.inputs, preview=preview)
        try:
            create_resource(google, request)
        except GoogleRefusal as refused:
            return str(refused)
    return ""


@pytest.mark.parametrize(("token", "inputs", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_google_refuses_is_refused(world: OfflineGoogle, token: str, inputs: Inputs, words: str) -> None:
    assert words in explain_refusal(world, token, inputs)


def test_what_monitoring_documents_is_taken(world: OfflineGoogle) -> None:
    assert [explain_refusal(world, token, inputs) for token, inputs in ACCEPTED] == [""] * len(ACCEPTED)


def test_what_scheduler_documents_is_taken(world: OfflineGoogle) -> None:
    assert [explain_refusal(world, *row) for row in ACCEPTED_BY_SCHEDULER] == [""] * len(ACCEPTED_BY_SCHEDULER)


def test_a_refusal_names_its_document(tmp_path: Path) -> None:
    google = OfflineGoogle(WorldStore(tmp_path / "world.sqlite"), {"project": "school-lab"})
    said = explain_refusal(google, "gcp:projects/service:Service", {"service": "banana.googleapis.com"})
    assert "projects.Service field 'service'" in said
    assert "https://cloud.google.com/service-usage/docs/list-services" in said


def test_the_statistics_count_the_table() -> None:
    assert len(REFUSED) > FIRST_TIME
    assert len({row[0] for row in REFUSED}) == len(REFUSED)
    (said,) = re.findall(r"(\d+) of (\d+) documented refusals", BENCHMARKS.read_text(encoding="utf-8"))
    assert said == (str(len(REFUSED)), str(len(REFUSED)))
