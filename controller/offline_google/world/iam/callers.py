"""Who calls Google, and on which project's quota; a person at a terminal, unless a service account is impersonated.

Sources: the provider's pages of the types of Access Context Manager and Cloud Identity ("If you are using User ADCs ...
you must specify a `billing_project` and set `user_project_override` to true ... Otherwise the API will return a 403
error"), terraform-provider-google#7477, and "Use service account impersonation" in Google Cloud's documentation.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.offline_google.schema.facts import find_resource_type
from controller.offline_google.world.cross_resource_rules import check_service_enabled, find_service
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.world_store import WorldStore

NEED_QUOTA_PROJECT = frozenset({"accesscontextmanager", "cloudidentity"})
"""Modules whose calls belong to no project: Google counts a person's on a quota project, and refuses them without."""
_ACCOUNT = "gcp:serviceaccount/account:Account"
_GRANTS = ("gcp:serviceaccount/iAMMember:IAMMember", "gcp:serviceaccount/iAMBinding:IAMBinding")
_TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 a role's name


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller. `quota_project` is the one that is sent with every call; `account` a service account, if any."""

    quota_project: str = ""
    account: str = ""

    @property
    def counted_project(self) -> str:
        """The project that calls without a project of their own are counted on; a service account has its own."""
        return self.quota_project or self.account.partition("@")[2].partition(".")[0]

    def check_call(self, store: WorldStore, token: str) -> None:
        """Refuse a call about a resource of this type that Google would not take from this caller.

        Raises:
            GoogleRefusal: nobody may impersonate the account, there is no quota project, or the API is off in it.
        """
        self.check_impersonation(store)
        kind = find_resource_type(token)
        word = find_service(kind)
        if kind.module in NEED_QUOTA_PROJECT and not self.counted_project:
            message = (
                "Your application is authenticating by using local Application Default Credentials. "
                f"The {word}.googleapis.com API requires a quota project, which is not set by default: "
                "set billingProject and userProjectOverride in the provider's settings"
            )
            raise GoogleRefusal(403, message, "forbidden")
        counted = self.quota_project or (self.counted_project if kind.module in NEED_QUOTA_PROJECT else "")
        if counted and word:
            check_service_enabled(store, counted, word)

    def check_impersonation(self, store: WorldStore) -> None:
        """Refuse a caller that impersonates an account that nobody may impersonate.

        Raises:
            GoogleRefusal: it is not there, nobody was granted that, or the API is off.
        """
        if not self.account:
            return
        found = store.called(self.account, [_ACCOUNT])
        grants = [one for token in _GRANTS for one in store.all(token)]
        named = {
            str(one.outputs.get("serviceAccountId")) for one in grants if one.outputs.get("role") == _TOKEN_CREATOR
        }
        if found is None or not named & {found.id, self.account, *found.aliases}:
            message = (
                "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist): "
                f"{self.account} must exist, and somebody must have {_TOKEN_CREATOR} on it (stacks/bootstrap)"
            )
            raise GoogleRefusal(403, message, "IAM_PERMISSION_DENIED")
        check_service_enabled(store, found.project, "iamcredentials")
