"""What Google fills in beside the program's word, and never in its place."""

from __future__ import annotations

from typing import Any

import pytest

from controller.offline_google.schema.facts import find_resource_type, list_known_types
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.google import OfflineGoogle
from controller.offline_google.world.outputs.computed_fields import compute_fields
from controller.offline_google.world.world_store import StoredResource
from tests.offline_google.worlds import PROJECT, TOKYO

RUN = "gcp:cloudrunv2/service:Service"
INSIDE, EVERYWHERE = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "INGRESS_TRAFFIC_ALL"
NEEDED = {
    "name": "affairs",
    "project": PROJECT,
    "location": TOKYO,
    "region": TOKYO,
    "service": "run.googleapis.com",
    "email": "affairs@school-lab.iam.gserviceaccount.com",
    "domain": "school.example",
    "databaseVersion": "POSTGRES_17",
}
"""What some types' rules read."""
BLOCKS = ("settings", "managed", "labels", "condition")


def a_service(google: OfflineGoogle, **more: Any) -> StoredResource:  # noqa: ANN401 JSON
    return google.create(RUN, service(**more))


def service(**more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
    return {
        "name": "affairs",
        "location": TOKYO,
        "deletionProtection": False,
        "template": {"containers": [{"image": "asia-northeast1-docker.pkg.dev/p/r/affairs"}]},
        **more,
    }


def test_nothing_that_a_program_says_is_overwritten(google: OfflineGoogle) -> None:
    """Of no type and no property: a world that keeps its own word shows a closed service where an open one runs."""
    overwritten, filled = set(), 0
    for kind in map(find_resource_type, list_known_types()):
        settable = [name for name, one in kind.properties.items() if one.settable]
        said: dict[str, Value] = {name: {} if name in BLOCKS else NEEDED.get(name, "said") for name in settable}
        given = compute_fields(google.store, kind, f"id/of/{kind.name}", {**NEEDED, **said})
        overwritten |= {(kind.short, name) for name in given if name in said}
        filled += len(given)
    assert not overwritten
    assert filled > len(list_known_types())


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("ingress", INSIDE, EVERYWHERE), ("launchStage", "GA", "BETA"), ("description", "a", "b")],
)
def test_a_change_in_place_is_what_the_world_shows(google: OfflineGoogle, name: str, before: str, after: str) -> None:
    made = a_service(google, **{name: before})
    assert made.outputs[name] == before
    changed = google.update(RUN, made.id, service(**{name: after}))
    assert changed.outputs[name] == after
    found = google.read(RUN, made.id)
    assert found is not None
    assert found.outputs[name] == after
    # The provider takes silence for "as it is" where Google has a value of its own.
    silent = google.update(RUN, made.id, service())
    assert silent.outputs.get(name) == (None if name == "description" else after)


def test_what_nobody_said_is_googles_and_the_time_of_making_stays(google: OfflineGoogle) -> None:
    made = a_service(google)
    assert made.outputs["ingress"] == EVERYWHERE
    changed = google.update(RUN, made.id, service(labels={"class": "ii"}))
    assert changed.outputs["createTime"] == made.outputs["createTime"]
    assert changed.outputs["updateTime"] > made.outputs["updateTime"]
    assert changed.outputs["effectiveLabels"] == {"class": "ii"}
    assert changed.outputs["uri"] == made.outputs["uri"]
