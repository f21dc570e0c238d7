"""Policies: nothing runs for ever, things are kept for as long as somebody needs them, and troubles are heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.core import naming
from shared.core.tasks.catalogue import TASKS
from tests.policy.access import BUCKETS, FOLDERS, FUNCTIONS, JOB, SERVICE
from tests.policy.evaluated import EVERYTHING, anything, made
from tests.policy.parsed import strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.policy.evaluated import Made
    from tests.policy.parsed import Infra

WATCHED: Final = {
    "pubsub.googleapis.com/subscription/push_request_count": "google_pubsub_subscription.dead_letter",
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": "google_pubsub_subscription.worker",
    'starts_with("eventarc-': "google_storage_bucket.uploads",
    '"Uplook cannot start"': "google_cloudfunctions2_function.triggered",
    'jsonPayload.message = "held"': "google_cloudfunctions2_function.pushed",
}
"""What an alert must look at, and where."""

REPEATABLE: Final = {"source": "python -m infra.archive makes again what it holds"}
"""Buckets that may be removed with all that they hold."""

MOST_INSTANCES: Final = 100
NEW_PROJECT_GIB, NEW_PROJECT_CPUS = 40, 20
"""Of Cloud Run in one region, at first: https://github.com/googlecodelabs/feedback/issues/1856."""
KEPT: Final = (naming.PARKED, naming.BATCH_LINES)
"""The folders of the work bucket whose content is somebody's work, however long it waits."""
_DAYS_OF_REDELIVERY: Final = 14
"""7 in a subscription, and 7 more as a dead letter."""
_WEEK_S: Final = 604_800
_RETENTION_DAYS: Final = 30


def bounds(infra: Infra) -> list[str]:
    """Instances, threads and spending have ceilings from the first apply on."""
    problems = []
    for each in anything(infra, FUNCTIONS):
        (config,) = each.one("service_config")
        threads = config.get("max_instance_request_concurrency")
        if not 1 <= config.get("max_instance_count", 0) <= MOST_INSTANCES:
            problems.append(f"{each}: max_instance_count is not 1 to {MOST_INSTANCES}.")
        if threads is None:
            problems.append(f"{each}: max_instance_request_concurrency is not stated.")
        if config.get("environment_variables", {}).get("THREADS") != str(threads):
            problems.append(f"{each}: THREADS is not the concurrency: requests would queue inside.")
    for block in infra.of(JOB):
        tasks, parallel = (block.one("template", name) for name in ("task_count", "parallelism"))
        if parallel != tasks or "var." not in str(tasks):
            problems.append(
                f"{block.address}: expected as many tasks at once as there are, found {parallel} of {tasks}."
            )
        if None in (block.one("template", "template", name) for name in ("max_retries", "timeout")):
            problems.append(f"{block.address}: max_retries or timeout is not stated.")
    problems += [
        f"{each}: expected one instance at most, and none where nobody looks, found {found}."
        for each in anything(infra, SERVICE)
        if (found := each.one("template", "scaling")) != [{"max_instance_count": 1, "min_instance_count": 0}]
    ]
    problems += _crowded(infra)
    problems += [
        f"var.{name}: has no ceiling by default, but {infra.default(name)!r}."
        for name in ("max_calls_per_day", "max_usd_per_day", "max_instances")
        if not isinstance(infra.default(name), int | float) or infra.default(name) <= 0
    ]
    return problems


def _crowded(infra: Infra) -> Iterator[str]:
    """Yield by which choices a backfill would leave live uploads fewer than half of the threads of each worker."""
    for instances, shards in ((1, 1), (1, 3), (1, 4), (3, 5), (100, 100), (100, 400)):
        choice = {**EVERYTHING[0], "max_instances": instances, "backfill_shards": shards}
        [worker, *_] = made(infra, FUNCTIONS, **choice)
        threads = instances * worker.one("service_config", "max_instance_request_concurrency")
        for job in made(infra, JOB, **choice):
            args = job.one("template", "template", "containers")[0]["args"]
            most = [int(each.partition("=")[2]) for each in args if each.startswith("--outstanding=")]
            if not most or not 1 <= most[0] <= threads / 2 / shards:
                yield f"{job}: {shards} shards with {args} and {threads} threads leave live uploads too few."


