"""What Service Usage, audit logging, service accounts and labels refuse by themselves.

Sources: "Services supported by Google Cloud" (names of APIs, as far as a school's cloud can meet them; one that is not
here is refused: add it), the reference of `AuditConfig`, "Requirements for labels" of Resource Manager.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.offline_google.models.rules.rule import Complaints, Rule, Values, find_known, list_known_blocks

SERVICES = "https://cloud.google.com/service-usage/docs/list-services"
AUDIT = "https://cloud.google.com/resource-manager/reference/rest/Shared.Types/AuditConfig"
LABELS = "https://cloud.google.com/resource-manager/docs/labels-overview#requirements"
DOMAIN = ".googleapis.com"
# fmt: off
_APIS = frozenset(
    {
        "accesscontextmanager", "accessapproval", "admin", "aiplatform", "apikeys", "artifactregistry", "backupdr",
        "beyondcorp", "bigquery", "bigquerystorage", "binaryauthorization", "billingbudgets", "certificatemanager",
        "chromemanagement", "chromepolicy", "cloudapis", "cloudasset", "cloudbilling", "cloudbuild", "cloudfunctions",
        "cloudidentity", "cloudkms", "cloudresourcemanager", "cloudscheduler", "cloudtasks", "cloudtrace", "compute",
        "container", "containeranalysis", "containerscanning", "datamigration", "dns", "essentialcontacts",
        "eventarc", "file", "iam", "iamcredentials", "iap", "logging", "monitoring", "networkconnectivity",
        "networkmanagement", "networksecurity", "networkservices", "orgpolicy", "osconfig", "oslogin",
        "policyanalyzer", "privateca", "privilegedaccessmanager", "pubsub", "recommender", "run", "secretmanager",
        "securitycenter", "securitycentermanagement", "servicedirectory", "servicemanagement", "servicenetworking",
        "serviceusage", "sourcerepo", "sql-component", "sqladmin", "storage", "storage-api", "storage-component",
        "storageinsights", "storagetransfer", "sts", "vpcaccess", "workflows", "workstations",
    }
)
# fmt: on
_LOG_TYPES = frozenset({"ADMIN_READ", "DATA_READ", "DATA_WRITE"})
_KEY, _VALUE = re.compile(r"[^\W\dA-Z_][\w-]{0,62}"), re.compile(r"[\w-]{0,63}")
_MOST_LABELS = 64


def is_api(name: str) -> bool:
    """Whether a name is one of an API of Google's that is known here.

    >>> is_api("run.googleapis.com"), is_api("banana.googleapis.com")
    (True, False)
    """
    return name.endswith(DOMAIN) and name.removesuffix(DOMAIN) in _APIS


def _check_api(values: Values) -> Complaints:
    name = find_known(values, "service")
    if isinstance(name, str) and not is_api(name):
        yield "service", f"the service {name!r} does not exist, or is not known here"


def _check_audit(values: Values) -> Complaints:
    name = find_known(values, "service")
    if isinstance(name, str) and name != "allServices" and not is_api(name):
        yield "service", f"{name!r} is neither allServices nor a service that is known here"
    kinds = [find_known(block, "logType") for _, block in list_known_blocks(values, "auditLogConfigs")]
    for kind in dict.fromkeys(kinds):
        if isinstance(kind, str) and kind not in _LOG_TYPES:
            yield "auditLogConfigs", f"{kind!r} is none of {', '.join(sorted(_LOG_TYPES))}"
        if kinds.count(kind) > 1:
            yield "auditLogConfigs", f"{kind} stands in it twice"


def _make_label_rule(*paths: str) -> Rule:
    def check(values: Values) -> Complaints:
        for path in paths:
            labels = find_known(values, path)
            if isinstance(labels, Mapping):
                yield from _check_labels(path, labels)

    return Rule(LABELS, check)


def _check_labels(path: str, labels: Mapping[str, object]) -> Complaints:
    if len(labels) > _MOST_LABELS:
        yield path, f"it has {len(labels)} labels; {_MOST_LABELS} is the most"
    for key, value in labels.items():
        if not _KEY.fullmatch(key):
            yield path, f"the key {key!r}: 1 to 63 small letters, digits, '-' and '_', a letter first"
        if isinstance(value, str) and (not _VALUE.fullmatch(value) or value != value.lower()):
            yield path, f"the value {value!r} of {key}: up to 63 small letters, digits, '-' and '_'"


API = Rule(SERVICES, _check_api)
AUDIT_CONFIGURATION = Rule(AUDIT, _check_audit)
RESOURCE_LABELS = _make_label_rule("labels", "settings.userLabels", "template.labels")
