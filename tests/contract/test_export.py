"""The exports as a person runs them: a process of its own, against a bucket behind a real socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.resources import storage_client
from shared.adapters.storage import GoogleStorage
from shared.core.results import schemas
from tests.export_documents import NO_MASK, document, failed, folder, item, mask_of, png, without_progress
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
CAT_MASK = f"{folder('cat.jpg')}/segment/mask-000.png"
LOST_MASK = f"{folder('dog.jpg')}/segment/mask-000.png"
CAT_ROWS = ["####", "#..#", "####"]

DOCUMENTS: dict[str, dict[str, Any]] = {
    f"{folder('cat.jpg')}/segment.json": document([item("cat", (0, 0, 4, 3), mask=mask_of(CAT_MASK))]),
    f"{folder('cat.jpg')}/segment.error-0.json": failed(),
    f"{folder('cat.jpg')}/detect.json": document([item("ear", (0, 0, 1, 1))], task="detect"),
    f"{folder('cat.jpg')}/caption.json": document(None, task="caption", caption="Un café ☕"),
    f"{folder('sky.jpg')}/segment.json": document([], name="sky.jpg", status="empty"),
    f"{folder('list.txt')}/segment.error-0.json": failed(name="list.txt"),
    f"{folder('list.txt')}/segment.error-1.json": failed(name="list.txt", code="still_not_an_image"),
    f"{folder(run='v10')}/segment.json": document([item("cow", (0, 0, 1, 1), mask=NO_MASK)], run="v10"),
    f"{folder('dog.jpg', run='damaged')}/segment.json": document(
        [item("dog", (0, 0, 2, 2), mask=mask_of(LOST_MASK))], name="dog.jpg"
    ),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give a server with results in the bucket `results`, and another bucket `empty`."""
    with running("storage") as address:
        client = storage_client(address)
        client.create_bucket("results")
        client.create_bucket("empty")
        store = GoogleStorage(project="local-dev", emulator_host=address, connections=4)
        for name, value in DOCUMENTS.items():
            store.create("results", name, json.dumps(value).encode(), content_type="application/json")
        store.create("results", CAT_MASK, png(CAT_ROWS), content_type="image/png")
        broken = f"{folder('broken.jpg', run='damaged')}/segment.json"
        store.create("results", broken, b"{", content_type="application/json")
        yield address


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which somebody exports: `classes.txt` is kept there."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def export(url: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(ROOT)} | ({"STORAGE_EMULATOR_HOST": url} if url else {})
    done = subprocess.run(
        [sys.executable, "-m", "shared.export", *arguments],
        env=env,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    done.stderr = without_progress(done.stderr)
    return done


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_of_this_suite_are_results(name: str) -> None:
    assert schemas.problem(DOCUMENTS[name]) is None


@pytest.mark.parametrize("where", ["gs://results/v1/", "gs://results/v1"])
def test_a_run_becomes_a_coco_dataset_of_its_segmentations(url: str, where: str) -> None:
    done = export(url, "coco", where)

    dataset = json.loads(done.stdout)
    assert done.returncode == 0
    assert done.stderr == "results read: 3 (1 ok, 1 failed, 1 empty); images: 2; annotations: 1\n"
    assert [image["file_name"] for image in dataset["images"]] == ["uploads/cat.jpg", "uploads/sky.jpg"]
    assert dataset["categories"] == [{"id": 1, "name": "cat", "supercategory": ""}]
    assert dataset["annotations"] == [
        {
            "id": 1,
            "image_id": 1,
            "bbox": [0, 0, 4, 3],
            "area": 10,
            "iscrowd": 0,
            "segmentation": {"size": [3, 4], "counts": "041N02"},
            "category_id": 1,
        }
    ]


def test_masks_become_polygons_on_demand(url: str) -> None:
    done = export(url, "coco", "gs://results/v1/", "--segmentation", "polygon")
    [annotation] = json.loads(done.stdout)["annotations"]
    assert annotation["segmentation"] == [[0, 0, 4, 0, 4, 3, 0, 3]]


def test_detections_become_a_dataset_without_masks(url: str) -> None:
    done = export(url, "coco", "gs://results/v1/", "--task", "detect")
    dataset = json.loads(done.stdout)
    assert [category["name"] for category in dataset["categories"]] == ["ear"]
    assert [annotation["segmentation"] for annotation in dataset["annotations"]] == [[]]


def test_every_result_has_a_line_and_errors_that_were_mended_have_none(url: str) -> None:
    done = export(url, "jsonl", "gs://results/v1/")

    found = [(row["name"], row["task"], row["label"], row["error_code"]) for row in lines(done.stdout)]
    assert done.returncode == 0
    assert found == [
        ("cat.jpg", "caption", None, None),
        ("cat.jpg", "detect", "ear", None),
        ("cat.jpg", "segment", "cat", None),
        ("list.txt", "segment", None, "still_not_an_image"),
        ("sky.jpg", "segment", None, None),
    ]


def test_lines_are_utf_8_whatever_the_locale(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shared.export", "jsonl", "gs://results/v1/", "--task", "caption"],
        cwd=ROOT,
        env=os.environ | {"STORAGE_EMULATOR_HOST": url, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=WAIT_S,
        check=True,
    )
    assert "Un café ☕".encode() in done.stdout


def test_what_cannot_be_read_is_named_and_the_exit_code_says_so(url: str) -> None:
    done = export(url, "coco", "gs://results/damaged/")

    said = done.stderr.splitlines()
    assert done.returncode == 3
    assert said[0].startswith("left out: gs://results/damaged/uploads/broken.jpg/7/segment.json: expected JSON")
    assert said[1] == f"left out: gs://results/{LOST_MASK}: gs://results/{LOST_MASK} does not exist."
    assert said[2] == "results read: 1 (1 ok); images: 1; annotations: 1"
    assert [annotation["bbox"] for annotation in json.loads(done.stdout)["annotations"]] == [[0, 0, 2, 2]]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["coco", "gs://no-such-bucket/v1/"], "gs://no-such-bucket/v1/* does not exist."),
        (["coco", "gs://empty"], "expected results of task segment below gs://empty, found none; see --help"),
        (["jsonl", "gs://results/v2/"], "expected results below gs://results/v2/, found none; see --help"),
        (["jsonl", "gs://results/v1/", "--task", "paint"], "there are results of caption, detect, segment: see --task"),
        (["coco", "gs://results/v1/", "--task", "caption"], "expected results with items, found none among 1 of task"),
    ],
)
def test_an_export_of_nothing_fails_and_says_why(url: str, arguments: list[str], reason: str) -> None:
    done = export(url, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("The export failed: ")
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["coco", "results/v1"], "expected gs://BUCKET/FOLDER/ or an existing folder, found 'results/v1'"),
        (["coco", ""], "expected gs://BUCKET/FOLDER/ or an existing folder, found ''"),
        (["coco", "gs://results", "--task", "Detect!"], "expected the name of a task, such as detect, found 'Detect!'"),
        (["coco", "gs://results", "--tolerance", "1"], "expected --segmentation polygon beside it"),
        (
            ["coco", "gs://results", "--segmentation", "polygon", "--tolerance", "nan"],
            "expected a number of pixels, 0 or more, found 'nan'",
        ),
        (["pascal", "gs://results"], "invalid choice: 'pascal'"),
        (["yolo", "gs://results"], "the following arguments are required: --out"),
        (["coco", "gs://results", "--split", "train=80,val=20"], "expected --out FOLDER beside --split and --images"),
        (["cvat", "gs://results", "--images"], "expected --out FOLDER beside --split and --images"),
        (["yolo", "gs://results", "--out", "o", "--split", "train"], "such as train=80,val=20, found 'train'"),
        (["label-studio", "gs://results", "--out", "o", "--frame", "stored"], "unrecognized arguments: --frame stored"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(arguments: list[str], reason: str) -> None:
    done = export(None, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr


def test_without_credentials_the_way_out_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shared.export", "coco", "gs://results/v1/"],
        cwd=ROOT,
        # A home without credentials, and no metadata server: this must ask nobody.
        env=os.environ | {"HOME": str(tmp_path), "CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true"},
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 1
    assert "run `gcloud auth application-default login`, or set STORAGE_EMULATOR_HOST" in done.stderr


def test_a_reader_that_has_enough_ends_the_export_quietly(url: str, tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number}").mkdir()
        text = json.dumps(DOCUMENTS[f"{folder('cat.jpg')}/segment.json"])
        (tmp_path / f"{number}" / "segment.json").write_text(text, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "shared.export", "jsonl", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"STORAGE_EMULATOR_HOST": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        said = child.stderr.read()
    assert (child.returncode, said) == (1, b"")


def test_a_label_has_one_id_in_every_export_of_a_project(url: str, project: Path) -> None:
    (project / "classes.txt").write_text("ear\nowl\n", encoding="utf-8")
    cats = json.loads(export(url, "coco", "gs://results/v1/").stdout)
    ears = json.loads(export(url, "coco", "gs://results/v1/", "--task", "detect").stdout)
    export(url, "yolo", "gs://results/v1/", "--task", "detect", "--split", "all=1", "--out", "yolo")
    rows = lines(export(url, "jsonl", "gs://results/v1/", "--classes", "classes.txt").stdout)

    names = ["ear", "owl", "cat"]
    assert (project / "classes.txt").read_text(encoding="utf-8").split() == names
    for dataset in (cats, ears):
        assert [(each["id"], each["name"]) for each in dataset["categories"]] == [(1, "ear"), (2, "owl"), (3, "cat")]
    assert [each["category_id"] for each in (*cats["annotations"], *ears["annotations"])] == [3, 1]
    [label] = [path.read_text(encoding="utf-8") for path in (project / "yolo" / "labels" / "all").iterdir()]
    assert label.split()[0] == "0"  # YOLO counts the same lines from 0
    assert {(row["label"], row["class_id"]) for row in rows} == {("cat", 3), ("ear", 1), (None, None)}


def test_fixed_classes_leave_other_labels_out_and_the_file_as_it_is(url: str, project: Path) -> None:
    (project / "mine.txt").write_text("owl\n", encoding="utf-8")
    done = export(url, "coco", "gs://results/v1/", "--classes", "mine.txt", "--fixed-classes")
    assert done.stderr.endswith("; annotations: 0; items of other classes left out: 1\n")
    assert json.loads(done.stdout)["categories"] == [{"id": 1, "name": "owl", "supercategory": ""}]
    assert (project / "mine.txt").read_text(encoding="utf-8") == "owl\n"


def test_each_part_of_a_split_is_a_dataset_and_all_of_them_are_the_whole(url: str, project: Path) -> None:
    whole = json.loads(export(url, "coco", "gs://results/v1/").stdout)
    done = export(url, "coco", "gs://results/v1/", "--split", "one=1,two=1,three=1", "--out", "parts")
    files = sorted((project / "parts" / "annotations").iterdir())
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in files]

    assert done.returncode == 0
    assert [path.name for path in files] == [f"instances_{name}.json" for name in ("one", "three", "two")]
    names = [image["file_name"] for part in parts for image in part["images"]]
    assert sorted(names) == sorted(image["file_name"] for image in whole["images"])
    assert all(part["categories"] == whole["categories"] for part in parts)


def test_a_folder_with_something_in_it_is_not_written_to(url: str, project: Path) -> None:
    (project / "out").mkdir()
    (project / "out" / "old.txt").write_text("x", encoding="utf-8")
    done = export(url, "cvat", "gs://results/v1/", "--out", "out")
    assert done.returncode == 1
    assert "expected a new or an empty folder, found out with something in it" in done.stderr
    assert [each.name for each in (project / "out").iterdir()] == ["old.txt"]


def test_an_image_that_is_gone_is_named_and_left_out_with_its_labels(url: str, project: Path) -> None:
    storage_client(url).create_bucket("uploads")
    done = export(url, "yolo", "gs://results/v1/", "--images", "--split", "all=1", "--out", "out")
    assert done.returncode == 3
    assert "left out: gs://uploads/cat.jpg: gs://uploads/cat.jpg" in done.stderr
    assert list((project / "out" / "labels" / "all").iterdir()) == []


def test_names_are_those_of_one_bucket_where_somebody_asks(url: str) -> None:
    dataset = json.loads(export(url, "coco", "gs://results/v1/", "--bare-names").stdout)
    assert [image["file_name"] for image in dataset["images"]] == ["cat.jpg", "sky.jpg"]
