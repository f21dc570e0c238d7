"""Policies: who may do what. Each function returns what is wrong, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from shared.core import naming
from tests.policy.computed import ASK_MODELS, BATCH_JOBS
from tests.policy.conditions import Asked, holds
from tests.policy.evaluated import VIEWER, anything
from tests.policy.parsed import strings
from tests.policy.rights import all_grants, ours

if TYPE_CHECKING:
    from tests.policy.parsed import Infra
    from tests.policy.rights import Grant

FUNCTIONS: Final = "google_cloudfunctions2_function"
BUCKETS: Final = "google_storage_bucket"
RUNTIME: Final = "google_service_account.function"
_PUBLIC: Final = re.compile(r"\ball(?:Authenticated)?Users\b")
_WRITES_ROWS: Final = "roles/bigquery.dataEditor"
_READS_SECRET: Final = "roles/secretmanager.secretAccessor"
_FORGETS: Final = "forget"
_MAKES_JOBS: Final = "release"
_VERTEX: Final = "agent of aiplatform"
_LISTS: Final = "roles/storage.legacyBucketReader"
JOB: Final = "google_cloud_run_v2_job"
SERVICE: Final = "google_cloud_run_v2_service"
PAGE: Final = "viewer"
OPENS_PAGE: Final = "roles/iap.httpsResourceAccessor"
FOLDERS: Final = (
    naming.ANSWERS,
    naming.BACKFILL,
    naming.BATCH_FILES,
    naming.BATCH_LINES,
    naming.BATCH_RECORDS,
    naming.DEAD,
    naming.PARKED,
    naming.LEASES,
    naming.RELEASES,
    naming.REPLIES,
    naming.SEEN,
    naming.SPENDING,
    naming.USES,
)
"""Of the work bucket: all that there are."""

PERMISSIONS: Final = {
    "ask_models": ["aiplatform.endpoints.predict"],
    "batch_jobs": [f"aiplatform.batchPredictionJobs.{may}" for may in ("cancel", "create", "get", "list")],
}
"""What the roles of our own may do."""

PROJECT_ROLES: Final = {
    ("agent of eventarc", "roles/eventarc.serviceAgent"): "an agent of Google's own",
    ("agent of storage", "roles/pubsub.publisher"): "the name of Eventarc's topic is unknown",
    ("trigger", "roles/eventarc.eventReceiver"): "checked on the project only; runs no code of ours",
    ("build", "roles/logging.logWriter"): "logs have no resource; runs no code of ours",
    ("build", "roles/storage.objectViewer"): "the sources' bucket does not exist yet: by condition",
}
"""The rights on a whole project, and why none of them can be smaller."""

CONDITIONS: Final = {
    ("build", "roles/storage.objectViewer"): r'resource\.name\.startsWith\("projects/_/buckets/gcf-v2-sources-[\w-]*"\)'
}
"""Rights on a whole project that would be far too much without a condition."""

HELPERS: Final = {
    "push": {"roles/run.invoker"},
    "trigger": {"roles/eventarc.eventReceiver", "roles/run.invoker"},
    "build": {"roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"},
    "agent of aiplatform": {"roles/storage.objectCreator", "roles/storage.objectViewer"},
    "agent of cloudscheduler": {"roles/pubsub.publisher"},
    "agent of eventarc": {"roles/eventarc.serviceAgent"},
    "agent of iap": {"roles/run.invoker"},
    "agent of pubsub": {
        "roles/bigquery.dataEditor",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/pubsub.publisher",
        "roles/pubsub.subscriber",
    },
    "agent of storage": {"roles/pubsub.publisher"},
    **{who: {OPENS_PAGE} for who in VIEWER["viewer_members"]},
}
"""What those may do who run no code of ours, people among them.

