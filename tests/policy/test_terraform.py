"""Terraform itself judges `infra/`: with a provider that knows schemas only, it needs no network and no account."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra import archive
from tests.policy.contents import PROVIDERS
from tests.policy.evaluated import made
from tests.policy.parsed import parse
from tests.policy.stub_provider import reattached
from tests.policy.test_policies import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SHARED = ("eventarc_agent", "storage_agent")
MAY_BE_DESTROYED = """resource "google_project_iam_member" "{}" {{
  lifecycle {{
    prevent_destroy = false
  }}
}}
"""


RUNS: dict[str, dict[str, Any]] = {
    "by_default": {},
    "with_alerts": {"alert_email": "operators@example.com"},
    "with_a_dashboard": {"alert_email": "operators@example.com", "dashboard": True, "objective_latency_s": 20},
    "with_a_backfill_job": {
        "backfill_image": "europe-west4-docker.pkg.dev/a-project/uplook-images/uplook:1.0",
        "backfill_shards": 3,
        "max_instances": 2,
    },
    "with_a_viewer": {
        "viewer": True,
        "viewer_image": "europe-west4-docker.pkg.dev/a-project/uplook-images/uplook:1.0",
        "viewer_members": ("group:viewers@example.com", "domain:example.com"),
    },
    "with_bigquery": {"bigquery": True, "prefix": "my-looks"},
    "with_a_key": {"backend": "developer"},
    "with_forgetting_and_an_own_bucket": {
        "existing_upload_bucket": "my-photos",
        "forget": True,
        "max_calls_per_day": None,
        "max_usd_per_day": None,
        "results_retention_days": 30,
    },
}
"""Runs of `infra/tests/deployed.tftest.hcl`, and their variables."""

COMPUTED = re.compile(
    r"gserviceaccount|\.run\.app|DIGEST|^projects/|operators$|^1$|_ask_models_\d+$|^select_slo_burn_rate"
)
"""What `computed` words as Google does, and a mocked provider makes up."""


class Terraform:
    """Terraform in a copy of the repository's deployable part."""

    def __init__(self, folder: Path, reattach: str) -> None:
        self.folder = folder
        self._reattach = reattach

    def moved(self, folder: Path) -> Terraform:
        """Return one that works in another folder, with the same providers."""
        return Terraform(folder, self._reattach)

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and everything that was said."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TF_REATTACH_PROVIDERS": self._reattach,
            "TF_CLI_CONFIG_FILE": os.devnull,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }
        ended = subprocess.run(
            ["terraform", *arguments], cwd=self.folder, env=env, capture_output=True, text=True, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terraform]:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    root = tmp_path_factory.mktemp("initialised")
    _copy(root)
    with reattached(PROVIDERS) as reattach:
        found = Terraform(root / "infra", reattach)
        code, said = found("init", "-no-color", "-backend=false")
        assert code == 0, said
        yield found


@pytest.fixture
def terraform(initialised: Terraform, tmp_path: Path) -> Terraform:
    """A copy of its own for each test, which may change it."""
    return initialised.moved(shutil.copytree(initialised.folder.parent, tmp_path / "copy") / "infra")


def _copy(root: Path) -> None:
    for name in archive.source_files():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    folder = ROOT / "infra"
    for path in [
        *folder.glob("*.tf"),
        folder / "tasks.json",
        *folder.glob("tests/**/*.hcl"),
        *folder.glob("sql/*.sql"),
        *folder.glob("examples/bigquery/*.*"),
    ]:
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    archive.write(archive.default_path(root), root)
    # Else Terraform's own tests could not take back what they have applied.
    (root / "infra" / "tests_override.tf").write_text("\n".join(MAY_BE_DESTROYED.format(name) for name in SHARED))


def test_every_file_is_formatted(terraform: Terraform) -> None:
    assert terraform("fmt", "-check", "-recursive", "-diff", ".") == (0, "")


def test_the_configuration_is_valid(terraform: Terraform) -> None:
    code, said = terraform("validate", "-no-color")

    assert code == 0, said


def test_the_example_of_a_bigquery_subscription_is_valid(terraform: Terraform) -> None:
    terraform.folder /= "examples/bigquery"
    assert terraform("init", "-no-color")[0] == 0

    code, said = terraform("validate", "-no-color")

    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "old", "new", "noticed"),
    [
        ("topics.tf", "google_pubsub_topic.image_dead.name", "google_pubsub_topic.image_death.name", "image_death"),
        ("functions.tf", "google_service_account.build.id", "google_service_account.build.uid", "uid"),
        ("subscriptions.tf", "max_delivery_attempts", "max_attempts", "max_attempts"),
        ("outputs.tf", "local.uploads.name", "local.uploads.nam", "nam"),
    ],
)
def test_a_mistake_would_be_noticed(terraform: Terraform, *, file: str, old: str, new: str, noticed: str) -> None:
    path = terraform.folder / file
    path.write_text(path.read_text("utf-8").replace(old, new))

    code, said = terraform("validate", "-no-color")

    assert code != 0
    assert noticed in said


@pytest.fixture(scope="module")
def tested(initialised: Terraform) -> list[dict[str, Any]]:
    """What Terraform tells of its tests, `infra/tests`: every event, and with each run all that it made."""
    _, said = initialised("test", "-json", "-verbose")
    return [json.loads(line) for line in said.splitlines()]


def test_what_is_refused_and_what_is_deployed(tested: list[dict[str, Any]]) -> None:
    """The rules of the variables, and every default and choice as Terraform evaluates it."""
    (summary,) = [each["test_summary"] for each in tested if each["type"] == "test_summary"]

    assert [each["@message"] for each in tested if each["@level"] == "error"] == []
    assert (summary["status"], summary["failed"], summary["errored"]) == ("pass", 0, 0)


@pytest.mark.parametrize(("run", "variables"), RUNS.items(), ids=RUNS)
def test_what_the_policies_judge_is_what_terraform_makes(
    tested: list[dict[str, Any]], *, run: str, variables: dict[str, Any]
) -> None:
    (state,) = [each["test_state"] for each in tested if each["type"] == "test_state" and each["@testrun"] == run]
    there = {each["address"].replace('"', ""): each["values"] for each in state["root_module"]["resources"]}
    judged = {str(each): each for each in made(parse(FILES), keep_storage_events=False, **variables)}

    assert judged.keys() == there.keys()
    for address, each in judged.items():
        stated = {name: value for name, value in each.body.items() if not name.endswith("_wo")}
        assert [found for found in _different(stated, there[address]) if not COMPUTED.search(found)] == []


def test_an_archive_of_older_sources_is_refused(terraform: Terraform) -> None:
    with (terraform.folder.parent / "main.py").open("a") as main:
        main.write("# a change since the archive was made\n")

    code, said = terraform("test", "-no-color", "-filter=tests/deployed.tftest.hcl")

    assert code != 0
    assert "Make it: python -m" in said


def _different(judged: Any, there: Any) -> Iterator[str]:
    """Yield what is judged and not there: the provider adds to it, and changes none of it."""
    if isinstance(judged, dict) and isinstance(there, dict):
        for name, value in judged.items():
            yield from _different(value, there.get(name))
    elif isinstance(judged, list) and isinstance(there, list) and len(judged) == len(there):
        for one, other in zip(judged, there, strict=True):
            yield from _different(one, other)
    elif judged != there and judged:
        yield str(judged)
