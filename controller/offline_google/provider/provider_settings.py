"""The provider's own settings: where resources are, who calls, and whose quota a call counts on.

Source: the provider's reference ("Google Provider Configuration Reference"): `billing_project` is the quota project of
all requests, and is ignored unless `user_project_override` is true; `impersonate_service_account` needs the role
Service Account Token Creator on that account. Settings that would need real credentials are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from controller.offline_google.models.unmodelled import Exceptions
from controller.offline_google.schema.pulumi_values import UNKNOWN, Value
from controller.offline_google.world.iam.callers import Caller

PLACES = frozenset({"project", "region", "zone"})
"""Stand in where a resource names none."""
_BILLING, _OVERRIDE, _ACCOUNT = "billingProject", "userProjectOverride", "impersonateServiceAccount"
SETTINGS = PLACES | {_BILLING, _OVERRIDE, _ACCOUNT}
UNVERIFIED = "unverified"
"""Types and properties that the stack's file excepts, as JSON; the stack's program says it to this provider only."""
_OF_THE_ENGINE = frozenset({"version", "pluginDownloadURL"})
_TRUTHS: Mapping[object, bool] = {True: True, False: False, "true": True, "false": False}
"""The engine hands settings of a provider over as text."""
_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_EMAIL = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z][a-z0-9-]{4,28}[a-z0-9]\.iam\.gserviceaccount\.com")

Values = Mapping[str, Value]


def find_setting_faults(values: Values) -> Iterator[tuple[str, str]]:
    """Yield settings that cannot be used, each with the reason."""
    for name in sorted(values.keys() - SETTINGS - _OF_THE_ENGINE - {UNVERIFIED}):
        yield name, f"the offline Google takes only {', '.join(sorted(SETTINGS))}"
    override, billing, account = (values.get(name) for name in (_OVERRIDE, _BILLING, _ACCOUNT))
    if override not in (None, UNKNOWN) and override not in _TRUTHS:
        yield _OVERRIDE, f"expected true or false, got {override!r}"
    if billing not in (None, UNKNOWN):
        if not _PROJECT.fullmatch(str(billing)):
            yield _BILLING, f"expected the id of a project, got {billing!r}"
        if override != UNKNOWN and not _TRUTHS.get(override):
            yield _BILLING, f"it is ignored unless {_OVERRIDE} is true: set both"
    if account not in (None, UNKNOWN) and not _EMAIL.fullmatch(str(account)):
        yield _ACCOUNT, f"expected a service account's address (NAME@PROJECT.iam.gserviceaccount.com), got {account!r}"


def choose_exceptions(values: Values) -> Exceptions:
    """Return the properties that the stack's file excepts, each with its type.

    >>> choose_exceptions({"unverified": '[["gcp:compute/network:Network", "mtu"]]'})
    frozenset({('gcp:compute/network:Network', 'mtu')})
    """
    return frozenset((kind, path) for kind, path in json.loads(values.get(UNVERIFIED) or "[]"))


def choose_caller(values: Values) -> Caller:
    """Return who calls with these settings, which were checked before."""
    overridden = _TRUTHS.get(values.get(_OVERRIDE), False)
    return Caller(
        quota_project=str(values.get(_BILLING) or "") if overridden else "", account=str(values.get(_ACCOUNT) or "")
    )
