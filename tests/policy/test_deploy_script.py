"""`infra/deploy.sh` against Terraform: every resource, every flag, every value of the environment, and the order."""

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

from tests.policy.computed import PROJECT
from tests.policy.deploy_script import ROOT, SCRIPT, dry_run, flags, statements
from tests.policy.evaluated import VIEWER, made
from tests.policy.mutations.script import CHANGES, Change
from tests.policy.parsed import parse
from tests.policy.rights import functions
from tests.policy.test_policies import FILES
from tests.policy.translated import differences, key_of, translated
from tests.policy.translations import OF_THE_SCRIPT, TERRAFORM_ALONE

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from tests.policy.evaluated import Made

INFRA = parse(FILES)
CHOICES: tuple[tuple[Mapping[str, str], Mapping[str, Hashable]], ...] = (
    ({}, {}),
    ({"FORGET": "true"}, {"forget": True}),
    ({"BACKEND": "developer", "GEMINI_API_KEY": "key"}, {"backend": "developer", "gemini_api_key": "key"}),
    ({"BATCH": "true"}, {"batch": True}),
    (
        {"BACKEND": "developer", "GEMINI_API_KEY": "key", "BATCH": "true", "FORGET": "true"},
        {"backend": "developer", "gemini_api_key": "key", "batch": True, "forget": True},
    ),
    (
        {
            "region": "europe-west4",
            "PREFIX": "other-one",
            "RUN": "v2",
            "MAX_INSTANCES": "3",
            "STRIP_METADATA": "true",
            "REUSE_ANSWERS": "true",
            "MAX_CALLS_PER_DAY": "",
            "MAX_USD_PER_DAY": "0.5",
        },
        {
            "region": "europe-west4",
            "prefix": "other-one",
            "run": "v2",
            "max_instances": 3,
            "strip_metadata": True,
            "reuse_answers": True,
            "max_calls_per_day": None,
            "max_usd_per_day": 0.5,
        },
    ),
)
WRONG = ["gcloud", "pubsub", "topics", "create", "a-topic", "--no-such-flag=1"]
UPDATED = {"google_cloud_scheduler_job", "google_cloudfunctions2_function", "google_pubsub_subscription"}
UNCHANGED = {"--topic", "--message-filter"}  # of a subscription that is there
GCLOUD = """#!/usr/bin/env bash
case "$*" in
*"projects describe"*) echo 123456789012 ;;
*uniqueId*) echo 100000000000000000001 ;;
*serviceConfig.uri*) echo "https://$3.run.app" ;;
*eventTrigger.trigger*) echo "$3" ;;
*transport.pubsub.subscription*) echo "projects/a-project/subscriptions/eventarc-$4" ;;
*" describe "*) exit "${MISSING}" ;; # whether all of it is there, or nothing
*) printf '%q ' gcloud "$@" >>"${LOG}" && echo >>"${LOG}" ;;
esac
"""


@pytest.mark.parametrize(
    ("environ", "variables"), CHOICES, ids=["default", "forget", "developer", "batch", "batch by key", "all else"]
)
def test_the_script_says_what_terraform_does(environ: Mapping[str, str], variables: Mapping[str, Hashable]) -> None:
    assert differences(translated(INFRA, **variables), statements(dry_run(**environ))) == set()


@pytest.fixture(scope="module")
def noticed() -> set[str]:
    """What is said of a script with every change: flags are compared one by one, so that none can hide another."""
    script = Path(SCRIPT).read_text("utf-8")
    for change in CHANGES:
        assert change.old in script, f"{change.what}: the change is out of date."
        script = script.replace(change.old, change.new)
    return differences(translated(INFRA, forget=True), statements(dry_run(script=script, FORGET="true")))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.what)
def test_a_difference_is_noticed_when(change: Change, noticed: set[str]) -> None:
    assert f"{change.of}: {change.noticed}" in noticed
    assert [each.what for each in CHANGES if (each.of, each.noticed) == (change.of, change.noticed)] == [change.what]


def test_the_script_makes_nothing_before_what_it_needs() -> None:
    assert _too_early(list(statements(dry_run(FORGET="true")))) == []


