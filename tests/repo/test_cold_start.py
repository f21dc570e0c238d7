"""What an import costs: a cold start loads no SDK and no imaging library before the first event needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import main
from shared.core.tasks.catalogue import TASKS

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "google.genai",
    "PIL",
    "numpy",
    "google.cloud.storage",
    "google.cloud.pubsub_v1",
    "grpc",
    "pillow_heif",
    "uharfbuzz",
)


def _modules_after(statement: str, **environ: str) -> set[str]:
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    env = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")} | environ
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return set(json.loads(ended.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", main.__all__)
def test_an_entry_point_loads_no_sdk_and_no_imaging_library(name: str) -> None:
    loaded = _modules_after(f"import main; main.{name}")

    assert name in TASKS or f"functions.{name}" in loaded
    assert ("shared.pipeline.worker.analyze" in loaded) is (name in TASKS)
    assert [name for name in HEAVY if name in loaded] == []


def test_a_worker_loads_neither_the_upkeep_nor_the_operators_side_nor_what_reads_answers() -> None:
    loaded = _modules_after("import main; main.segment")

    others = ("shared.pipeline.upkeep", "shared.pipeline.ingest", "shared.core.operating", "shared.operate")
    assert [name for name in loaded if name.startswith(others)] == []
    assert {"shared.core.replies.findings", "shared.core.masks.reading"} & loaded == set()  # there is no answer yet


FORMATS = {"av1", "bmff", "bmp", "gif", "heif_items", "hevc", "png", "tiff", "webp"}
"""What walks the formats; what a JPEG may be is asked about every image."""
WALKED = {"avif": {"av1", "bmff"}, "heic": {"bmff", "heif_items", "hevc"}, "jpeg": set[str]()}
WALKED |= {each: {each} for each in ("bmp", "gif", "png", "tiff", "webp")}


@pytest.mark.parametrize("image_format", WALKED)
def test_an_image_loads_what_walks_its_own_format_alone(image_format: str, tmp_path: Path) -> None:
    file = tmp_path / "image"
    if image_format == "heic":
        file.write_bytes((ROOT / "tests" / "images" / "plain.heic").read_bytes())
    else:
        Image.new("RGB", (64, 48)).save(file, image_format)
    loaded = _modules_after(
        "import main, pathlib; main.caption; from shared.core.images.probing import probe;"
        f"probe(pathlib.Path({str(file)!r}).read_bytes())"
    )

    assert FORMATS & {name.removeprefix("shared.core.images.") for name in loaded} == WALKED[image_format]


WORKER = {
    "FUNCTION_TARGET": "caption",
    "RESULTS_BUCKET": "results",
    "WORK_BUCKET": "work",
    "UPLOAD_BUCKETS": "uploads",
    "IMAGE_TOPIC": "projects/local-dev/topics/image-events",
    "RESULT_TOPIC": "projects/local-dev/topics/image-results",
    "GEMINI_API_KEY": "a-key",
    "GOOGLE_CLOUD_PROJECT": "local-dev",
    "STORAGE_EMULATOR_HOST": "http://127.0.0.1:1",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
    "GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1",
}
AT_WORK = "import main; main.caption; from shared import bootstrap; bootstrap.tracer(); bootstrap.worker_ports()"
"""All that a worker's first event brings up, but for the requests that it makes."""


@pytest.mark.parametrize("batch", ["false", "true"])
@pytest.mark.parametrize(
    "at_hand",
    ["bootstrap.with_copies(bootstrap.ports())", "bootstrap.ports(); bootstrap.batch_ports()"],
    ids=["forget", "release"],
)
def test_whoever_has_nothing_to_ask_gemini_loads_nothing_of_it(at_hand: str, batch: str) -> None:
    loaded = _modules_after(f"import main; from shared import bootstrap; {at_hand}", **WORKER, BATCH=batch)

    assert "google.cloud.storage" in loaded
    assert [name for name in loaded if name.startswith(("google.genai", "httpx2"))] == []


@pytest.mark.parametrize("said", [{}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SERVICE_NAME": "x"}])
def test_a_worker_without_tracing_imports_no_sdk_of_opentelemetry(said: dict[str, str]) -> None:
    loaded = _modules_after(f"{AT_WORK}; bootstrap.publisher()._client()", **WORKER, **said)

    assert {"google.pubsub_v1", "google.cloud.storage"} <= loaded  # both import OpenTelemetry's API
    assert [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))] == []
    assert [name for name in loaded if "trac" in name and name.startswith("shared.adapters")] == []


def test_a_worker_with_tracing_imports_it() -> None:
    loaded = _modules_after(AT_WORK, **WORKER, OTEL_TRACES_EXPORTER="console")

    assert "opentelemetry.sdk.trace.export" in loaded


@pytest.mark.parametrize(
    "reading",
    [
        (
            "from shared.core.images.prepare import open_upright; from shared.core.images.probing import probe;"
            "open_upright(data, probe(data), max_side_px=64)"
        ),
        "from infra.emulators.gemini.vision import picture; picture.read_picture(data)",
    ],
)
def test_reading_a_heic_teaches_pillow_neither_to_open_nor_to_write_one(reading: str) -> None:
    code = f"""if True:
        import pathlib, sys
        from PIL import Image
        data = pathlib.Path("tests/images/plain.heic").read_bytes()
        {reading}
        sys.exit("HEIF is registered" if "HEIF" in {{*Image.OPEN, *Image.SAVE}} else 0)
    """
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_packages_named_shared_and_functions_are_this_repositorys() -> None:
    """functions-framework appends to sys.path: an installed package of the same name would win."""
    code = "import functions, shared; print(functions.__file__); print(shared.__file__)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert [Path(line).parent.parent for line in ended.stdout.splitlines()] == [ROOT, ROOT]
