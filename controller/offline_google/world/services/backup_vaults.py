"""Backup and DR as far as a stack's databases need it: a vault, a daily plan in the instance's region, an association.

Sources: the provider's documents of the three types (the vault's `force_update`: it enforces no more than its plans
keep); "Manage backup plans" (six hours or more, kept no shorter than the vault enforces, a plan stands where its
resources do), "gcloud backup-dr backup-vaults create" (1 day to 99 years), "IAM roles and permissions"
(`roles/backupdr.cloudSqlOperator`), the release notes of June 2026 (instances with keys of one's own: the service's
agent may use the key). terraform-google-sql-db#814 (an association turns the instance's own backups off, behind the
program's back) and terraform-provider-google#24932, open (while a plan is attached, every update of the instance by the
provider ends in 400). What Google puts back when an association goes is in no document: here nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NoReturn

from controller.offline_google.schema.instance_roles import INSTANCE, REPLICA, find_role
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.world.errors import GoogleRefusal, make_invalid
from controller.offline_google.world.iam.key_users import check_key_user
from controller.offline_google.world.instance_roles import change_by_google
from controller.offline_google.world.world_store import StoredResource, WorldStore

Values = Mapping[str, Value]

VAULT = "gcp:backupdisasterrecovery/backupVault:BackupVault"
PLAN = "gcp:backupdisasterrecovery/backupPlan:BackupPlan"
ASSOCIATION = "gcp:backupdisasterrecovery/backupPlanAssociation:BackupPlanAssociation"
_MEMBER = "gcp:projects/iAMMember:IAMMember"
_OPERATOR = "roles/backupdr.cloudSqlOperator"
_INSTANCE_TYPE = "sqladmin.googleapis.com/Instance"
_SECONDS = re.compile(r"(\d{1,12})s")
_A_DAY, _YEARS_99 = 86_400, 99 * 366
_WINDOW, _LOG_DAYS = 6, (1, 35)


def check_vault(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse a vault with a retention that Google does not have; whether one may be shortened is not known here.

    Raises:
        GoogleRefusal: as said.
    """
    field = "backupMinimumEnforcedRetentionDuration"
    days = _count_days(values)
    if days is None or not 1 <= days <= _YEARS_99:
        raise make_invalid(field, f"'{values.get(field)}' is not 1 day (86400s) to 99 years, in seconds")
    before = store.get(VAULT, identity)
    if before is not None and days < (_count_days(before.outputs) or 0):
        _refuse_unknown("a shorter retention of a vault")
    if before is not None:
        _check_plans_keep(store, before, days, field)
    for name in ("effectiveTime", "backupRetentionInheritance", "forceUpdate"):
        if values.get(name):
            _refuse_unknown(f"{name} of a vault")


def _check_plans_keep(store: WorldStore, vault: StoredResource, days: int, field: str) -> None:
    """Refuse a vault that would enforce more than its plans keep, as the provider's `force_update` says it is."""
    for plan in store.all(PLAN):
        if store.called(str(plan.outputs.get("backupVault")), [VAULT]) != vault:
            continue
        for rule in (one for one in plan.outputs.get("backupRules") or () if isinstance(one, Mapping)):
            kept = int(rule.get("backupRetentionDays") or 0)
            if kept < days:
                raise make_invalid(field, f"{days} days are more than the {kept} for which '{plan.id}' keeps backups")


def check_plan(store: WorldStore, _identity: str, values: Values) -> None:
    """Refuse a plan that keeps backups shorter than its vault, or makes them in too short a time.

    Raises:
        GoogleRefusal: as said, or it is of another kind than a daily one for Cloud SQL.
    """
    if values.get("resourceType") != _INSTANCE_TYPE:
        _refuse_unknown(f"plans for {values.get('resourceType')}")
    logs = values.get("logRetentionDays")
    if logs is not None and not (isinstance(logs, int | float) and _LOG_DAYS[0] <= logs <= _LOG_DAYS[1]):
        _refuse_unknown(f"logs kept for {logs} days")
    vault = store.called(str(values.get("backupVault")), [VAULT])
    least = (_count_days(vault.outputs) or 0) if vault is not None else 0
    rules = [one for one in values.get("backupRules") or () if isinstance(one, Mapping)]
    if not rules:
        field = "backupRules"
        raise make_invalid(field, "a plan has one or more")
    for number, rule in enumerate(rules):
        schedule = rule.get("standardSchedule")
        schedule = schedule if isinstance(schedule, Mapping) else {}
        if schedule.get("recurrenceType") != "DAILY":
            _refuse_unknown(f"a plan's recurrence {schedule.get('recurrenceType')}")
        window = schedule.get("backupWindow")
        window = window if isinstance(window, Mapping) else {}
        start, end = int(window.get("startHourOfDay") or 0), int(window.get("endHourOfDay") or 0)
        if end - start < _WINDOW:
            field = f"backupRules[{number}].standardSchedule.backupWindow"
            raise make_invalid(field, f"{start} to {end} o'clock is less than {_WINDOW} hours")
        if int(rule.get("backupRetentionDays") or 0) < least:
            field = f"backupRules[{number}].backupRetentionDays"
            raise make_invalid(
                field, f"{rule.get('backupRetentionDays')} is less than the {least} that the vault enforces"
            )


