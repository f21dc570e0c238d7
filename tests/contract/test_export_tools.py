"""Every export is loaded by the tool that it is for, without a warning, and shows there what was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from infra.local.resources import storage_client
from shared.adapters.storage import GoogleStorage
from shared.export.arrays import to_arrays
from shared.export.places import open_results
from shared.export.reading import documents
from shared.export.rows import COLUMNS
from tests.consumers.dataset import ODD_LABEL, PHOTOS, Photo, Thing, fill
from tests.export_documents import without_progress
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-consumers" / "bin" / "python"
LOAD = ROOT / "tests" / "consumers" / "load.py"
WHERE = "gs://results/v1/"
LABELS = ["cat", "dog", ODD_LABEL]
PACKAGES = {"supervision": "supervision", "datumaro": "datumaro", "label-studio": "label_studio_sdk"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running("storage") as address:
        client = storage_client(address)
        for bucket in ("results", "uploads", "more"):
            client.create_bucket(bucket)
        fill(GoogleStorage(project="local-dev", emulator_host=address, connections=4), results="results")
        yield address


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project: its `classes.txt` lies there."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def export(url: str, folder: Path) -> Callable[..., bytes]:
    """Runs an export in the project's folder; its summary is all that it says."""

    def run(*arguments: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "shared.export", *arguments],
            cwd=folder,
            env=os.environ | {"STORAGE_EMULATOR_HOST": url, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=WAIT_S,
            check=False,
        )
        said = without_progress(done.stderr.decode())
        assert done.returncode == 0, said
        assert said.startswith("results read: ")
        assert len(said.splitlines()) == 1
        return done.stdout

    return run


@pytest.fixture(scope="module")
def exported(export: Callable[..., bytes], folder: Path, url: str) -> Path:
    """All that the tools load, and a copy of the results."""
    for blob in storage_client(url).list_blobs("results"):
        path = folder / "copy" / blob.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob.download_as_bytes())
    whole = ("--split", "train=1")
    (folder / "coco.json").write_bytes(export("coco", WHERE))
    export("coco", WHERE, *whole, "--images", "--out", "coco")
    export("coco", WHERE, *whole, "--segmentation", "polygon", "--out", "polygons")
    export("yolo", WHERE, *whole, "--images", "--tolerance", "0", "--out", "yolo")
    (folder / "stored.json").write_bytes(export("coco", WHERE, "--frame", "stored"))
    export("yolo", WHERE, *whole, "--task", "detect", "--images", "--out", "yolo-boxes")
    export("cvat", WHERE, *whole, "--images", "--out", "cvat")
    export("label-studio", WHERE, "--tolerance", "0", "--out", "label-studio-polygons")
    export("label-studio", WHERE, "--segmentation", "brush", "--out", "label-studio-brushes")
    (folder / "rows.jsonl").write_bytes(export("jsonl", WHERE, "--split", "train=1", "--classes", "classes.txt"))
    (folder / "rows.parquet").write_bytes(export("parquet", WHERE, "--split", "train=1", "--classes", "classes.txt"))
    return folder