def quota(infra: Infra) -> list[str]:
    """All functions at their most, with job and page, fit into a new project; the variable says what they take."""
    problems = []
    functions = made(infra, FUNCTIONS, forget=True)
    configs = [each.one("service_config")[0] for each in functions]
    instances = [each.get("max_instance_count", 0) for each in configs]
    memory = sum(number * _gib(each["available_memory"]) for number, each in zip(instances, configs, strict=True))
    cpus = sum(number * float(each["available_cpu"]) for number, each in zip(instances, configs, strict=True))
    by_worker = len(TASKS) * infra.default("max_instances")
    beside = list(_beside_functions(infra))
    with_all = memory + sum(gib for gib, _ in beside), cpus + sum(each for _, each in beside)
    if with_all[0] > NEW_PROJECT_GIB or with_all[1] > NEW_PROJECT_CPUS:
        problems.append(
            f"With job and page {with_all[0]:g} GiB and {with_all[1]:g} vCPU may run: a new project has less."
        )
    told = (
        f"n x {4 * len(TASKS)} GiB and n x {len(TASKS)} vCPU,"
        f" and {memory - 4 * by_worker:g} GiB and {cpus - by_worker:g} vCPU more"
    )
    if memory > NEW_PROJECT_GIB or cpus > NEW_PROJECT_CPUS:
        problems.append(f"By default {memory:g} GiB and {cpus:g} vCPU may run: a new project has less.")
    if told not in str(infra.variables["max_instances"].get("description")):
        problems.append(f"var.max_instances: expected its description to say {told!r}.")
    return problems


def _beside_functions(infra: Infra) -> Iterator[tuple[float, int]]:
    """Yield the GiB and vCPU of the job and of the page, at their most."""
    for job in made(infra, JOB, **EVERYTHING[0]):
        limits = job.one("template", "template", "containers")[0]["resources"][0]["limits"]
        tasks = job.one("template", "parallelism")
        yield tasks * _gib(limits["memory"]), tasks * int(limits["cpu"])
    for page in made(infra, SERVICE, **EVERYTHING[0]):
        limits = page.one("template", "containers")[0]["resources"][0]["limits"]
        instances = page.one("template", "scaling", "max_instance_count")
        yield instances * _gib(limits["memory"]), instances * int(limits["cpu"])


def _gib(text: str) -> float:
    return float(text.removesuffix("Gi")) if text.endswith("Gi") else float(text.removesuffix("Mi")) / 1024


def lifetimes(infra: Infra) -> list[str]:
    """Work outlives any redelivery, and not much more; uploads and results stay, unless somebody chose otherwise."""
    problems = []
    for choice in ({}, *EVERYTHING):
        for each in made(infra, BUCKETS, **choice):
            problems += _bucket(each, forget=bool(choice.get("forget")))
    limited = made(infra, BUCKETS, results_retention_days=_RETENTION_DAYS)
    ages = {each.address: _ages(each) for each in limited}
    if ages.get(f"{BUCKETS}.results") != [_RETENTION_DAYS]:
        problems.append(f"results: expected to be deleted after results_retention_days, found {ages}.")
    for retention in (None, _RETENTION_DAYS):
        problems += _folders(made(infra, BUCKETS, results_retention_days=retention), retention)
    return list(dict.fromkeys(problems))