def attach_plan(store: WorldStore, identity: str, values: Values) -> None:
    """Refuse an association that cannot make backups; then turn the instance's own backups off, as Google does.

    Raises:
        GoogleRefusal: as said.
    """
    plan = store.called(str(values.get("backupPlan")), [PLAN])
    instance = store.called(str(values.get("resource")), [INSTANCE])
    if plan is None or instance is None:
        return  # a link to what is not there is refused as one
    if values.get("resourceType") != plan.outputs.get("resourceType"):
        field = "resourceType"
        raise make_invalid(field, f"'{values.get(field)}' is not that of the plan")
    if find_role(instance.outputs) == REPLICA:
        _refuse_unknown("an association with a read replica")
    other = next((one for one in store.all(ASSOCIATION) if one.id != identity and _protects(one, instance)), None)
    if other is not None:
        field = "resource"
        raise make_invalid(field, f"'{instance.id}' is protected by '{other.id}' already")
    _check_grants(store, plan, instance)
    if store.get(ASSOCIATION, identity) is None:
        settings = instance.outputs.get("settings") or {}
        backups = {**(settings.get("backupConfiguration") or {}), "enabled": False}
        change_by_google(store, instance, {"settings": {**settings, "backupConfiguration": backups}})


def refuse_vaulted_instance(store: WorldStore, instance: StoredResource) -> None:
    """Refuse an update of an instance that a plan is attached to.

    Raises:
        GoogleRefusal: one is.
    """
    if any(_protects(one, instance) for one in store.all(ASSOCIATION)):
        message = (
            "Invalid request: Backup configuration cannot be changed for instances with a BackupDR backup plan "
            f"attached ('{instance.id}')"
        )
        raise GoogleRefusal(400, message, "invalid")


def make_vault_account(number: str, digest: str) -> str:
    """Return the address of a vault's own account.

    >>> make_vault_account("12", "345")
    'vault-12-345@gcp-sa-backupdr-pr.iam.gserviceaccount.com'
    """
    return f"vault-{number}-{digest}@gcp-sa-backupdr-pr.iam.gserviceaccount.com"


def _check_grants(store: WorldStore, plan: StoredResource, instance: StoredResource) -> None:
    """The vault's account may make backups, and the service's agent use the instance's key."""
    account = plan.outputs.get("backupVaultServiceAccount")
    member = f"serviceAccount:{account}"
    granted = any(
        one.outputs.get("role") == _OPERATOR and one.outputs.get("member") == member and one.project == instance.project
        for one in store.all(_MEMBER)
    )
    if not granted:
        message = f"{account} has no permission to back up '{instance.id}': grant it {_OPERATOR} on the project first"
        raise GoogleRefusal(403, message, "forbidden")
    key = instance.outputs.get("encryptionKeyName")
    if isinstance(key, str) and key:
        check_key_user(store, "backupdisasterrecovery", plan.project, key)


def _protects(association: StoredResource, instance: StoredResource) -> bool:
    return str(association.outputs.get("resource")).endswith(instance.id)


def _count_days(values: Values) -> int | None:
    found = _SECONDS.fullmatch(str(values.get("backupMinimumEnforcedRetentionDuration")))
    return None if found is None else int(found[1]) // _A_DAY


def _refuse_unknown(what: str) -> NoReturn:
    message = f"the offline Google does not model {what}"
    raise GoogleRefusal(501, message, "notImplemented")


BACKUP_RULES: Mapping[str, Callable[[WorldStore, str, Values], None]] = {
    "backup-vault": check_vault,
    "backup-plan": check_plan,
    "backup-association": attach_plan,
}
