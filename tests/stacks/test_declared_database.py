"""How a database is reached, watched and let go of, and who makes its tables."""

from __future__ import annotations

from typing import Any

import pytest

from controller.model.city import City
from stacks.settings.read_configuration import ConfigurationRefused
from tests.stacks.declared import REMOVED, changed, configured, declare
from tests.stacks.test_configuration import JOB
from tests.stacks.test_declared import complaints

DATABASE = "applications/affairs/database"
TABLES = {**JOB, "arguments": ["migrate"], "runs-as": "schema"}


def settings_by_instance(city: City, changes: dict[str, object]) -> dict[str, dict[str, Any]]:
    recorder, _ = declare(city, changed("production", changes))
    assert complaints(recorder.declared) == []
    return {one.name: dict(one.inputs["settings"]) for one in recorder.of("DatabaseInstance")}


def test_databases_take_connectors_only_and_tell_what_queries_cost(city: City) -> None:
    found = settings_by_instance(city, {})
    for settings in found.values():
        assert settings["connectorEnforcement"] == "REQUIRED"
        assert settings["insightsConfig"]["queryInsightsEnabled"] is True
        assert settings["insightsConfig"]["recordClientAddress"] is False
    assert found["affairs-tokyo"]["finalBackupConfig"] == {"enabled": True, "retentionDays": 30}
    assert found["affairs-tokyo"]["maintenanceWindow"]
    assert not {"finalBackupConfig", "maintenanceWindow", "backupConfiguration"} & found["affairs-osaka"].keys()


def test_a_database_is_as_its_settings_say(city: City) -> None:
    told = {"connectors-only": False, "query-insights": False, "final-backup-days": 365}
    found = settings_by_instance(city, {f"{DATABASE}/{key}": value for key, value in told.items()})
    assert found["affairs-osaka"]["connectorEnforcement"] == "NOT_REQUIRED"
    assert found["affairs-tokyo"]["insightsConfig"]["queryInsightsEnabled"] is False
    assert found["affairs-tokyo"]["finalBackupConfig"]["retentionDays"] == 365
    with pytest.raises(ConfigurationRefused, match="final-backup-days"):
        changed("production", {f"{DATABASE}/final-backup-days": 366})


def test_a_job_that_makes_tables_is_another_user_than_the_application(city: City) -> None:
    before, _ = declare(city, configured("production"))
    assert [one.inputs.get("databaseRoles") for one in before.of("User")] == [None]
    jobs = {"tables": TABLES, "import": JOB}
    recorder, _ = declare(city, changed("production", {"applications/affairs/jobs": jobs}))
    assert complaints(recorder.declared) == []
    users = {one.name: one.inputs for one in recorder.of("User")}
    assert users["affairs"].get("databaseRoles") is None
    assert users["affairs-schema"]["databaseRoles"] == ["cloudsqlsuperuser"]
    assert {one["type"] for one in users.values()} == {"CLOUD_IAM_SERVICE_ACCOUNT"}
    assert not any("password" in one for one in users.values())
    runs_as = {one.name: one.inputs["template"]["template"]["serviceAccount"] for one in recorder.of("Job")}
    for region in ("tokyo", "osaka"):
        assert runs_as[f"affairs-tables-{region}"] == "affairs-schema@project.iam.gserviceaccount.com"
        assert runs_as[f"affairs-import-{region}"] == "affairs-app@project.iam.gserviceaccount.com"
    serving = {one.inputs["template"]["serviceAccount"] for one in recorder.of("Service") if "template" in one.inputs}
    assert "affairs-schema@project.iam.gserviceaccount.com" not in serving
    granted = {one.inputs["role"] for one in recorder.of("IAMMember") if one.name.startswith("affairs-schema-")}
    assert granted == {"roles/cloudsql.client", "roles/cloudsql.instanceUser"}


def test_who_makes_tables_needs_a_database() -> None:
    changes = {DATABASE: REMOVED, "applications/affairs/jobs": {"tables": TABLES}}
    with pytest.raises(ConfigurationRefused, match="this application has no `database`"):
        changed("production", changes)