What functions need, tests/policy/test_rights.py finds by running them.
"""


WRITE_SPANS: Final = "roles/cloudtrace.agent"
"""It has no other permission, and spans have no resource to grant it on."""


def project_roles(infra: Infra) -> list[str]:
    """No account that runs our code has a role on the project, but to ask models, make batch jobs and write spans."""
    problems = [
        f"{block.address}: takes the project's policy over, others lose their rights. Use google_project_iam_member."
        for block in infra.of("google_project_iam_binding", "google_project_iam_policy")
    ]
    functions = ours(infra)
    for grant in (each for each in all_grants(infra) if each.type == "google_project_iam_member"):
        key, wanted = (grant.who, grant.role), CONDITIONS.get((grant.who, grant.role))
        makes_jobs = grant.role == BATCH_JOBS and grant.who == _MAKES_JOBS
        if grant.who in functions and grant.role not in (ASK_MODELS, WRITE_SPANS) and not makes_jobs:
            problems.append(f"{grant.address}: gives {grant.role} on the project to {grant.who}, which runs our code.")
        elif grant.who not in functions and key not in PROJECT_ROLES:
            problems.append(f"{grant.address}: gives {grant.role} on the project to {grant.who}, which has no reason.")
        if wanted and not re.fullmatch(wanted, grant.condition or ""):
            problems.append(f"{grant.address}: gives {grant.role} under the condition {grant.condition}.")
    problems += [
        f"{block.address}: expected the permissions of its purpose alone, found {block.one('permissions')}."
        for block in infra.of("google_project_iam_custom_role")
        if block.one("permissions") != PERMISSIONS.get(block.name)
    ]
    return problems


def nothing_public(infra: Infra) -> list[str]:
    """Nobody from outside reaches a bucket or a function."""
    places = {block.address: block.body for block in infra.resources} | {
        "locals": infra.local_values,
        "variables": infra.variables,
    }
    problems = [
        f"{place}: names {text}." for place, body in places.items() for text in strings(body) if _PUBLIC.search(text)
    ]
    for bucket in anything(infra, BUCKETS):
        if bucket.one("public_access_prevention") != "enforced":
            problems.append(f"{bucket}: public_access_prevention is not enforced.")
        if bucket.one("uniform_bucket_level_access") is not True:
            problems.append(f"{bucket}: objects may have access lists of their own.")
    problems += [
        f"{function}: ingress is not internal."
        for function in anything(infra, FUNCTIONS)
        if function.one("service_config", "ingress_settings") != "ALLOW_INTERNAL_ONLY"
    ]
    return problems


def known_members(infra: Infra) -> list[str]:
    """Rights go to accounts that are made here, to Google's agents and to `viewer_members`; most of them have few."""
    functions = ours(infra)
    problems = []
    for grant in all_grants(infra):
        if grant.who not in functions | HELPERS.keys():
            problems.append(f"{grant.address}: gives {grant.role} to {grant.who}, whom nobody knows.")
        elif grant.who not in functions and grant.role not in HELPERS[grant.who]:
            problems.append(f"{grant.address}: gives {grant.role} to {grant.who}; expected {HELPERS[grant.who]}.")
    return problems


def nobody_overwrites(infra: Infra) -> list[str]:
    """Functions create and read results; `forget` alone deletes, and so overwrites, them. Uploads are read only.

    In the work bucket every right but that to list, and that of the page to read, is on one folder, and a worker's,
    where tasks have objects of their own, on those of its task.
    """
    functions, workers = ours(infra) - {PAGE}, ours(infra, "worker")
    allowed = {
        "work": {(who, f"roles/storage.object{may}") for who in functions for may in ("Creator", "Viewer", "User")}
        | {(who, _LISTS) for who in functions}
        | {(_VERTEX, "roles/storage.objectCreator"), (_VERTEX, "roles/storage.objectViewer")}
        | {(PAGE, "roles/storage.objectViewer")},
        "results": {(who, f"roles/storage.object{may}") for who in functions for may in ("Creator", "Viewer")}
        | {(_FORGETS, "roles/storage.objectUser"), (PAGE, "roles/storage.objectViewer")},
        "uploads": {(who, "roles/storage.objectViewer") for who in (*functions, PAGE, "agent of aiplatform")},
    }
    problems = []
    for grant in (each for each in all_grants(infra) if each.type.startswith("google_storage_")):
        bucket = grant.on.rpartition("-")[2]
        if (grant.who, grant.role) not in allowed.get(bucket, set()):
            problems.append(f"{grant.address}: gives {grant.role} on {grant.on} to {grant.who}.")
        elif bucket == "work" and (grant.role != _LISTS and grant.who != PAGE) and not _is_bound(grant, workers):
            problems.append(f"{grant.address}: gives {grant.role} on work to {grant.who} where {grant.condition}.")
    return problems


