"""The regions of a stack: of any names, one to three of them; what does not fit them is refused with its line."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.model.city import City
from controller.model.policy_files import CITY
from controller.offline_google.world.locations import _WIDE, REGIONS
from stacks.settings.configuration import StackConfiguration
from stacks.settings.google_locations import COUNTRIES, DUAL_REGIONS
from stacks.settings.read_configuration import ConfigurationRefused, parse_stack_configuration
from tests.stacks.declared import REMOVED, changed, configured, declare, list_twice_named
from tests.stacks.inventory import GOLDEN, inventory
from tests.stacks.regions import ONE, THREE, TWO, write_regions
from tests.stacks.test_configuration import refusal
from tests.stacks.test_declared import complaints

AFFAIRS = "tsunagu:applications/affairs"
KOBE = {"id": "kobe", "location": "asia-northeast1", "name": "神戸"}


def read(written: Mapping[str, Any], folder: Path) -> StackConfiguration:
    """The stack's file read as the engine hands it over."""
    path = folder / "Pulumi.lab.yaml"
    path.write_text(yaml.safe_dump(dict(written), sort_keys=False, allow_unicode=True), encoding="utf-8")
    values = {key: one if isinstance(one, str) else json.dumps(one) for key, one in written["config"].items()}
    return parse_stack_configuration("lab", values, path)


def with_changes(regions: Sequence[Mapping[str, str]], changes: Mapping[str, object]) -> dict[str, Any]:
    written = copy.deepcopy(write_regions(regions))
    for path, value in changes.items():
        *above, last = path.split("/")
        place = written["config"]
        for part in above:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return written


@pytest.mark.parametrize(("regions", "databases"), [(ONE, 1), (TWO, 2), (THREE, 2)], ids=["one", "two", "three"])
def test_a_stack_stands_in_its_regions(
    city: City, tmp_path: Path, regions: Sequence[Mapping[str, str]], databases: int
) -> None:
    agreed: dict[str, object] = {f"{AFFAIRS}/database/standby": "r2-kobe", "tsunagu:outside-country": ["taipei"]}
    recorder, outputs = declare(city, read(with_changes(regions, agreed if len(regions) > 2 else {}), tmp_path))
    assert complaints(recorder.declared) == []
    assert not list_twice_named(recorder.declared)
    assert list(outputs["regions"]) == [region["id"] for region in regions]
    instances = recorder.of("DatabaseInstance")
    assert len(instances) == databases
    main = next(one for one in instances if one.inputs["instanceType"] == "CLOUD_SQL_INSTANCE")
    assert main.inputs["settings"]["backupConfiguration"]["location"] == regions[databases - 1]["location"]
    buckets = {one.inputs["location"] for one in recorder.of("Bucket")}
    assert buckets == ({"ASIA1"} if len(regions) > 1 else {"ASIA-NORTHEAST2"})
    assert {one.inputs.get("rpo") for one in recorder.of("Bucket")} == (
        {None, "ASYNC_TURBO"} if len(regions) > 1 else {None}
    )
    rings = [one.inputs["location"] for one in recorder.of("KeyRing")]
    assert rings == [*(region["location"] for region in regions), *(["asia1"] if len(regions) > 1 else [])]
    assert {one.inputs["region"] for one in recorder.of("Subnetwork")} == {region["location"] for region in regions}
    ours = (f"{one.name} {one.inputs}" for one in recorder.declared if one.type.startswith("gcp:"))
    said = "\n".join(ours).replace("Asia/Tokyo", "the time zone")
    assert not re.search("tokyo|osaka", said, re.IGNORECASE)


