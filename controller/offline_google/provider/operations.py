"""What each call of the engine's means for the offline Google: messages in, messages out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2

from controller.offline_google.models.unmodelled import NO_EXCEPTIONS, Exceptions, find_unmodelled
from controller.offline_google.provider.input_changes import (
    ChangeKind,
    PropertyChange,
    compare_inputs,
    restore_ignored,
)
from controller.offline_google.provider.secrets import hide_secrets, restore_secrets
from controller.offline_google.schema.defaults import AutomaticNaming, fill_defaults
from controller.offline_google.schema.facts import ResourceType, UnknownType, find_resource_type
from controller.offline_google.schema.input_checks import DEFAULTS, InputFailure, check_inputs
from controller.offline_google.schema.instance_roles import INSTANCE, explain_promotion
from controller.offline_google.schema.plan_rules import find_plan_failures
from controller.offline_google.schema.pulumi_values import (
    UNKNOWN,
    Value,
    read_properties,
    write_properties,
)
from controller.offline_google.world.cross_resource_rules import check_service_enabled
from controller.offline_google.world.errors import GoogleRefusal
from controller.offline_google.world.google import OfflineGoogle, explain_protection
from controller.offline_google.world.iam.service_agents import (
    STORAGE_DOMAIN,
    make_agent_email,
    make_logging_agent_email,
    note_agent,
)
from controller.offline_google.world.instance_roles import find_switched_primary
from controller.offline_google.world.outputs.resource_names import find_project_number
from controller.offline_google.world.services.file_transfers import make_transfer_account
from controller.offline_google.world.world_store import StoredResource

Values = Mapping[str, Value]

_KINDS = {
    (ChangeKind.ADD, False): provider_pb2.PropertyDiff.ADD,
    (ChangeKind.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (ChangeKind.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (ChangeKind.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (ChangeKind.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (ChangeKind.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def check_resource(
    request: provider_pb2.CheckRequest, exceptions: Exceptions = NO_EXCEPTIONS
) -> provider_pb2.CheckResponse:
    """The inputs against the facts and what is modelled, and filled with defaults and names.

    `exceptions` are the properties that the stack's file names as unverified.
    """
    try:
        kind = find_resource_type(request.type)
        news = read_properties(request.news)
        given = {key: value for key, value in news.items() if key != DEFAULTS}
    except (UnknownType, ValueError) as error:
        failure = provider_pb2.CheckFailure(property="", reason=str(error))
        return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
    options = request.autonaming
    naming = AutomaticNaming(
        request.name,
        request.randomSeed,
        options.proposed_name if request.HasField("autonaming") else "",
        off=options.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE,
    )
    failures = [*check_inputs(kind, given), *find_unmodelled(kind, news, exceptions)]
    inputs, wrong = fill_defaults(kind, given, read_properties(request.olds), naming)
    failures += wrong
    if not failures:
        failures = find_plan_failures(kind.token, inputs)
    return provider_pb2.CheckResponse(
        inputs=write_properties(inputs), failures=[_failure(kind, entry) for entry in failures]
    )


def diff_resource(google: OfflineGoogle, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
    """What a change of the inputs means.

    Raises:
        Refused: it would replace something that is protected against deletion, or the provider's plan refuses it.
    """
    kind = find_resource_type(request.type)
    state, before, after = (
        read_properties(request.olds),
        read_properties(request.old_inputs),
        read_properties(request.news),
    )
    for path in request.ignoreChanges:
        after = restore_ignored(before, after, path)
    reason = explain_promotion(state, after) if request.type == INSTANCE else ""
    if reason:
        message = f"'{request.id}' ({kind.short}): {reason}"
        raise GoogleRefusal(400, message, "invalid")
    found = compare_inputs(kind, state, google.placed(kind, before), google.placed(kind, after))
    guarded = explain_protection({**kind.facts.get("deletion", {}), **state})
    if found.replaces and guarded:
        replacing = ", ".join(change.path for change in found.changes if change.replaces)
        message = f"'{request.id}' ({kind.short}): a change of {replacing} would replace it, and {guarded}"
        raise GoogleRefusal(400, message, "deletionProtected")
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if found.changes else response.DIFF_NONE,
        diffs=sorted({_top(change) for change in found.changes}),
        replaces=sorted({_top(change) for change in found.changes if change.replaces}),
        deleteBeforeReplace=found.delete_first,
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=_KINDS[change.kind, change.replaces], inputDiff=True)
            for change in found.changes
        },
        hasDetailedDiff=True,
    )


def create_resource(google: OfflineGoogle, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:
    """Make a resource; in a preview, say what is known of it and leave the rest unknown.

    Raises:
        Refused: Google would not make it.
    """
    kind = find_resource_type(request.type)
    inputs = read_properties(request.properties)
    if request.preview:
        values = google.placed(kind, inputs)
        google.judge(kind, values)
        return provider_pb2.CreateResponse(properties=_shown(kind, {**_computed(kind, values), **values}))
    made = google.create(request.type, hide_secrets(kind, inputs))
    return provider_pb2.CreateResponse(id=made.id, properties=_outputs(kind, made, inputs))


def update_resource(google: OfflineGoogle, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:
    """Change a resource in place.

    Raises:
        Refused: Google would not change it so.
    """
    kind = find_resource_type(request.type)
    inputs = read_properties(request.news)
    if request.preview:
        values = google.placed(kind, inputs)
        google.judge(kind, values)
        computed = {key: value for key, value in read_properties(request.olds).items() if not _is_input(kind, key)}
        return provider_pb2.UpdateResponse(properties=_shown(kind, {**computed, **values}))
    changed = google.update(request.type, request.id, hide_secrets(kind, inputs), read_properties(request.olds))
    return provider_pb2.UpdateResponse(properties=_outputs(kind, changed, inputs))


def read_resource(google: OfflineGoogle, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:
    """A resource as it is now. Secrets are not shown, by Google neither: those that the engine has stay."""
    kind = find_resource_type(request.type)
    found = google.read(request.type, request.id)
    if found is None:
        return provider_pb2.ReadResponse()
    known = read_properties(request.inputs) or read_properties(request.properties)
    inputs = restore_secrets(kind, found.inputs, known)
    return provider_pb2.ReadResponse(
        id=found.id, properties=_outputs(kind, found, known), inputs=write_properties(inputs)
    )


def find_update_partner(google: OfflineGoogle, request: provider_pb2.UpdateRequest) -> StoredResource | None:
    """Return another resource that this update works on, too: the primary from which a switchover takes its role."""
    return find_switched_primary(google.store, request.type, request.id, read_properties(request.news))


def delete_resource(google: OfflineGoogle, request: provider_pb2.DeleteRequest) -> Empty:
    """Remove a resource.

    Raises:
        Refused: it is protected, or in use.
    """
    state = read_properties(request.properties)
    guarded = explain_protection(state)
    if guarded:
        # The engine's own record counts, too: it is what the real provider looks at.
        message = f"'{request.id}' cannot be deleted: {guarded}"
        raise GoogleRefusal(400, message, "deletionProtected")
    google.delete(request.type, request.id)
    return Empty()


def invoke_function(google: OfflineGoogle, request: provider_pb2.InvokeRequest) -> provider_pb2.InvokeResponse:
    """A data source.

    Raises:
        Refused: it is none that the stacks use, or it asks a service that is off.
    """
    arguments = read_properties(request.args)
    source = _SOURCES.get(request.tok)
    if source is None:
        message = f"the offline Google does not know the function {request.tok}"
        raise GoogleRefusal(501, message, "notImplemented")
    response = provider_pb2.InvokeResponse()
    getattr(response, "return").CopyFrom(write_properties(source(google, arguments)))  # its name is a word of Python's
    return response


def _project(google: OfflineGoogle, arguments: Values) -> Values:
    project = str(arguments.get("projectId") or google.defaults.get("project", ""))
    check_service_enabled(google.store, project, "cloudresourcemanager")
    number = find_project_number(project)
    return {"id": f"projects/{project}", "projectId": project, "number": number, "name": project, "labels": {}}


def _storage_agent(google: OfflineGoogle, arguments: Values) -> Values:
    project = str(arguments.get("project") or google.defaults.get("project", ""))
    check_service_enabled(google.store, project, "storage")
    email = make_agent_email(STORAGE_DOMAIN, find_project_number(project))
    note_agent(google.store, email)
    return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": project}


def _transfer_agent(google: OfflineGoogle, arguments: Values) -> Values:
    project = str(arguments.get("project") or google.defaults.get("project", ""))
    check_service_enabled(google.store, project, "storagetransfer")
    email = make_transfer_account(find_project_number(project))
    note_agent(google.store, email)
    return {"id": email, "email": email, "member": f"serviceAccount:{email}", "project": project, "subjectId": ""}


def _logging_agent(google: OfflineGoogle, arguments: Values) -> Values:
    project = str(arguments.get("project") or google.defaults.get("project", ""))
    check_service_enabled(google.store, project, "logging")
    email = make_logging_agent_email(find_project_number(project))
    note_agent(google.store, email)
    name = f"projects/{project}/cmekSettings"
    keys = {"kmsKeyName": "", "kmsKeyVersionName": ""}
    return {"id": name, "name": name, "project": project, "serviceAccountId": email, **keys}


def _client(google: OfflineGoogle, _arguments: Values) -> Values:
    return {
        "id": "offline",
        "accessToken": "",
        **{key: google.defaults.get(key, "") for key in ("project", "region", "zone")},
    }


_SOURCES: Mapping[str, Callable[[OfflineGoogle, Values], Values]] = {
    "gcp:organizations/getProject:getProject": _project,
    "gcp:organizations/getClientConfig:getClientConfig": _client,
    "gcp:logging/getProjectCmekSettings:getProjectCmekSettings": _logging_agent,
    "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": _storage_agent,
    "gcp:storage/getTransferProjectServiceAccount:getTransferProjectServiceAccount": _transfer_agent,
}


def _failure(kind: ResourceType, failure: InputFailure) -> provider_pb2.CheckFailure:
    return provider_pb2.CheckFailure(property=failure.path, reason=f"{kind.short}.{failure.path}: {failure.reason}")


def _top(change: PropertyChange) -> str:
    return change.path.partition(".")[0].partition("[")[0]


def _is_input(kind: ResourceType, name: str) -> bool:
    found = kind.properties.get(name)
    return found is not None and found.mode in {"required", "optional"}


def _computed(kind: ResourceType, values: Values) -> dict[str, Value]:
    """What only Google will say: unknown in a preview."""
    left = {name for name, found in kind.properties.items() if "computed" in found.mode and values.get(name) is None}
    return dict.fromkeys(left, UNKNOWN)


def _outputs(kind: ResourceType, resource: StoredResource, known: Values) -> Struct:
    return _shown(kind, restore_secrets(kind, resource.outputs, known))


def _shown(kind: ResourceType, values: Values) -> Struct:
    secret = frozenset(kind.facts.get("secretOutputs", ()))
    shown = {key: value for key, value in values.items() if key != DEFAULTS}
    return write_properties(shown, secret)