def test_a_subscription_to_a_function_that_is_not_there_yet_would_be_noticed() -> None:
    before = Path(SCRIPT).read_text("utf-8")
    (ingest,) = [line for line in before.splitlines() if line.startswith("ingest ")]
    after = before.replace(f"{ingest}\n", "").replace("\n${WORKERS}\n", f"\n{ingest}\n${{WORKERS}}\n")

    problems = _too_early(list(statements(dry_run(script=after, FORGET="true"))))

    assert "projects/a-project/subscriptions/uplook-caption before uplook-caption" in problems


def test_a_real_run_says_what_a_dry_run_prints(tmp_path: Path) -> None:
    assert _run(tmp_path, there=False) == dry_run(FORGET="true")


def test_a_second_run_creates_nothing_that_is_there_and_updates_the_rest(tmp_path: Path) -> None:
    commands = _run(tmp_path, there=True)
    wanted, found = translated(INFRA, forget=True), statements(commands)

    assert [words for words in commands if "create" in words[:4]] == []
    assert {key for key in wanted if key[0] in UPDATED} <= found.keys() <= wanted.keys()
    for key, said in found.items():
        assert said <= wanted[key]
        assert key[0] not in UPDATED or {flag.partition("=")[0] for flag in wanted[key] - said} <= UNCHANGED


def test_what_the_script_does_not_make_is_not_made_by_default() -> None:
    assert made(INFRA, *TERRAFORM_ALONE) == []
    chosen = {"alert_email": "a@example.com", "bigquery": True, "backfill_image": "i:1", **VIEWER}
    assert {each.type for each in made(INFRA, *TERRAFORM_ALONE, **chosen)} == {*TERRAFORM_ALONE}


def test_with_a_key_only_workers_get_it_and_only_its_newest_version() -> None:
    commands = dry_run(BACKEND="developer", GEMINI_API_KEY="AIza-secret")

    with_key = {command[3] for command in commands if flags(command).get("--set-secrets", "").endswith("-api-key:1")}
    assert with_key == {f"uplook-{name}" for name, part in functions(INFRA).items() if part == "worker"}
    assert "AIza-secret" not in str(commands)  # it travels by standard input


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

    *verdicts, wrong = _lint(gcloud, [*shapes.values(), WRONG])

    assert len(verdicts) > 20
    assert [each["error_message"] for each in verdicts if not each["success"]] == []
    assert not wrong["success"]  # it would have noticed


def _run(folder: Path, *, there: bool) -> list[list[str]]:
    """Run the script with a `gcloud` that answers as in a dry run; return the commands that change something."""
    log, gcloud = folder / "log", folder / "gcloud"
    gcloud.write_text(GCLOUD)
    gcloud.chmod(0o755)
    env = {"PATH": f"{folder}:{os.environ['PATH']}", "LOG": str(log), "MISSING": str(int(not there))}
    subprocess.run([SCRIPT, "deploy", PROJECT], env={**env, "FORGET": "true"}, check=True, capture_output=True)
    said = re.sub(r"source-[0-9a-f]{16}", "source-DIGEST", log.read_text())
    return [[word.replace(f"{ROOT}/", "") for word in shlex.split(line)] for line in said.splitlines()]


def _too_early(stated: list[tuple[str, str]]) -> list[str]:
    """Return what is stated before something that its block refers to, or that has its key there."""
    blocks = {block.address: block for block in (*INFRA.resources, *INFRA.data)}
    by_address: dict[str, list[Made]] = {}
    for each in (each for each in made(INFRA, forget=True) if each.type not in OF_THE_SCRIPT):
        by_address.setdefault(each.address, []).append(each)
    problems = []
    for each in (each for several in by_address.values() for each in several):
        for address in INFRA.references(blocks[each.address].body) & by_address.keys():
            same = [other for other in by_address[address] if other.key == each.key]
            problems += [
                f"{key_of(each)[1]} before {key_of(other)[1]}"
                for other in same or by_address[address]
                if stated.index(key_of(each)) < stated.index(key_of(other))
            ]
    return problems


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