def _folders(buckets: Iterable[Made], retention_days: int | None) -> list[str]:
    """Return what is kept too long, or not long enough, below each folder of the work bucket."""
    (work,) = (each for each in buckets if each.address == f"{BUCKETS}.work")
    conditions = [condition for rule in work.body.get("lifecycle_rule", []) for condition in rule["condition"]]
    ages = {
        folder: [
            each["age"] for each in conditions if any(folder.startswith(at) for at in each.get("matches_prefix", [""]))
        ]
        for folder in FOLDERS
        if folder not in KEPT
    }
    markers = ages.pop(naming.SEEN)
    problems = [f"{work}: keeps {folder} for ever." for folder, found in ages.items() if not found]
    problems += [
        f"{work}: deletes markers after {age} days, and results that saw an image later."
        for age in markers
        if retention_days is None or age <= retention_days
    ]
    return problems


def _bucket(bucket: Made, *, forget: bool) -> list[str]:
    _, _, name = bucket.address.partition(".")
    problems = []
    soft = bucket.one("soft_delete_policy", "retention_duration_seconds")
    ages = _ages(bucket)
    if soft is None:
        problems.append(f"{bucket}: soft delete is not stated, and on by default.")
    if name == "work" and soft != 0:
        problems.append(f"{bucket}: keeps every deleted lease.")
    if name == "work" and (not ages or not all(_DAYS_OF_REDELIVERY < age <= 90 for age in ages)):
        problems.append(f"{bucket}: expected to delete after {_DAYS_OF_REDELIVERY + 1} to 90 days, found {ages}.")
    if name == "work" and (
        wrong := [at for at in _prefixes(bucket) if at.startswith(KEPT) or any(kept.startswith(at) for kept in KEPT)]
    ):
        problems.append(f"{bucket}: deletes what waits to be released: {wrong}.")
    if name in {"results", "uploads"} and ages:
        problems.append(f"{bucket}: deletes by itself what nobody asked to delete, after {ages} days.")
    if name == "results" and forget and soft != 0:
        problems.append(f"{bucket}: keeps what is to be forgotten.")
    if (name == "uploads" or (name == "results" and not forget)) and (soft or 0) < _WEEK_S:
        problems.append(f"{bucket}: what is deleted by mistake cannot be restored for a week.")
    if bucket.one("force_destroy") and name not in REPEATABLE:
        problems.append(f"{bucket}: force_destroy would delete what is somebody's own.")
    return problems


def _ages(bucket: Made) -> list[float]:
    """Return the days after which each rule deletes; 0 where it has another condition than age and name."""
    return [
        condition["age"] if condition.keys() - {"matches_prefix"} == {"age"} else 0
        for rule in bucket.body.get("lifecycle_rule", [])
        for action, condition in zip(rule["action"], rule["condition"], strict=True)
        if action["type"] == "Delete"
    ]


def _prefixes(bucket: Made) -> list[str]:
    """Return the folders from which something is deleted by age; an empty one is the whole bucket."""
    conditions = [each for rule in bucket.body.get("lifecycle_rule", []) for each in rule["condition"]]
    return [prefix for each in conditions for prefix in each.get("matches_prefix", [""])]


def alerts(infra: Infra) -> list[str]:
    """Dead letters, backlog and held events are alerted on, and every alert is mailed to whoever gave an address."""
    policies = infra.of("google_monitoring_alert_policy")
    filters = [
        (" ".join(strings(each)).replace('\\"', '"'), infra.references(each))
        for each in (block.one("conditions") for block in policies)
    ]
    problems = [
        f"{what} of {where}: nobody is told of it."
        for what, where in WATCHED.items()
        if not any(what in text and where in references for text, references in filters)
    ]
    problems += [
        f"{block.address}: is mailed to nobody."
        for block in policies
        if infra.references(block.one("notification_channels")) != {"google_monitoring_notification_channel.email"}
    ]
    problems += [
        f"{block.address}: is not made exactly where alert_email is given."
        for block in (*policies, *infra.of("google_monitoring_notification_channel"))
        if block.one("count") != "${var.alert_email == null ? 0 : 1}"
        and not str(block.one("for_each")).startswith("${var.alert_email == null ? {} : ")
    ]
    return problems
