from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.policy import expanded
from tests.policy.deploy_script import ROOT, SCRIPT, dry_run, environment, flags
from tests.policy.expanded import PROJECT
from tests.policy.parsed import parse
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from collections.abc import Iterable

INFRA = parse(FILES)
AGENTS = {
    "gs-project-accounts": "agent of storage",
    "gcp-sa-cloudscheduler": "agent of cloudscheduler",
    "gcp-sa-eventarc": "agent of eventarc",
    "gcp-sa-pubsub": "agent of pubsub",
}
MADE_BY = {
    "google_artifact_registry_repository": "artifacts repositories create",
    "google_cloud_scheduler_job": "scheduler jobs create",
    "google_cloudfunctions2_function": "functions deploy",
    "google_project_iam_custom_role": "iam roles create",
    "google_project_service": "services enable",
    "google_project_service_identity": "beta services identity create",
    "google_pubsub_subscription": "pubsub subscriptions create",
    "google_pubsub_topic": "pubsub topics create",
    "google_secret_manager_secret": "secrets create",
    "google_secret_manager_secret_version": "secrets versions add",
    "google_service_account": "iam service-accounts create",
    "google_storage_bucket": "storage buckets create",
    "google_storage_bucket_object": "storage cp",
}
TERRAFORM_ALONE = {
    "google_monitoring_alert_policy": "alerts are off by default, and gcloud makes them from files of JSON only",
    "google_monitoring_notification_channel": "there is nothing to notify of without alerts",
}
OF_EVENTARC = "eventarc-"  # the subscriptions that Eventarc makes, which Terraform does not see


def created(commands: Iterable[list[str]], *verb: str) -> set[str]:
    """Return the names that follow a verb."""
    at = len(verb) + 1
    return {command[at].rpartition("/")[2] for command in commands if command[1:at] == list(verb)}


def member(flag: str) -> str:
    """Return who is meant, in the words of `expanded`."""
    name, _, domain = flag.removeprefix("serviceAccount:").removesuffix(".iam.gserviceaccount.com").partition("@")
    return AGENTS.get(domain, name)


def granted(commands: Iterable[list[str]]) -> set[tuple[str, str, str]]:
    """Return every right that is given, in the words of `expanded`."""
    found = set()
    for command in commands:
        if "add-iam-policy-binding" in command:
            on = command[command.index("add-iam-policy-binding") + 1].rpartition("/")[2].partition("@")[0]
            stated = flags(command)
            found.add((on, member(stated["--member"]), stated["--role"].removeprefix(f"projects/{PROJECT}/roles/")))
    return {grant for grant in found if not grant[0].startswith(OF_EVENTARC)}


@pytest.mark.parametrize("forget", [False, True], ids=["by default", "with forgetting"])
def test_the_script_makes_what_terraform_makes(forget: bool) -> None:
    commands = dry_run(FORGET=str(forget).lower())

    def wanted(kind: str, attribute: str = "name") -> set[str]:
        return expanded.names(INFRA, kind, attribute, forget=forget)

    assert created(commands, "iam", "service-accounts", "create") == wanted("google_service_account", "account_id")
    assert created(commands, "storage", "buckets", "create") == wanted("google_storage_bucket")
    assert created(commands, "pubsub", "topics", "create") == wanted("google_pubsub_topic")
    assert created(commands, "pubsub", "subscriptions", "create") == wanted("google_pubsub_subscription")
    assert created(commands, "functions", "deploy") == wanted("google_cloudfunctions2_function")
    assert created(commands, "scheduler", "jobs", "create", "pubsub") == wanted("google_cloud_scheduler_job")


@pytest.mark.parametrize("forget", [False, True], ids=["by default", "with forgetting"])
def test_the_script_gives_the_rights_that_terraform_gives(forget: bool) -> None:
    assert granted(dry_run(FORGET=str(forget).lower())) == expanded.grants(INFRA, forget=forget)


def test_the_script_deploys_each_function_as_terraform_does() -> None:
    deployed = {
        command[3]: flags(command) for command in dry_run(FORGET="true") if command[1:3] == ["functions", "deploy"]
    }

    for name, each in INFRA.local_values["entry_points"].items():
        found = deployed[f"uplook-{name.replace('_', '-')}"]
        instances = INFRA.default("max_instances") if each["part"] == "worker" else each["instances"]
        assert found["--entry-point"] == name
        assert found["--source"].startswith(f"gs://{PROJECT}-uplook-source/source-")
        assert found["--runtime"] == INFRA.local_values["runtime"]
        assert found["--concurrency"] == str(each["concurrency"])
        assert found["--memory"] == each["memory"]
        assert found["--max-instances"] == str(instances)
        assert found["--timeout"] == f"{INFRA.default('deadlines_s')['platform']}s"
        env = environment(found)
        assert env.keys() == {*INFRA.local_values["own_settings"], "THREADS"}
        assert env["THREADS"] == str(each["concurrency"])
        assert env["TIMEOUT_S"] == str(INFRA.default("deadlines_s")["worker"])
        assert env["LEASE_TTL_S"] == str(INFRA.default("deadlines_s")["lease"])
        assert env["MAX_CALLS_PER_DAY"] == str(INFRA.default("max_calls_per_day"))
        assert env["MAX_USD_PER_DAY"] == str(INFRA.default("max_usd_per_day"))


