"""Policies: who may do what. Each function returns what is wrong, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.policy.parsed import strings

if TYPE_CHECKING:
    from tests.policy.parsed import Block, Infra

FUNCTIONS: Final = "google_cloudfunctions2_function"
RUNTIME: Final = "google_service_account.function"
_READS_SECRET: Final = "roles/secretmanager.secretAccessor"
_PINNED: Final = "${secret_environment_variables.value.version}"
_ASK: Final = "google_project_iam_custom_role.ask_models"

PROJECT_ROLES: Final = {
    ("google_project_service_identity.agent", "roles/eventarc.serviceAgent"): "an agent of Google's own",
    (
        "data.google_storage_project_service_account.agent",
        "roles/pubsub.publisher",
    ): "the name of Eventarc's topic is unknown",
    (
        "google_service_account.trigger",
        "roles/eventarc.eventReceiver",
    ): "checked on the project only; runs no code of ours",
    ("google_service_account.build", "roles/logging.logWriter"): "logs have no resource; runs no code of ours",
    (
        "google_service_account.build",
        "roles/storage.objectViewer",
    ): "the sources' bucket does not exist yet: by condition",
}
"""The rights on a whole project, and why none of them can be smaller."""


def project_roles(infra: Infra) -> list[str]:
    """No account that runs our code has a role on the project, but for the one permission to ask a model."""
    problems = [
        f"{block.address}: takes the project's policy over, others lose their rights. Use google_project_iam_member."
        for block in infra.of("google_project_iam_binding", "google_project_iam_policy")
    ]
    for block in infra.of("google_project_iam_member"):
        members, role = infra.references(block.one("member")), str(block.one("role"))
        if RUNTIME in members:
            if _ASK not in infra.references(role):
                problems.append(f"{block.address}: gives {role} on the project to an account that runs our code.")
        elif not any((member, role) in PROJECT_ROLES for member in members):
            problems.append(f"{block.address}: gives {role} on the project; allowed are only {sorted(PROJECT_ROLES)}.")
    problems += [
        f"{block.address}: expected the permission to ask models alone, found {block.one('permissions')}."
        for block in infra.of("google_project_iam_custom_role")
        if block.one("permissions") != ["aiplatform.endpoints.predict"]
    ]
    return problems


def nothing_public(infra: Infra) -> list[str]:
    """Nobody from outside reaches a bucket or a function."""
    problems = [
        f"{block.address}: names {text}."
        for block in infra.resources
        for text in strings(block.body)
        if text in {"allUsers", "allAuthenticatedUsers"}
    ]
    for block in infra.of("google_storage_bucket"):
        if block.one("public_access_prevention") != "enforced":
            problems.append(f"{block.address}: public_access_prevention is not enforced.")
        if block.one("uniform_bucket_level_access") is not True:
            problems.append(f"{block.address}: objects may have access lists of their own.")
    problems += [
        f"{block.address}: ingress is not internal."
        for block in infra.of(FUNCTIONS)
        if block.one("service_config", "ingress_settings") != "ALLOW_INTERNAL_ONLY"
    ]
    return problems


def nobody_overwrites(infra: Infra) -> list[str]:
    """Functions create and read results; `forget` alone deletes, and so overwrites, them. Uploads are read only."""
    problems = []
    for block in _bucket_members(infra):
        bucket, role, who = infra.references(block.one("bucket")), block.one("role"), str(block.one("for_each"))
        if "google_storage_bucket.work" in bucket:
            allowed = {"roles/storage.objectUser"}
        elif "google_storage_bucket.results" in bucket:
            forgets = who == "${local.forgetters}"
            allowed = {"roles/storage.objectCreator", "roles/storage.objectViewer"}
            allowed |= {"roles/storage.objectUser"} if forgets else set()
        else:
            allowed = {"roles/storage.objectViewer"}
        if role not in allowed:
            problems.append(f"{block.address}: gives {role} to {who}; expected {' or '.join(sorted(allowed))}.")
    return problems


def own_accounts(infra: Infra) -> list[str]:
    """Every function runs as an account of its own; no account has a key; grants never take a policy over."""
    problems = [
        f"{block.address}: runs as {email}, not as its own account."
        for block in infra.of(FUNCTIONS)
        if (email := block.one("service_config", "service_account_email")) != f"${{{RUNTIME}[each.key].email}}"
    ]
    problems += [
        f"{block.address}: takes a policy over. Use {block.type.rpartition('_')[0]}_member."
        for block in infra.resources
        if block.type.endswith(("_iam_binding", "_iam_policy"))
    ]
    problems += [
        f"{block.address}: a key can be stolen; nothing here needs one."
        for block in infra.of("google_service_account_key")
    ]
    return problems


def callers(infra: Infra) -> list[str]:
    """Functions are called by the push account or the trigger account, on the services they are for."""
    wanted = {"pushed": "google_service_account.push", "triggered": "google_service_account.trigger"}
    problems = []
    for block in infra.of("google_cloud_run_service_iam_member", "google_cloud_run_v2_service_iam_member"):
        members, services = infra.references(block.one("member")), infra.references(block.one("service"))
        expected = {wanted[service.rpartition(".")[2]] for service in services if service.startswith(FUNCTIONS)}
        if members != expected or block.one("role") != "roles/run.invoker":
            problems.append(f"{block.address}: {block.one('role')} for {members}; expected run.invoker for {expected}.")
    return problems


def key(infra: Infra) -> list[str]:
    """The key is write-only, its version pinned, and readable by workers alone, on that secret alone."""
    problems = [
        f"{block.address}: secret_data would lie in the state in plain text. Use secret_data_wo."
        for block in infra.of("google_secret_manager_secret_version")
        if block.one("secret_data") is not None
    ]
    problems += [
        f"{block.address}: {block.one('role')} for {block.one('for_each')}."
        for block in infra.of("google_secret_manager_secret_iam_member")
        if "local.workers" not in str(block.one("for_each")) or block.one("role") != _READS_SECRET
    ]
    problems += [
        f"{block.address}: the key's version is {version}, and not pinned."
        for block in infra.of(FUNCTIONS)
        for dynamic in block.one("service_config", "dynamic") or []
        if (version := dynamic["secret_environment_variables"]["content"][0].get("version")) != _PINNED
    ]
    return problems


def _bucket_members(infra: Infra) -> list[Block]:
    return [
        block
        for block in infra.of("google_storage_bucket_iam_member")
        if RUNTIME in infra.references(block.one("member"))
    ]
