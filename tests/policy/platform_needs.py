"""What Google's own services need for what `infra/*.tf` sets up: no code of ours asks for it, so the HCL tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.policy.computed import PROJECT
from tests.policy.evaluated import made
from tests.policy.needs import Need

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.policy.evaluated import Made
    from tests.policy.parsed import Infra

FUNCTIONS = "google_cloudfunctions2_function"
SERVICE = "google_cloud_run_v2_service"
PUBSUB, EVENTARC, STORAGE = "agent of pubsub", "agent of eventarc", "agent of storage"
_SOURCES = "gcf-v2-sources-123456789012-europe-west1"


def platform_needs(infra: Infra, **variables: Any) -> set[Need]:
    """Return what builds, triggers, pushes, dead letters, ticks, secrets and IAP need, for this choice of variables."""
    functions = made(infra, FUNCTIONS, **variables)
    return {
        *(need for each in functions for need in (*_built(each), *_started(each), *_triggered(each))),
        *(need for each in made(infra, "google_pubsub_subscription", **variables) for need in _delivered(each)),
        *(need for each in made(infra, "google_cloud_scheduler_job", **variables) for need in _ticked(each)),
        *(need for each in made(infra, SERVICE, **variables) for need in _opened(each)),
    }


def account(email: str) -> str:
    """Return how rights name an account that is made here."""
    return email.partition("@")[0].removeprefix("uplook-")


def service_of(url: str) -> str:
    """Return the service behind an address, as `computed` makes addresses."""
    return url.removeprefix("https://").partition(".run.app/")[0]


def _built(function: Made) -> Iterator[Need]:
    builder = account(str(function.one("build_config", "service_account")).rpartition("/")[2])
    why = f"Cloud Build builds {function}"
    repository = str(function.one("build_config", "docker_repository")).rpartition("/")[2]
    yield Need(builder, "logging.logEntries.create", "project", PROJECT, why=why)
    yield Need(builder, "artifactregistry.repositories.uploadArtifacts", "repository", repository, why=why)
    yield Need(builder, "storage.objects.get", "bucket", _SOURCES, f"{function.body['name']}/source.zip", why=why)


def _started(function: Made) -> Iterator[Need]:
    who = account(function.one("service_config", "service_account_email"))
    if function.one("service_config", "environment_variables")["OTEL_TRACES_EXPORTER"] == "gcp_trace":
        yield Need(who, "cloudtrace.traces.patch", "project", PROJECT, why=f"{function} sends its spans")
    for secret in function.one("service_config")[0].get("secret_environment_variables", []):
        yield Need(who, "secretmanager.versions.access", "secret", secret["secret"], why=f"{function} starts")


def _triggered(function: Made) -> Iterator[Need]:
    if function.one("event_trigger") is None:
        return
    caller, why = account(function.one("event_trigger", "service_account_email")), f"Eventarc delivers to {function}"
    yield Need(EVENTARC, "eventarc.channels.manage-as-agent", "project", PROJECT, why=f"Eventarc sets {function} up")
    yield Need(STORAGE, "pubsub.topics.publish", "topic", "of-eventarc", why=f"Cloud Storage tells {function}")
    yield Need(caller, "eventarc.events.receiveEvent", "project", PROJECT, why=why)
    yield Need(caller, "run.routes.invoke", "service", function.body["name"], why=why)
    yield _token(caller, why)


def _written(subscription: Made) -> Iterator[Need]:
    table = str(subscription.one("bigquery_config", "table")).rpartition(".")[2]
    for permission in ("bigquery.tables.get", "bigquery.tables.updateData"):
        yield Need(PUBSUB, permission, "table", table, why=f"{subscription} writes rows")


def _delivered(subscription: Made) -> Iterator[Need]:
    return _written(subscription) if subscription.one("bigquery_config") else _pushed(subscription)


def _pushed(subscription: Made) -> Iterator[Need]:
    name, why = subscription.body["name"], f"Pub/Sub pushes from {subscription}"
    service = service_of(str(subscription.one("push_config", "push_endpoint")))
    caller = account(subscription.one("push_config", "oidc_token", "service_account_email"))
    yield Need(caller, "run.routes.invoke", "service", service, why=why)
    yield _token(caller, why)
    if subscription.one("dead_letter_policy") is not None:
        topic = str(subscription.one("dead_letter_policy", "dead_letter_topic")).rpartition("/")[2]
        yield Need(PUBSUB, "pubsub.topics.publish", "topic", topic, why=f"{subscription} gives a message up")
        yield Need(
            PUBSUB, "pubsub.subscriptions.consume", "subscription", name, why=f"{subscription} gives a message up"
        )


def _ticked(job: Made) -> Iterator[Need]:
    topic = str(job.one("pubsub_target", "topic_name")).rpartition("/")[2]
    yield Need("agent of cloudscheduler", "pubsub.topics.publish", "topic", topic, why=f"{job} ticks")


def _opened(service: Made) -> Iterator[Need]:
    """Yield what IAP needs, which calls a service for those whom it has let in."""
    if service.one("iap_enabled"):
        why = f"IAP passes people on to {service}"
        yield Need("agent of iap", "run.routes.invoke", "service", service.body["name"], why=why)


def _token(caller: str, why: str) -> Need:
    on = f"uplook-{caller}@{PROJECT}.iam.gserviceaccount.com"
    return Need(PUBSUB, "iam.serviceAccounts.getOpenIdToken", "account", on, why=why)