def test_a_file_that_names_no_region_has_those_that_it_always_had(city: City) -> None:
    """An upgrade renames and replaces nothing where the stack's file is as it was."""
    for stack in ("lab", "production"):
        recorder, _ = declare(city, changed(stack, {"regions": REMOVED}))
        assert inventory(recorder.declared) == (GOLDEN / f"{stack}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("regions", "changes", "message"),
    [
        (TWO, {"tsunagu:regions/1/id": "matsue"}, "regions.0.id: two regions have the id 'matsue'"),
        (TWO, {"tsunagu:regions/1/location": "asia-northeast2"}, "regions.0.location: two regions have the location"),
        (TWO, {"tsunagu:regions/1/location": "asia-northeast7"}, "Google has no region 'asia-northeast7'"),
        (TWO, {"tsunagu:regions/1/id": "Kobe"}, "regions.1.id: "),
        (TWO, {"tsunagu:regions": []}, "regions: "),
        (
            TWO,
            {"tsunagu:network/kobe": "10.250.9.0/24"},
            "network.kobe: unknown region 'kobe'; 'regions' has: matsue, r2",
        ),
        (TWO, {"tsunagu:network/matsue": REMOVED}, "network.matsue: required key is missing"),
        (TWO, {"tsunagu:network/matsue": "10.250.0.1/24"}, "network.matsue: "),
        (TWO, {"tsunagu:serving": ["tokyo"]}, "serving.0: unknown region 'tokyo'; 'regions' has: matsue, r2-kobe"),
        (TWO, {f"{AFFAIRS}/database/primary": "osaka"}, "affairs.database.primary: unknown region 'osaka'"),
        (
            TWO,
            {f"{AFFAIRS}/database/standby": "matsue"},
            "affairs.database.standby: the replica stands in another region",
        ),
        (ONE, {f"{AFFAIRS}/database/standby": "osaka"}, "affairs.database.standby: unknown region 'osaka'"),
        (
            THREE,
            {},
            "affairs.database: the stack has 3 regions: write `standby: ` with the replica's (r2-kobe or taipei)",
        ),
        (
            TWO,
            {"tsunagu:shared-location": "asia9"},
            "shared-location: 'asia9' is neither a region of Google's nor a dual",
        ),
        (TWO, {"tsunagu:outside-country": ["seoul"]}, "outside-country.0: unknown region 'seoul'"),
        (ONE, {"tsunagu:regions/0/location": "asia-northeast1"}, "the image lies in asia-northeast2, which is none of"),
        (
            TWO,
            {f"{AFFAIRS}/hosting": {"kind": "on-premises", "matsue": ["10.254.0.10"]}, f"{AFFAIRS}/database": REMOVED},
            "applications.affairs: nothing reads 'files'",
        ),
    ],
)
def test_what_does_not_fit_the_regions_is_refused(
    tmp_path: Path, regions: Sequence[Mapping[str, str]], changes: Mapping[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        read(with_changes(regions, changes), tmp_path)
    assert message in str(refused.value)
    assert re.search(r"Pulumi\.lab\.yaml:\d+: ", str(refused.value))


def test_a_region_may_not_be_called_like_a_word_beside_it(tmp_path: Path) -> None:
    for word in ("services", "kind"):
        with pytest.raises(ConfigurationRefused, match=f"'{word}' is a word of this file; give the region another id"):
            read(write_regions([{**ONE[0], "id": word}, TWO[1]]), tmp_path)


def test_two_names_that_become_one_are_refused() -> None:
    """`affairs` in `2-b` and an application `affairs-2` in `b` would make the same resource."""
    application = {"host": "other", "hosting": {"kind": "saas", "endpoint": "a.vendor.example"}}
    regions = [
        {"id": "2-b", "location": "asia-northeast1", "name": "a"},
        {"id": "b", "location": "asia-northeast2", "name": "b"},
    ]
    changes = {
        "regions": regions,
        "network": {"2-b": "10.250.1.0/24", "b": "10.250.2.0/24", "services": "10.251.80.0/21"},
        "serving": ["b"],
        "applications/affairs/database/primary": "b",
        "applications/affairs-2": application,
    }
    assert "make the same name, 'affairs-2-b'" in refusal("lab", changes)


def test_servers_stand_behind_the_links_of_the_regions_that_serve(city: City) -> None:
    hosting = {"kind": "on-premises", "tokyo": ["10.254.0.10"]}
    given = {"applications/affairs": {"host": "affairs", "hosting": hosting}}
    assert "applications.affairs.hosting.osaka: required key is missing" in refusal("lab", given)
    recorder, _ = declare(city, changed("lab", {**given, "serving": ["tokyo"]}))
    assert [one.inputs["ipAddress"] for one in recorder.of("NetworkEndpoint")] == ["10.254.0.10"]


def test_a_region_abroad_is_agreed_to_by_name(city: City, tmp_path: Path) -> None:
    seoul: dict[str, object] = {"tsunagu:regions/1/location": "asia-northeast3"}
    with pytest.raises(
        ConfigurationRefused, match=r"regions\.1\.location: asia-northeast3 stands in KR, and the city is"
    ):
        declare(city, read(with_changes(TWO, seoul), tmp_path))
    agreed = read(with_changes(TWO, {**seoul, "tsunagu:outside-country": ["r2-kobe"]}), tmp_path)
    recorder, _ = declare(city, agreed)
    # No dual region of Google's is made of these two.
    assert {one.inputs["location"] for one in recorder.of("Bucket")} == {"ASIA-NORTHEAST2"}
    assert "files and audit logs lie in one region only (asia-northeast2)" in "\n".join(agreed.places.find_warnings())


def test_the_shared_location_stays_in_the_country(city: City) -> None:
    with pytest.raises(
        ConfigurationRefused, match="eur4 keeps data in europe-north1, which stands in FI; the city is in"
    ):
        declare(city, configured("lab", shared_location="eur4"))
    declare(city, configured("lab", regions=configured("lab").regions[:1], serving=("tokyo",), shared_location="asia1"))


def test_a_city_of_another_country_has_the_regions_of_that_country(city: City, tmp_path: Path) -> None:
    abroad = city.replace_file(CITY, city.settings.model_copy(update={"country": "US"}))
    regions = (
        {"id": "iowa", "location": "us-central1", "name": "Iowa"},
        {"id": "carolina", "location": "us-east1", "name": "Carolina"},
    )
    recorder, _ = declare(abroad, read(write_regions(regions), tmp_path))
    assert {one.inputs["location"] for one in recorder.of("Bucket")} == {"NAM4"}
    with pytest.raises(ConfigurationRefused, match="us-central1 stands in US, and the city is in JP"):
        declare(city, read(write_regions(regions), tmp_path))


def test_every_region_of_google_has_a_country_and_every_dual_region_keys() -> None:
    assert COUNTRIES.keys() == REGIONS
    assert DUAL_REGIONS.keys() == {one for one in _WIDE["kms"] & _WIDE["storage"] if one[-1].isdigit()}
    assert all(members <= COUNTRIES.keys() for members in DUAL_REGIONS.values())
