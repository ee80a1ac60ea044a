"""What Cloud SQL for PostgreSQL refuses of an instance, a database or a user by itself.

Sources: "Instance settings" (name, versions by edition, tiers, 10 to 65,536 GB, flags), "Machine series overview"
(which tiers each edition has, what a custom one may be), "Configure instance IP" (public or private), "About
automated backups" and "Point-in-time recovery" (1 to 365 kept, log days by edition), "Users" (what an IAM user is
called, and that it has no password). What a replica does not have is a rule of the world's: `world.instance_roles`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_blocks

SETTINGS = "https://cloud.google.com/sql/docs/postgres/instance-settings"
MACHINES = "https://cloud.google.com/sql/docs/postgres/machine-series-overview"
BACKUPS = "https://cloud.google.com/sql/docs/postgres/backup-recovery/backups"
ADDRESSES = "https://cloud.google.com/sql/docs/postgres/configure-ip"
FLAGS = "https://cloud.google.com/sql/docs/postgres/flags"
USERS = "https://cloud.google.com/sql/docs/postgres/add-manage-iam-users"
PLUS, ENTERPRISE = "ENTERPRISE_PLUS", "ENTERPRISE"
_VERSIONS: Mapping[str, frozenset[str]] = {
    PLUS: frozenset(f"POSTGRES_{number}" for number in range(12, 19)),
    ENTERPRISE: frozenset({"POSTGRES_9_6", *(f"POSTGRES_{number}" for number in range(10, 19))}),
}
_PLUS_TIER = re.compile(r"db-perf-optimized-N-(2|4|8|16|32|48|64|80|96|128)|db-c4a-highmem-(1|4|8|16|32|48|64|72)")
_CUSTOM_TIER = re.compile(r"db-custom-([1-9]\d{0,2})-([1-9]\d{0,6})")
_SHARED = frozenset({"db-f1-micro", "db-g1-small"})
_MOST_PROCESSORS, _LEAST_MEMORY, _STEP = 96, 3840, 256
_EACH = (0.9 * 1024, 6.5 * 1024)
_LOG_DAYS: Mapping[str, int] = {ENTERPRISE: 7, PLUS: 35}
_MOST_BACKUPS = 365
_ON_OFF = frozenset({"on", "off"})
_KNOWN_FLAGS: Mapping[str, frozenset[str] | tuple[int, int] | None] = {
    "cloudsql.iam_authentication": _ON_OFF,
    "cloudsql.enable_pgaudit": _ON_OFF,
    "log_checkpoints": _ON_OFF,
    "log_connections": _ON_OFF,
    "log_disconnections": _ON_OFF,
    "log_lock_waits": _ON_OFF,
    "log_temp_files": (-1, 2147483647),
    "log_min_duration_statement": (-1, 2147483647),
    "log_statement": frozenset({"none", "ddl", "mod", "all"}),
    "max_connections": (14, 262143),
    "pgaudit.log": None,
}
"""Flags and their values, as far as they are known here; None: text that is not looked at."""


def _check_tier(values: Values) -> Complaints:
    tier, edition = find_known(values, "settings.tier"), find_known(values, "settings.edition")
    if not isinstance(tier, str) or ("edition" in (values.get("settings") or {}) and edition is None):
        return
    wrong = _explain_plus(tier) if edition == PLUS else _explain_enterprise(tier)
    if wrong:
        yield "settings.tier", wrong
    disk = find_known(values, "settings.diskType") or "PD_SSD"
    if tier.startswith("db-c4a-") != (disk == "HYPERDISK_BALANCED") or (disk == "PD_HDD" and edition == PLUS):
        yield "settings.diskType", f"{disk} is no storage of the machine type {tier}"


def _explain_plus(tier: str) -> str:
    return "" if _PLUS_TIER.fullmatch(tier) else f"{tier!r} is no machine type of the edition {PLUS}"


def _explain_enterprise(tier: str) -> str:
    if tier in _SHARED:
        return ""
    found = _CUSTOM_TIER.fullmatch(tier)
    if found is None:
        return (
            f"{tier!r} is no machine type of the edition {ENTERPRISE} for PostgreSQL: shared-core or db-custom-CPUS-MB"
        )
    processors, memory = int(found[1]), int(found[2])
    if processors > _MOST_PROCESSORS or (processors > 1 and processors % 2):
        return f"{processors} processors: 1, or an even number up to {_MOST_PROCESSORS}"
    least, most = max(_LEAST_MEMORY, processors * _EACH[0]), processors * _EACH[1]
    if memory % _STEP or not least <= memory <= most:
        return f"{memory} MB: a multiple of {_STEP}, {least:.0f} to {most:.0f} for {processors} processors"
    return ""


def _check_version(values: Values) -> Complaints:
    version, edition = find_known(values, "databaseVersion"), find_known(values, "settings.edition") or ENTERPRISE
    if isinstance(version, str) and version not in _VERSIONS.get(edition, _VERSIONS[ENTERPRISE]):
        yield "databaseVersion", f"{version!r} is no PostgreSQL that the edition {edition} has"


def _check_addresses(values: Values) -> Complaints:
    settings = values.get("settings")
    if not isinstance(settings, Mapping):
        return
    block = settings.get("ipConfiguration")
    if not isinstance(block, Mapping):
        return
    public = block.get("ipv4Enabled", True)
    connected = block.get("privateNetwork") or block.get("pscConfigs")
    if public is False and not connected:
        yield "settings.ipConfiguration", "at least one of public and private connectivity must be on; both are off"


def _check_backups(values: Values) -> Complaints:
    where = "settings.backupConfiguration"
    block = find_known(values, where)
    if not isinstance(block, Mapping):
        return
    days = block.get("transactionLogRetentionDays")
    kept = find_known(block, "backupRetentionSettings.retainedBackups")
    most = _LOG_DAYS.get(find_known(values, "settings.edition") or ENTERPRISE, _LOG_DAYS[ENTERPRISE])
    if isinstance(days, int) and not 1 <= days <= most:
        yield f"{where}.transactionLogRetentionDays", f"{days} is not 1 to {most}, as the edition allows"
    if isinstance(kept, int) and not 1 <= kept <= _MOST_BACKUPS:
        yield f"{where}.backupRetentionSettings.retainedBackups", f"{kept} is not 1 to {_MOST_BACKUPS}"
    if isinstance(kept, int) and isinstance(days, int) and kept < days:
        yield f"{where}.transactionLogRetentionDays", f"logs of {days} days need as many backups; {kept} are kept"


def _check_flags(values: Values) -> Complaints:
    seen: set[object] = set()
    for field, block in list_known_blocks(values, "settings.databaseFlags"):
        name, value = find_known(block, "name"), find_known(block, "value")
        if name in seen:
            yield f"{field}.name", f"the flag {name} is set twice"
        seen.add(name)
        if not isinstance(name, str) or not isinstance(value, str):
            continue
        if name not in _KNOWN_FLAGS:
            yield f"{field}.name", f"the flag {name!r} is not known here; known are {', '.join(sorted(_KNOWN_FLAGS))}"
        elif not _fits_flag(_KNOWN_FLAGS[name], value):
            yield f"{field}.value", f"{value!r} is no value of the flag {name}"


def _fits_flag(allowed: frozenset[str] | tuple[int, int] | None, value: str) -> bool:
    if isinstance(allowed, tuple):
        return re.fullmatch(r"-?\d{1,10}", value) is not None and allowed[0] <= int(value) <= allowed[1]
    return allowed is None or value in allowed


def _check_user(values: Values) -> Complaints:
    kind, name = find_known(values, "type") or "BUILT_IN", find_known(values, "name")
    iam = str(kind).startswith("CLOUD_IAM_")
    if iam and (values.get("password") or values.get("passwordWo")):
        yield "password", f"a user of the type {kind} has none"
    if kind == "CLOUD_IAM_SERVICE_ACCOUNT" and isinstance(name, str):
        if name.endswith(".gserviceaccount.com"):
            yield "name", f"{name!r}: PostgreSQL names a service account without '.gserviceaccount.com'"
        elif not re.fullmatch(r"[a-z0-9-]{1,63}@[a-z0-9.:-]{1,190}\.iam", name):
            yield "name", f"{name!r} is no service account: NAME@PROJECT.iam"
    if kind in {"CLOUD_IAM_USER", "CLOUD_IAM_GROUP"} and isinstance(name, str) and "@" not in name:
        yield "name", f"{name!r} is no address of a person or group"


TIER = Rule(MACHINES, _check_tier)
VERSION = Rule(SETTINGS, _check_version)
INSTANCE_ADDRESSES = Rule(ADDRESSES, _check_addresses)
INSTANCE_BACKUPS = Rule(BACKUPS, _check_backups)
DATABASE_FLAGS = Rule(FLAGS, _check_flags)
DATABASE_USER = Rule(USERS, _check_user)
