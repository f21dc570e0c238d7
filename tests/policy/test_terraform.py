"""Terraform itself judges `infra/`: with a provider that knows schemas only, it needs no network and no account."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra import archive
from tests.policy.contents import PROVIDERS
from tests.policy.stub_provider import reattached

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


class Terraform:
    """Terraform in a copy of the repository's deployable part."""

    def __init__(self, folder: Path, reattach: str) -> None:
        self.folder = folder
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TF_REATTACH_PROVIDERS": reattach,
            "TF_CLI_CONFIG_FILE": os.devnull,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
        }

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and everything that was said."""
        ended = subprocess.run(
            ["terraform", *arguments], cwd=self.folder, env=self._env, capture_output=True, text=True, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr


@pytest.fixture
def terraform(tmp_path: Path) -> Iterator[Terraform]:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    _copy(tmp_path)
    with reattached(PROVIDERS) as reattach:
        found = Terraform(tmp_path / "infra", reattach)
        code, said = found("init", "-no-color", "-backend=false")
        assert code == 0, said
        yield found


def _copy(root: Path) -> None:
    for name in archive.source_files():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    folder = ROOT / "infra"
    for path in [*folder.glob("*.tf"), *folder.glob("tests/*.hcl"), *folder.glob("examples/bigquery/*.*")]:
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    archive.write(archive.default_path(root), root)


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


def test_what_is_refused_and_what_is_deployed(terraform: Terraform) -> None:
    """`infra/tests`: the rules of the variables, and every default and choice as Terraform evaluates it."""
    code, said = terraform("test", "-no-color")

    assert code == 0, said
    assert "0 failed" in said


def test_an_archive_of_older_sources_is_refused(terraform: Terraform) -> None:
    with (terraform.folder.parent / "main.py").open("a") as main:
        main.write("# a change since the archive was made\n")

    code, said = terraform("test", "-no-color", "-filter=tests/deployed.tftest.hcl")

    assert code != 0
    assert "Make it: python -m" in said