def test_the_script_subscribes_as_terraform_does() -> None:
    made = {
        command[4].rpartition("/")[2]: flags(command)
        for command in dry_run()
        if command[2:4] == ["subscriptions", "create"]
    }

    for block in INFRA.of("google_pubsub_subscription"):
        for key in expanded.keys(block, INFRA, forget=False):
            found = made[expanded.text(block.body["name"], key, INFRA)]
            topic = f"projects/{PROJECT}/topics/{expanded.text(block.body['topic'], key, INFRA)}"
            assert found["--topic"] == topic
            assert found["--push-endpoint"].endswith(f".run.app/{topic}")
            assert found["--push-endpoint"] == f"{found['--push-auth-token-audience']}/{topic}"
            assert found.get("--message-filter", "") == expanded.text(block.body.get("filter", ""), key, INFRA)
            assert found["--ack-deadline"] == str(INFRA.default("deadlines_s")["ack"])
            assert found["--expiration-period"] == "never"
            attempts = block.one("dead_letter_policy", "max_delivery_attempts")
            assert found.get("--max-delivery-attempts") == (str(attempts) if attempts else None)


def test_what_the_script_does_not_make_is_not_made_by_default_and_has_a_reason() -> None:
    said = [" ".join(command) for command in dry_run() + dry_run(BACKEND="developer", GEMINI_API_KEY="key")]
    made = {block.type for block in INFRA.resources if not block.type.endswith("_iam_member")}

    assert made == {*MADE_BY, *TERRAFORM_ALONE}
    assert [words for words in MADE_BY.values() if not any(each.startswith(f"gcloud {words} ") for each in said)] == []
    assert INFRA.default("alert_email") is None
    assert {block.one("count") for block in INFRA.of(*TERRAFORM_ALONE)} == {"${var.alert_email == null ? 0 : 1}"}


def test_the_script_forgets_work_when_terraform_does() -> None:
    (work,) = [block for block in INFRA.of("google_storage_bucket") if block.name == "work"]
    lifecycle = json.loads((ROOT / "infra" / "work-lifecycle.json").read_text("utf-8"))

    assert lifecycle["rule"][0]["condition"]["age"] == work.one("lifecycle_rule", "condition", "age")


def test_with_a_key_only_workers_get_it_and_only_its_newest_version() -> None:
    commands = dry_run(BACKEND="developer", GEMINI_API_KEY="AIza-secret")

    with_key = {command[3] for command in commands if flags(command).get("--set-secrets", "").endswith("-api-key:1")}
    assert with_key == {
        f"uplook-{name}" for name, part in expanded.functions(INFRA, forget=False).items() if part == "worker"
    }
    assert "AIza-secret" not in str(commands)  # it travels by standard input


def test_a_second_run_creates_nothing_that_is_there(tmp_path: Path) -> None:
    log = tmp_path / "log"
    gcloud = tmp_path / "gcloud"  # everything exists, and every question is answered
    gcloud.write_text('#!/bin/sh\necho "$*" >>"$LOG"\necho 1\n')
    gcloud.chmod(0o755)

    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(log)}
    subprocess.run([SCRIPT, "deploy", PROJECT], env=env, check=True, capture_output=True)

    commands = [line.split() for line in log.read_text().splitlines()]
    assert {tuple(command[:4]) for command in commands if "create" in command} == {
        ("beta", "services", "identity", "create")
    }
    assert len([command for command in commands if command[:3] == ["pubsub", "subscriptions", "update"]]) > 5
    assert len([command for command in commands if command[:2] == ["functions", "deploy"]]) == len(
        expanded.functions(INFRA, forget=False)
    )


def test_gcloud_itself_knows_every_command_and_flag_of_the_script_and_of_terraforms_outputs() -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed")
    commands = dry_run() + dry_run(BACKEND="developer", FORGET="true", GEMINI_API_KEY="key")
    commands += [
        shlex.split(re.sub(r"\$\{[^}]*\}", "name", text))
        for text in re.findall(r'"(gcloud [^"]+)"', FILES["outputs.tf"])
    ]
    # One of each shape: the same words and flags need not be judged twice.
    shapes = {tuple(word.partition("=")[0] for word in command if not _is_name(word)): command for command in commands}

    verdicts = _lint(gcloud, list(shapes.values()))

    assert len(verdicts) > 20
    assert [each["error_message"] for each in verdicts if not each["success"]] == []
    (wrong,) = _lint(gcloud, [["gcloud", "pubsub", "topics", "create", "a-topic", "--no-such-flag=1"]])
    assert not wrong["success"]  # it would have noticed


def _is_name(word: str) -> bool:
    return not word.startswith("--") and any(mark in word for mark in ("uplook", PROJECT, ".googleapis.com"))


def _lint(gcloud: str, commands: list[list[str]]) -> list[dict[str, Any]]:
    ended = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", "--commands-file=/dev/stdin"],
        input=json.dumps([{"command_string": shlex.join(command)} for command in commands]),
        capture_output=True,
        text=True,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found
