"""How `infra/*.tf` could go wrong: names that do not agree."""

from __future__ import annotations

from typing import Final

from tests.policy import contents
from tests.policy.mutation import Mutation

MUTATIONS: Final = (
    Mutation(
        "a variable is misspelt",
        contents.environment,
        "functions.tf",
        "    RUN                         =",
        "    RUNS                        =",
        "RUNS: is set, and nothing reads it",
    ),
    Mutation(
        "a setting cannot be set",
        contents.environment,
        "functions.tf",
        '    "MAX_PIXELS",\n',
        "",
        "MAX_PIXELS: is read, and cannot be set",
    ),
    Mutation(
        "an emulator is deployed",
        contents.environment,
        "functions.tf",
        '    "MAX_PIXELS",\n',
        '    "MAX_PIXELS",\n    "STORAGE_EMULATOR_HOST",\n',
        "STORAGE_EMULATOR_HOST: belongs to the local stack",
    ),
    Mutation(
        "a task has no worker",
        contents.entry_points,
        "functions.tf",
        "for task in local.tasks : task =>",
        'for task in local.tasks : "${task}s" =>',
        "segment: is a task without a worker",
    ),
    Mutation(
        "an argument is misspelt",
        contents.arguments,
        "subscriptions.tf",
        "max_delivery_attempts",
        "maximum_delivery_attempts",
        "dead_letter_policy.maximum_delivery_attempts is no argument",
    ),
    Mutation(
        "a required argument is missing",
        contents.arguments,
        "subscriptions.tf",
        'ttl = ""',
        "",
        "expiration_policy.ttl is missing",
    ),
    Mutation(
        "a type is misspelt",
        contents.arguments,
        "scheduler.tf",
        "google_cloud_scheduler_job",
        "google_cloud_schedule_job",
        "has no google_cloud_schedule_job",
    ),
)