def _is_bound(grant: Grant, workers: set[str]) -> bool:
    """Whether a right is on one folder, and a worker's, where each task has objects of its own, on its task's."""
    folders = [folder for folder in FOLDERS if holds(grant.condition, Asked(grant.on, f"{folder}x/{grant.who}.json"))]
    others = holds(grant.condition, Asked(grant.on, f"{folders[0]}x/another.json")) if folders else True
    shared = grant.who not in workers or folders[:1] in ([naming.SPENDING], [naming.SEEN])
    elsewhere = holds(grant.condition, Asked(grant.on, "x.json")) or holds(grant.condition, Asked(grant.on))
    return len(folders) == 1 and not elsewhere and (shared or not others)


def tables(infra: Infra) -> list[str]:
    """Nobody is given a right on a whole dataset; Pub/Sub alone writes rows, and only into the table of its events."""
    written = {
        str(each.one("bigquery_config", "table")).rpartition(".")[2]
        for each in anything(infra, "google_pubsub_subscription")
        if each.one("bigquery_config")
    }
    wanted = {("google_bigquery_table_iam_member", table, "agent of pubsub", _WRITES_ROWS) for table in written}
    problems = [
        f"{grant.address}: gives {grant.role} on {grant.on} to {grant.who}; expected {wanted}."
        for grant in all_grants(infra)
        if "_bigquery_" in grant.type and (grant.type, grant.on, grant.who, grant.role) not in wanted
    ]
    return problems + [
        f"{dataset}: gives access by itself: {access}."
        for dataset in anything(infra, "google_bigquery_dataset")
        if (access := dataset.one("access")) is not None
    ]


def own_accounts(infra: Infra) -> list[str]:
    """Whatever runs our code has an account of its own, as which nobody else acts. No key, no policy is taken over."""
    problems = [
        f"{block.address}: runs as {email}, not as its own account."
        for block in infra.of(FUNCTIONS)
        if (email := block.one("service_config", "service_account_email")) != f"${{{RUNTIME}[each.key].email}}"
    ]
    problems += [
        f"{block.address}: runs as {email}, not as its own account."
        for block in infra.of(JOB)
        if (email := block.one("template", "template", "service_account"))
        != f"${{google_service_account.{block.name}[0].email}}"
    ]
    problems += [
        f"{block.address}: runs as {email}, not as its own account."
        for block in infra.of(SERVICE)
        if (email := block.one("template", "service_account")) != f"${{google_service_account.{block.name}[0].email}}"
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
    problems += [
        f"{grant.address}: lets {grant.who} act as {grant.on}; expected Pub/Sub's agent, and a caller account."
        for grant in all_grants(infra)
        if grant.type == "google_service_account_iam_member"
        and (grant.who != "agent of pubsub" or not re.search(r"/uplook-(?:push|trigger)@", grant.on))
    ]
    return problems


def callers(infra: Infra) -> list[str]:
    """The push and the trigger account call functions, on the services they are for; IAP's agent calls the page."""
    wanted = {each.body["name"]: "agent of iap" for each in anything(infra, SERVICE)} | {
        function.body["name"]: "trigger" if function.one("event_trigger") else "push"
        for function in anything(infra, FUNCTIONS)
    }
    found = [grant for grant in all_grants(infra) if grant.type.startswith("google_cloud_run_")]
    problems = [
        f"{grant.address}: {grant.role} on {grant.on} for {grant.who}; expected run.invoker for {wanted.get(grant.on)}."
        for grant in found
        if (grant.who, grant.role) != (wanted.get(grant.on), "roles/run.invoker")
    ]
    return problems + [f"{name}: nobody may call it." for name in wanted.keys() - {grant.on for grant in found}]


def key(infra: Infra) -> list[str]:
    """The key is write-only, its version pinned, and readable on that secret alone.

    Workers have it, `forget`, which deletes copies of images that they have uploaded with it, and `release`, where it
    makes batch jobs.
    """
    holders = ours(infra, "worker", "forgetter", "releaser")
    problems = [
        f"{block.address}: secret_data would lie in the state in plain text. Use secret_data_wo."
        for block in infra.of("google_secret_manager_secret_version")
        if block.one("secret_data") is not None
    ]
    problems += [
        f"{grant.address}: {grant.role} for {grant.who}."
        for grant in all_grants(infra)
        if grant.type.startswith("google_secret_manager_") and (grant.who not in holders or grant.role != _READS_SECRET)
    ]
    for function in anything(infra, FUNCTIONS):
        for secret in function.one("service_config")[0].get("secret_environment_variables", []):
            if function.key not in holders:
                problems.append(f"{function}: gives the key to {function.key}.")
            if not str(secret.get("version")).isdecimal():
                problems.append(f"{function}: the key's version is {secret.get('version')}, and not pinned.")
    return problems
