"""The REST examples of Google's guides, taken from the text and run by bash as they stand."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract.gemini_rig import disc
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

GUIDES = Path(__file__).parents[1] / "guides"
NAMES = ("image_understanding_sq", "image_understanding_pl")
TOOLS = ("bash", "curl", "jq", "base64", "file")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]
BEGINNING = r"^(?:IMG_PATH=|IMG_URL=|IMAGE_PATH=|# Upload the first image\nIMAGE1_PATH=)"
END = r"""^(?:jq "\.candidates[^\n]*|\}' 2> /dev/null)$"""
BLOCK = re.compile(f"{BEGINNING}.*?{END}", re.MULTILINE | re.DOTALL)
SERVICE = "https://generativelanguage.googleapis.com"

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"the guides' examples need {', '.join(MISSING)}")


def blocks(name: str) -> list[str]:
    return BLOCK.findall((GUIDES / f"{name}.txt").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("gemini", "--retired") as address:
        yield address


@pytest.fixture(scope="module")
def pictures() -> Iterator[str]:
    """Yield the address of a server that has a picture wherever it is asked."""

    class Picture(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(disc("JPEG"))

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Picture) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "path/to").mkdir(parents=True)
    for name in ("sample.jpg", "image1.jpg"):
        (tmp_path / "path/to" / name).write_bytes(disc("JPEG"))
    (tmp_path / "path/to/image2.png").write_bytes(disc("PNG"))
    return tmp_path


def ran(block: str, folder: Path, hosts: dict[str, str]) -> str:
    for published, local in hosts.items():
        block = block.replace(published, local)
    keys = {"GEMINI_API_KEY": "local", "GOOGLE_API_KEY": "local", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=os.environ | keys,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_each_guide_has_its_four_examples(name: str) -> None:
    assert [len(re.findall(r"^curl ", block, re.MULTILINE)) for block in blocks(name)] == [1, 1, 3, 3]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [0, 1])
def test_an_inline_example_is_answered_with_a_caption(
    url: str, pictures: str, folder: Path, *, name: str, number: int
) -> None:
    hosts = {SERVICE: url, "https://goo.gle": pictures, "/path/to/your": str(folder / "path/to")}
    answer = json.loads(ran(blocks(name)[number], folder, hosts))
    assert "bright orange region" in answer["candidates"][0]["content"]["parts"][0]["text"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("number", "words"), [(2, "bright orange region"), (3, "They share ")])
def test_an_upload_example_ends_with_the_text_that_jq_picks(
    url: str, folder: Path, *, name: str, number: int, words: str
) -> None:
    picked = ran(blocks(name)[number], folder, {SERVICE: url}).splitlines()[-1]
    assert words in json.loads(picked)