def load(tool: str, folder: Path) -> Any:
    """Return what a tool has seen. It must not say a word beside that: no warning, and no line of a log."""
    if not PYTHON.exists():
        pytest.skip("the tools that read our exports are not installed: run `make .venv-consumers/.installed`")
    package = PACKAGES[tool]
    if not list(PYTHON.parents[1].glob(f"lib/python*/site-packages/{package}")):
        pytest.skip(f"{package} has no wheel for this machine (requirements-consumers.in)")
    done = subprocess.run(
        [str(PYTHON), "-W", "error", str(LOAD), tool, str(folder)],
        env=os.environ | {"HOME": str(folder), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def plane(runs: list[int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the mask of such runs along the rows of an image."""
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(size[1], size[0])


def filled(photo: Photo, thing: Thing) -> NDArray[np.bool_]:
    """Return a mask with its hole filled: what polygons can say."""
    whole: NDArray[np.bool_] = ndimage.binary_fill_holes(thing.plane(photo.size))
    return whole


def labels_of(photo: Photo) -> list[str]:
    return [thing.label for thing in photo.things]


# pycocotools 2.0.11 with NumPy 2, whatever it reads.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_pycocotools_sees_every_mask_exactly(exported: Path) -> None:
    from pycocotools.coco import COCO

    coco = COCO(str(exported / "coco.json"))

    assert [each["name"] for each in coco.loadCats(coco.getCatIds())] == LABELS
    images = {each["file_name"]: each for each in coco.loadImgs(coco.getImgIds())}
    assert images.keys() == {photo.file_name for photo in PHOTOS}
    for photo in PHOTOS:
        image = images[photo.file_name]
        found = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        assert (image["width"], image["height"]) == photo.size
        assert [LABELS[each["category_id"] - 1] for each in found] == labels_of(photo)
        for annotation, thing in zip(found, photo.things, strict=True):
            x0, y0, x1, y1 = thing.box
            assert annotation["bbox"] == [x0, y0, x1 - x0, y1 - y0]
            if thing.inside is not None:
                assert (coco.annToMask(annotation) == thing.plane(photo.size)).all()
                assert annotation["area"] == thing.inside.sum()


@pytest.fixture(scope="module")
def supervision(exported: Path) -> dict[str, Any]:
    # Of the dataset: arrays as anybody would hand them to sv.Detections.
    results = open_results(str(exported / "copy"))
    [found] = [each.document for each in documents(results, task="segment") if len(each.document["items"]) == 3]
    arrays = to_arrays(found, read_file=results.read_file)
    assert arrays.mask is not None
    np.savez(
        exported / "arrays.npz",
        xyxy=arrays.xyxy,
        class_id=arrays.class_id,
        mask=arrays.mask,
        class_name=arrays.labels,
        names=np.array(arrays.class_names),
    )
    seen: dict[str, Any] = load("supervision", exported)
    return seen


def test_supervision_sees_every_mask_of_coco_exactly(supervision: dict[str, Any]) -> None:
    seen = {each["name"]: each for each in supervision["coco"]}
    assert seen.keys() == {photo.file_name for photo in PHOTOS}
    for photo in PHOTOS:
        found = seen[photo.file_name]
        assert tuple(found["size"]) == photo.size
        assert [each["label"] for each in found["items"]] == labels_of(photo)
        for each, thing in zip(found["items"], photo.things, strict=True):
            assert tuple(each["box"]) == thing.box
            if thing.inside is not None:
                assert (plane(each["runs"], photo.size) == thing.plane(photo.size)).all()


@pytest.mark.parametrize("kind", ["polygons", "yolo"])
def test_supervision_sees_outlines_where_things_are_in_the_upright_picture(
    supervision: dict[str, Any], exported: Path, kind: str
) -> None:
    """OpenCV paints the outline itself, too: a pixel more at the right and below."""
    seen = {each["name"]: each for each in supervision[kind]}
    names = yolo_names(exported / "yolo") if kind == "yolo" else {photo.file_name: photo for photo in PHOTOS}
    assert seen.keys() == names.keys()
    for name, photo in names.items():
        found = seen[name]
        assert tuple(found["size"]) == photo.size
        assert [each["label"] for each in found["items"]] == labels_of(photo)
        for each, thing in zip(found["items"], photo.things, strict=True):
            if thing.inside is not None:
                whole = filled(photo, thing)
                painted = plane(each["runs"], photo.size)
                beyond = painted & ~ndimage.binary_dilation(whole, np.ones((3, 3)))
                assert (painted >= whole).all()
                assert beyond.sum() <= (max(photo.size) if kind == "yolo" else 0)  # the line that joins two parts


def yolo_names(folder: Path) -> dict[str, Photo]:
    """Return the photo behind each image of a YOLO dataset, as its own list tells."""
    lines = (folder / "images.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    photos = {f"gs://{photo.bucket}/{photo.name}": photo for photo in PHOTOS}
    return {path.rpartition("/")[2]: photos[uri] for uri, path in pairs}


def test_supervision_takes_our_arrays_as_they_are(supervision: dict[str, Any]) -> None:
    [seen] = supervision["arrays"]
    photo = PHOTOS[1]
    assert [each["label"] for each in seen["items"]] == labels_of(photo)
    for each, thing in zip(seen["items"], photo.things, strict=True):
        assert tuple(each["box"]) == thing.box
        if thing.inside is not None:
            assert (plane(each["runs"], photo.size) == thing.plane(photo.size)).all()


@pytest.fixture(scope="module")
def datumaro(exported: Path) -> dict[str, Any]:
    seen: dict[str, Any] = load("datumaro", exported)
    return seen


@pytest.mark.parametrize("kind", ["coco", "cvat"])
def test_datumaro_sees_every_mask_exactly(datumaro: dict[str, Any], kind: str) -> None:
    """Of COCO it makes a box beside each mask."""
    seen = {each["name"]: each for each in datumaro[kind]}
    assert seen.keys() == {photo.file_name for photo in PHOTOS}
    for photo in PHOTOS:
        items = seen[photo.file_name]["items"]
        masks = {each["label"]: plane(each["runs"], photo.size) for each in items if each["runs"] is not None}
        boxes = {each["label"]: tuple(each["box"]) for each in items}
        assert seen[photo.file_name]["split"] == "train"
        assert boxes == {thing.label: thing.box for thing in photo.things}
        assert masks.keys() == {thing.label for thing in photo.things if thing.inside is not None}
        for thing in photo.things:
            if thing.inside is not None:
                assert (masks[thing.label] == thing.plane(photo.size)).all()


def test_datumaro_sees_the_boxes_of_yolo_in_the_upright_picture(datumaro: dict[str, Any], exported: Path) -> None:
    seen = {each["name"]: each for each in datumaro["yolo-boxes"]}
    names = yolo_names(exported / "yolo-boxes")
    assert seen.keys() == names.keys()
    for name, photo in names.items():
        assert tuple(seen[name]["size"]) == photo.size
        assert [each["label"] for each in seen[name]["items"]] == labels_of(photo)
        for each, thing in zip(seen[name]["items"], photo.things, strict=True):
            assert each["box"] == pytest.approx(thing.box, abs=0.01)


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("frame", ["upright", "stored"])
def test_a_reader_finds_the_white_of_each_picture_inside_its_masks(exported: Path, frame: str) -> None:
    """Whoever applies the EXIF orientation wants the upright frame, and whoever ignores it the stored one."""
    from pycocotools.coco import COCO

    coco = COCO(str(exported / ("coco.json" if frame == "upright" else "stored.json")))
    for image in coco.loadImgs(coco.getImgIds()):
        with Image.open(exported / "coco" / "images" / "train" / image["file_name"]) as opened:
            picture = ImageOps.exif_transpose(opened) if frame == "upright" else opened
            white = np.asarray(picture.convert("L")) > 127
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        masks = [coco.annToMask(each) for each in annotations if each["segmentation"]]
        assert white.shape == (image["height"], image["width"])
        assert (np.any([np.zeros_like(white), *masks], axis=0) == white).all()
        for each in annotations:
            if each["segmentation"]:
                x, y, width, height = each["bbox"]
                assert coco.annToMask(each)[y : y + height, x : x + width].sum() == each["area"]


@pytest.fixture(scope="module")
def label_studio(exported: Path) -> dict[str, Any]:
    seen: dict[str, Any] = load("label-studio", exported)
    return seen


def test_label_studio_takes_every_prediction_with_its_configuration(label_studio: dict[str, Any]) -> None:
    assert [label_studio[kind]["problems"] for kind in ("polygons", "brushes")] == [[], []]


def test_label_studio_paints_every_mask_exactly(label_studio: dict[str, Any], exported: Path) -> None:
    tasks = json.loads((exported / "label-studio-brushes" / "tasks.json").read_text(encoding="utf-8"))
    found = {task["data"]["image"]: task["predictions"][0]["result"] for task in tasks}
    assert len(label_studio["brushes"]["masks"]) == sum(
        thing.inside is not None for photo in PHOTOS for thing in photo.things
    )
    for photo in PHOTOS:
        for region, thing in zip(found[f"gs://{photo.bucket}/{photo.name}"], photo.things, strict=True):
            if thing.inside is not None:
                assert region["value"]["brushlabels"] == [thing.label]
                runs = label_studio["brushes"]["masks"][region["id"]]
                assert (plane(runs, photo.size) == thing.plane(photo.size)).all()


def test_what_label_studio_exports_of_accepted_predictions_is_what_we_export(label_studio: dict[str, Any]) -> None:
    """Its COCO of our polygons, against the boxes: upright, and every part of a thing by itself."""
    found = label_studio["polygons"]["coco"]
    names = {each["id"]: each["name"] for each in found["categories"]}
    seen = sorted((names[each["category_id"]], [round(part) for part in each["bbox"]]) for each in found["annotations"])
    expected = sorted(
        (thing.label, [x, y, width, height])
        for photo in PHOTOS
        for thing in photo.things
        for x, y, width, height in boxes_of_parts(photo, thing)
    )
    assert seen == expected
    assert {(each["width"], each["height"]) for each in found["images"]} == {
        photo.size for photo in PHOTOS if photo.things
    }


def boxes_of_parts(photo: Photo, thing: Thing) -> list[tuple[int, int, int, int]]:
    places = ndimage.find_objects(ndimage.label(thing.plane(photo.size))[0])
    return [(x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in places]


def test_duckdb_reads_the_lines_and_pyarrow_the_same_rows(exported: Path) -> None:
    import duckdb
    from pyarrow import parquet

    table = parquet.read_table(exported / "rows.parquet")
    assert table.schema.names == list(COLUMNS)
    lines = [json.loads(line) for line in (exported / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert table.to_pylist() == lines
    question = "SELECT label, class_id, count(*) FROM {} WHERE label IS NOT NULL GROUP BY ALL ORDER BY ALL"
    with duckdb.connect() as database:
        of_lines = database.execute(question.format("read_json(?)"), [str(exported / "rows.jsonl")]).fetchall()
        of_table = database.execute(question.format("read_parquet(?)"), [str(exported / "rows.parquet")]).fetchall()
    assert of_lines == of_table
    assert of_lines == [("cat", 1, 6), ("cow", 4, 1), ("dog", 2, 2), (ODD_LABEL, 3, 2)]
