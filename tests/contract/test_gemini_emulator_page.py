"""The emulator's page tells the truth: its examples run, its tables are the code's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from google.cloud import storage as gcs

from infra.emulators.gemini.faults import KINDS, OPERATIONS
from tests.contract.gemini_rig import PICTURES
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).parents[2] / "docs/emulators/gemini.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(bash|python)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
MISSING = [tool for tool in ("bash", "curl", "base64") if not shutil.which(tool)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage", "--bucket", "uploads") as bucket, running("gemini", "--storage", bucket) as address:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STORAGE_EMULATOR_HOST", bucket)
            blob = gcs.Client.create_anonymous_client().bucket("uploads").blob("photo.png")
            blob.upload_from_string(PICTURES["image/png"], "image/png")
        yield address


@pytest.mark.parametrize(
    ("number", "words"), [(0, "bright orange region"), (1, '"box_2d"'), (2, "bright orange region"), (3, '{"id":')]
)
def test_an_example_of_the_page_runs_as_it_stands(url: str, tmp_path: Path, number: int, words: str) -> None:
    language, code = EXAMPLES[number]
    if language == "bash" and MISSING:
        pytest.skip(f"the example needs {', '.join(MISSING)}")
    (tmp_path / "photo.png").write_bytes(PICTURES["image/png"])
    shell = ["bash", "-euo", "pipefail", "-c"] if language == "bash" else [sys.executable, "-c"]
    environment = os.environ | {"GOOGLE_GEMINI_BASE_URL": url, "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [*shell, code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert (done.returncode, words in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_page_has_no_further_examples() -> None:
    assert len(EXAMPLES) == 4


def test_the_page_lists_every_fault_in_the_codes_own_words() -> None:
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.MULTILINE)) == dict(KINDS)


def test_the_page_lists_every_operation() -> None:
    listed = re.search(r"The operations are (.*?)\. An upload", PAGE, re.DOTALL)
    assert listed
    assert tuple(re.findall(r"`([\w.]+)`", listed.group(1))) == OPERATIONS
