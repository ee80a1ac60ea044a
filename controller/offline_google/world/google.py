"""The offline Google: makes, shows, changes and removes resources, and refuses what Google would refuse."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.offline_google.models.property_checks import find_refused_values
from controller.offline_google.schema.conditional_replacement import keep_disk
from controller.offline_google.schema.diff_suppress import strip_self_link
from controller.offline_google.schema.facts import ResourceType, find_resource_type
from controller.offline_google.schema.instance_roles import INSTANCE, explain_unmodelled
from controller.offline_google.schema.pulumi_values import Value
from controller.offline_google.schema.resource_references import NamedResource, list_named_resources
from controller.offline_google.world.cross_resource_rules import SERVICE, check_cross_resource_rules, check_deletion
from controller.offline_google.world.errors import GoogleRefusal, make_already_exists, make_in_use, make_not_found
from controller.offline_google.world.existing_organisation import read_existing_organisation
from controller.offline_google.world.iam.key_users import KEY, check_key_user
from controller.offline_google.world.iam.members import check_members
from controller.offline_google.world.iam.roles import CUSTOM_ROLE, check_permissions, check_role
from controller.offline_google.world.instance_roles import change_roles, forget_instance, report_cluster
from controller.offline_google.world.locations import check_locations, find_location, refuse_other_location
from controller.offline_google.world.log_rules import check_log_settings
from controller.offline_google.world.outputs.computed_fields import compute_fields
from controller.offline_google.world.outputs.generated_names import generate_names
from controller.offline_google.world.outputs.given_addresses import allocate_address
from controller.offline_google.world.outputs.resource_names import IAM, list_aliases, make_self_link, name_resource
from controller.offline_google.world.services.backup_vaults import refuse_vaulted_instance
from controller.offline_google.world.world_store import ResourceLink, StoredResource, WorldStore

Values = Mapping[str, Value]

_IN_ID = re.compile(r"/(?:locations|regions)/([^/]+)/")
_ALREADY_THERE = frozenset(
    {
        SERVICE,
        "gcp:projects/serviceIdentity:ServiceIdentity",
        "gcp:projects/iAMAuditConfig:IAMAuditConfig",
        "gcp:iap/settings:Settings",
        "gcp:compute/projectMetadata:ProjectMetadata",
        "gcp:compute/sharedVPCHostProject:SharedVPCHostProject",
        "gcp:organizations/policy:Policy",
    }
)
"""Setting these a second time is no conflict: they are settings of something that is there anyway."""
_NAME_STAYS = frozenset(
    {
        "gcp:kms/keyRing:KeyRing",
        "gcp:kms/cryptoKey:CryptoKey",
        INSTANCE,
        "gcp:organizations/project:Project",
    }
)
"""Google keeps the name: key rings and keys are never deleted, a database's name rests a week, a project's for ever."""
_ADDRESSES = {
    "gcp:compute/address:Address": "address",
    "gcp:compute/globalAddress:GlobalAddress": "address",
    "gcp:compute/forwardingRule:ForwardingRule": "ipAddress",
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": "ipAddress",
}
_PROJECT = "gcp:organizations/project:Project"


@dataclass(frozen=True, slots=True)
class OfflineGoogle:
    """The world, seen by one configured provider: its project, region and zone stand in where a resource names none."""

    store: WorldStore
    defaults: Mapping[str, str] = field(default_factory=dict)

    def placed(self, kind: ResourceType, inputs: Values) -> dict[str, Value]:
        """The inputs with the provider's own project, region and zone."""
        own = {
            name: value
            for name, value in self.defaults.items()
            if name in kind.properties and inputs.get(name) is None and value
        }
        return {**own, **inputs}

    def judge(self, kind: ResourceType, values: Values) -> None:
        """What can be said without the rest of the world: values, places, instances, settings of logs, roles.

        Raises:
            Refused: one of them Google would not take, or does not have.
        """
        for path, wrong, source in find_refused_values(kind, values):
            message = f"{kind.short} field '{path}': {wrong} ({source})"
            raise GoogleRefusal(400, message, "invalid")
        check_locations(kind.module, values)
        check_log_settings(kind.token, values)
        unmodelled = explain_unmodelled(values) if kind.token == INSTANCE else ""
        if unmodelled:
            raise GoogleRefusal(501, unmodelled, "notImplemented")
        if kind.token == CUSTOM_ROLE:
            check_permissions(values)
        if IAM.match(kind.name):
            check_role(values.get("role"), lambda _: True)

    def create(self, token: str, inputs: Values) -> StoredResource:
        """Make a resource.

        Raises:
            Refused: its name is taken, or something that it names is not there or not allowed.
        """
        kind = find_resource_type(token)
        values = self.placed(kind, inputs)
        self.judge(kind, values)
        with self.store.writing():
            values |= generate_names(self.store, kind, values)
            key = name_resource(kind, values)
            repeatable = token in _ALREADY_THERE or IAM.match(kind.name) is not None
            if not repeatable and (self.store.get(token, key) or self.store.is_taken(token, key)):
                raise make_already_exists(key)
            return self._settle(kind, key, inputs, values, {})

    def update(self, token: str, key: str, inputs: Values, known: Values | None = None) -> StoredResource:
        """Change a resource in place. `known` is what the engine takes it to be; None asks no such question.

        Raises:
            Refused: it is not there, or something that it names is not.
        """
        kind = find_resource_type(token)
        found = self.store.get(token, key)
        if found is None:
            raise make_not_found(key, "the resource that was to be changed")
        values = self.placed(kind, inputs)
        self.judge(kind, values)
        with self.store.writing():
            kept = {name: value for name, value in found.outputs.items() if _googles(kind, name)}
            values = {**kept, **values}
            if token == INSTANCE:
                refuse_vaulted_instance(self.store, found)
                values = change_roles(self.store, found, keep_disk(found.outputs, values), known)
            return self._settle(kind, key, inputs, values, found.outputs)

    def read(self, token: str, key: str) -> StoredResource | None:
        """A resource as it is now; None where it is gone."""
        return self.store.get(token, key)

    def delete(self, token: str, key: str) -> None:
        """Remove a resource; one that is gone already is no error.

        Raises:
            Refused: it is protected, or something still refers to it.
        """
        found = self.store.get(token, key)
        if found is None:
            return
        reason = explain_protection(found.outputs)
        if reason:
            message = f"'{key}' cannot be deleted: {reason}"
            raise GoogleRefusal(400, message, "deletionProtected")
        if found.outputs.get("deletionPolicy") == "ABANDON" or _stays(token, found.outputs):
            return
        with self.store.writing():
            check_deletion(self.store, token, found.outputs)
            for user_token, user, path in self.store.users(token, key, "holds"):
                raise make_in_use(key, f"{user} ({find_resource_type(user_token).short}.{path})")
            if token == INSTANCE:
                forget_instance(self.store, found.outputs)
            self._remove(token, key)

    def _remove(self, token: str, key: str) -> None:
        """A resource and what belongs to it."""
        for user_token, user, _ in self.store.users(token, key, "belongs"):
            self._remove(user_token, user)
        if token in _NAME_STAYS:
            self.store.take_name(token, key)
        self.store.drop(token, key)

    def _settle(self, kind: ResourceType, key: str, inputs: Values, values: Values, previous: Values) -> StoredResource:
        """Check a resource against the world, fill in Google's part and keep it. Inside a transaction."""
        self._project_exists(values)
        check_cross_resource_rules(self.store, kind, key, {**self.defaults, **values})
        entries = [entry for entry in list_named_resources(kind.short, values) if _refers(entry)]
        links = tuple(self._link(kind, entry, values) for entry in entries)
        self._keys_may_be_used(kind, entries, links, values, previous)
        if IAM.match(kind.name):
            check_role(values.get("role"), lambda role: self.store.called(role, [CUSTOM_ROLE]) is not None)
            check_members(self.store, self._projects(), values)
        outputs = dict(values)
        at = _ADDRESSES.get(kind.token)
        if at is not None and (at == "address" or not values.get(at)):
            outputs[at] = previous.get(at) or allocate_address(self.store, kind.token, key, values)
        outputs |= compute_fields(self.store, kind, key, outputs)
        if kind.token == INSTANCE:
            outputs |= report_cluster(self.store, key, outputs)
        if "selfLink" in kind.properties:
            outputs["selfLink"] = make_self_link(kind, key)
        names = list_aliases(kind, key, outputs)
        name = str(outputs.get("name") or key)
        resource = StoredResource(kind.token, key, str(outputs.get("project", "")), name, inputs, outputs, links, names)
        self.store.put(resource)
        return resource

    def _link(self, kind: ResourceType, entry: NamedResource, values: Values) -> ResourceLink:
        """The resource that a field names.

        Raises:
            Refused: it is not there, or in another place.
        """
        where = f"{kind.short} field '{entry.path}'"
        target = self._called(entry, values)
        if target is None:
            raise make_not_found(strip_self_link(entry.value), where)
        if not entry.reference.elsewhere:
            here = find_location(entry.holder) or find_location(values)
            # A key goes with what lies where it lies, also where that is `global`.
            anywhere = target.token != KEY
            wrong = refuse_other_location(here, self._location(target), entry.path, entry.value, anywhere=anywhere)
            if wrong is not None:
                raise wrong
        return ResourceLink(entry.path, target.token, target.id, entry.reference.kind)

    def _keys_may_be_used(
        self,
        kind: ResourceType,
        entries: list[NamedResource],
        links: tuple[ResourceLink, ...],
        values: Values,
        previous: Values,
    ) -> None:
        """Whoever encrypts may use each key that is named for the first time; of those before, Google asks nothing."""
        before = {entry.value for entry in list_named_resources(kind.short, previous)}
        project = str(values.get("project") or self.defaults.get("project", ""))
        for entry, link in zip(entries, links, strict=True):
            if link.token == KEY and link.kind == "knows" and entry.value not in before:
                check_key_user(self.store, kind.module, project, link.id)

    def _called(self, entry: NamedResource, values: Values) -> StoredResource | None:
        text = entry.value.removeprefix("//certificatemanager.googleapis.com/")
        project = values.get("project") or self.defaults.get("project")
        candidates = [text, strip_self_link(text), f"{project}|{text}"]
        if "/" in text:
            candidates.append(f"{project}|{text.rpartition('/')[2]}" if "projects/" not in text else text)
        for candidate in dict.fromkeys(candidates):
            found = self.store.list_called(candidate, entry.reference.targets)
            if found:
                # Two regions may each have one of a name; a bare name means that of the same place.
                here = find_location(entry.holder) or find_location(values)
                return next((one for one in found if self._location(one) == here), found[0])
        return None

    def _location(self, target: StoredResource) -> str:
        found = _IN_ID.search(target.id)
        return find_location(target.outputs) or (found[1].lower() if found else "")

    def _project_exists(self, values: Values) -> None:
        project = str(values.get("project") or "").removeprefix("projects/")
        if project and project not in self._projects():
            message = f"Project '{project}' was not found, or the caller may not use it"
            raise GoogleRefusal(403, message, "forbidden")

    def _projects(self) -> frozenset[str]:
        made = {str(found.outputs["projectId"]) for found in self.store.all(_PROJECT)}
        return frozenset(made | {self.defaults.get("project", ""), *read_existing_organisation().projects})


def explain_protection(outputs: Values) -> str:
    """Why a resource may not be deleted; empty where it may."""
    for name in ("deletionProtection", "deletionProtectionEnabled"):
        if outputs.get(name) is True:
            return f"{name} is true; set it to false and deploy that first"
    if (outputs.get("settings") or {}).get("deletionProtectionEnabled") is True:
        return "settings.deletionProtectionEnabled is true; set it to false and deploy that first"
    if outputs.get("deletionPolicy") == "PREVENT":
        return "deletionPolicy is PREVENT; change it and deploy that first"
    return ""


def _googles(kind: ResourceType, name: str) -> bool:
    """Google filled it in, and it stays where the program says nothing of it."""
    found = kind.properties.get(name)
    return found is None or "computed" in found.mode


def _stays(token: str, outputs: Values) -> bool:
    """A service that is not to be disabled stays enabled when the program lets go of it."""
    return token == SERVICE and outputs.get("disableOnDestroy") is False


def _refers(entry: NamedResource) -> bool:
    """An address written out as such names no resource here, nor does what the organisation has had before."""
    if entry.reference.field != "ipAddress":
        return entry.value not in read_existing_organisation().access_policies
    try:
        ipaddress.ip_address(entry.value)
    except ValueError:
        return True
    return False
