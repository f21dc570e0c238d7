"""Both ways to deploy, and the guides to them: what is refused at once, what is shared, what is taken away again."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.policy.computed import PROJECT
from tests.policy.deploy_script import SCRIPT, dry_run, flags
from tests.policy.parsed import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
INFRA = parse({path.name: path.read_text("utf-8") for path in sorted((ROOT / "infra").glob("*.tf"))})
KEPT = {f"gs://{PROJECT}-uplook-{name}" for name in ("uploads", "results")}
CREATED_BY = re.compile(
    r"gcloud (?:functions deploy|scheduler jobs create pubsub|storage buckets create"
    r"|(?:pubsub subscriptions|pubsub topics|iam service-accounts|artifacts repositories|secrets) create) (\S+)"
)


@pytest.fixture
def gcloud(tmp_path: Path) -> Path:
    """A gcloud that writes down what it is asked, knows every resource, and answers with `ANSWER`."""
    found = tmp_path / "gcloud"
    found.write_text(f'#!/bin/sh\necho "$*" >>"{tmp_path}/log"\necho "$ANSWER"\n')
    found.chmod(0o755)
    return found


def deploy(gcloud: Path, **environ: str) -> tuple[int, str, list[str]]:
    """Return the exit code, what was said of an error, and what gcloud was asked."""
    env = {"PATH": f"{gcloud.parent}:{os.environ['PATH']}", "ANSWER": "3", **environ}
    ended = subprocess.run([SCRIPT, "deploy", PROJECT], env=env, capture_output=True, text=True, check=False)
    log = gcloud.with_name("log")
    return ended.returncode, ended.stderr, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("FORGET", "REUSE_ANSWERS", "STRIP_METADATA") for value in ("True", "yes", "1")),
        *(("PREFIX", value) for value in ("Uplook", "u", "up_look", "up-", "nineteen-characters", "a.b\nok")),
        ("BACKEND", "enterprise"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(gcloud: Path, *, name: str, value: str) -> None:
    code, said, asked = deploy(gcloud, **{name: value})

    assert (code, asked) == (2, [])
    assert f"{name}={value}: expected " in said


def test_without_a_key_nothing_is_made(gcloud: Path) -> None:
    code, said, asked = deploy(gcloud, BACKEND="developer", ANSWER="")

    assert code == 2
    assert (
        "expected a key, found neither GEMINI_API_KEY nor an enabled version of the secret uplook-gemini-api-key"
        in said
    )
    assert [line for line in asked if " list " not in line and " describe " not in line] == []


def test_a_key_that_is_stored_is_deployed_again(gcloud: Path) -> None:
    code, said, asked = deploy(gcloud, BACKEND="developer")

    assert code == 0, said
    assert "--set-secrets=GEMINI_API_KEY=uplook-gemini-api-key:3" in "\n".join(asked)


@pytest.mark.parametrize(("backend", "asked_for"), [("vertex", True), ("developer", False)])
def test_vertex_ais_agent_is_asked_for_where_it_fetches_images(*, backend: str, asked_for: bool) -> None:
    commands = [" ".join(command) for command in dry_run(BACKEND=backend)]

    created = "gcloud beta services identity create --service=aiplatform.googleapis.com" in "\n".join(commands)
    granted = [line for line in commands if "@gcp-sa-aiplatform." in line]
    assert (created, [line.split()[:5] for line in granted]) == (
        asked_for,
        [shlex.split(f"gcloud storage buckets add-iam-policy-binding gs://{PROJECT}-uplook-uploads")] * asked_for,
    )


def test_both_ways_keep_the_same_images() -> None:
    (repository,) = INFRA.of("google_artifact_registry_repository")
    latest, others = repository.body["cleanup_policies"]
    commands = [" ".join(command) for command in dry_run()]

    assert json.loads((ROOT / "infra" / "images-cleanup.json").read_text("utf-8")) == [
        {
            "name": latest["id"],
            "action": {"type": latest["action"].capitalize()},
            "mostRecentVersions": {"keepCount": latest["most_recent_versions"][0]["keep_count"]},
        },
        {
            "name": others["id"],
            "action": {"type": others["action"].capitalize()},
            "condition": {"olderThan": others["condition"][0]["older_than"]},
        },
    ]
    assert [line.split()[-2:] for line in commands if "set-cleanup-policies uplook-images" in line] == [
        ["--policy=infra/images-cleanup.json", "--no-dry-run"]
    ]


def test_rights_that_deployments_share_are_never_taken_back_by_one_of_them() -> None:
    """They carry no prefix: to a neighbour they are the same right."""
    shared = [
        block
        for block in INFRA.of("google_project_iam_member")
        if not any("google_service_account." in address for address in INFRA.references(block.one("member")))
    ]

    assert [block.name for block in shared] == ["eventarc_agent", "storage_agent"]
    assert [block.one("lifecycle", "prevent_destroy") for block in shared] == [True, True]
    assert f"state rm {' '.join(block.address for block in shared)}\n" in GUIDE


def test_what_the_script_makes_the_guide_takes_away_but_uploads_and_results() -> None:
    [commands] = re.findall(r"^```sh\n(project=my-project.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    told = commands.replace("project=my-project", f"project={PROJECT}").replace("europe-west4", "us-central1")
    ended = subprocess.run(
        ["bash", "-euc", f"gcloud() {{ printf 'gcloud %s\\n' \"$*\"; }}\n{told}"],
        capture_output=True,
        text=True,
        check=True,
    )
    made = _made(dry_run(FORGET="true")) | _made(dry_run(BACKEND="developer", GEMINI_API_KEY="key"))

    words = {word.partition("@")[0] for line in ended.stdout.splitlines() for word in line.split()}
    assert made - words == KEPT
    assert words & KEPT == set()


def _made(commands: Iterable[list[str]]) -> set[str]:
    """Return what is created, by the names that it is deleted by."""
    lines = (" ".join(command) for command in commands)
    names = (found[1] for found in map(CREATED_BY.match, lines) if found)
    return {name if name.startswith("gs://") else name.rpartition("/")[2].partition("@")[0] for name in names}


def test_the_image_is_given_what_a_worker_needs() -> None:
    page = (ROOT / "docs" / "supply-chain.md").read_text("utf-8")
    [text] = re.findall(r"^gcloud run deploy caption .*?(?<!\\)$", page, re.MULTILINE | re.DOTALL)
    told = flags(shlex.split(text))
    [worker] = [flags(command) for command in dry_run() if command[1:4] == ["functions", "deploy", "uplook-caption"]]

    alike = ("--memory", "--cpu", "--concurrency")
    assert {name: told.get(name) for name in alike} == {name: worker[name] for name in alike}
    assert f"{told['--timeout']}s" == worker["--timeout"]
