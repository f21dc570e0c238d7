"""YOLO, CVAT, Label Studio and Parquet, line by line; tests/contract/test_export_tools.py has the tools themselves."""

from __future__ import annotations

import builtins
import io
import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import SettingsError
from shared.core.masks.crop import MaskCrop
from shared.export import cvat, label_studio, yolo
from shared.export.classes import category
from shared.export.folders import new_folder
from shared.export.parquet import write_parquet
from shared.export.pictures import DatasetImage, Thing
from shared.export.shapes import row_runs
from tests.export_documents import document, grid, item

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PICTURE = DatasetImage(document([], size=(10, 20)), "upright", "train", ())
BOX = Thing(0, "cat", (1, 2, 5, 12))
PLANES = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(st.booleans(), min_size=width, max_size=width), min_size=1, max_size=6)
)


def masked(rows: list[str], *, left: int = 0, top: int = 0) -> Thing:
    return Thing(3, "cat", (1, 2, 5, 12), mask=MaskCrop(grid(rows), left, top))


def test_a_box_of_yolo_is_its_centre_and_its_size_in_shares_of_the_picture() -> None:
    assert yolo.box_line(PICTURE, BOX, 4) == "4 0.3000000 0.3500000 0.4000000 0.5000000\n"


def test_a_polygon_of_yolo_is_one_outline_and_parts_are_joined_where_both_begin() -> None:
    line = yolo.polygon_line(PICTURE, masked(["#.#"]), 0, tolerance_px=0)
    numbers = [float(number) for number in line.split()[1:]]
    corners = [(round(x * 10), round(y * 20)) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
    first, second = [(0, 0), (1, 0), (1, 1), (0, 1)], [(2, 0), (3, 0), (3, 1), (2, 1)]
    assert corners == [*first, (0, 0), *second, (2, 0), (0, 0)]


@pytest.mark.parametrize("thing", [BOX, masked(["..."])])
def test_without_a_pixel_of_a_mask_the_polygon_is_the_box(thing: Thing) -> None:
    line = yolo.polygon_line(PICTURE, thing, 0, tolerance_px=1)
    assert line == "0 0.1000000 0.1000000 0.5000000 0.1000000 0.5000000 0.6000000 0.1000000 0.6000000\n"


@given(st.lists(st.text(max_size=20).map(lambda text: category({"label": text})), unique=True, max_size=5))
def test_the_description_of_a_yolo_dataset_names_every_class_as_it_is(names: list[str]) -> None:
    text = yolo.data_yaml(names, ["train", "val"])
    lines = text.split("\n")
    assert lines[:3] == ["train: images/train", "val: images/val", f"nc: {len(names)}"]
    assert [line.partition(": ")[0] for line in lines if line.startswith("  ")] == [f"  {n}" for n in range(len(names))]
    assert [json.loads(line.partition(": ")[2]) for line in lines if line.startswith("  ")] == names
    # Nothing but what YAML takes as it is (https://yaml.org/spec/1.2.2/#51-character-set), and no break within a line.
    assert not re.search("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]", text)


def test_a_split_without_the_parts_that_yolo_wants_has_the_first_and_the_last_in_their_place() -> None:
    folders = yolo.data_yaml(["cat"], ["all"]).splitlines()[:3]
    assert folders == ["train: images/all", "val: images/all", "all: images/all"]


@given(PLANES)
def test_runs_along_the_rows_give_the_mask_back(rows: list[list[bool]]) -> None:
    inside = np.array(rows, dtype=np.bool_)
    runs = row_runs(inside)
    assert sum(runs) == inside.size
    assert (np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(inside.shape) == inside).all()
    assert all(runs[1:]) or not inside.any()


def test_the_words_of_cvat_are_whatever_xml_can_hold() -> None:
    thing = Thing(0, 'a "b" <c>', (1, 2, 5, 12), text="1 < 2 & \x00 3")
    shape = cvat.shapes(thing, form="mask", tolerance_px=0)
    text = "".join(cvat.to_xml([(PICTURE, [shape])], classes=['a "b" <c>', "text"]))
    root = ET.fromstring(text)
    box = root.find("image/box")
    assert box is not None
    assert (box.get("label"), box.findtext("attribute")) == ('a "b" <c>', "1 < 2 & \ufffd 3")
    assert {key: box.get(key) for key in ("xtl", "ytl", "xbr", "ybr")} == {
        "xtl": "1",
        "ytl": "2",
        "xbr": "5",
        "ybr": "12",
    }
    assert [each.text for each in root.findall("meta/task/labels/label/name")] == ['a "b" <c>', "text"]
    image = root.find("image")
    assert image is not None
    assert [image.get(key) for key in ("name", "subset", "width", "height")] == ["uploads/cat.jpg", "train", "10", "20"]


def test_the_polygons_of_one_thing_are_one_group_in_cvat() -> None:
    shape = cvat.shapes(masked(["#.#"], left=2, top=1), form="polygon", tolerance_px=0)
    found = ET.fromstring(f"<a>{shape}</a>").findall("polygon")
    assert [each.get("points") for each in found] == ["2,1;3,1;3,2;2,2", "4,1;5,1;5,2;4,2"]
    assert {each.get("group_id") for each in found} == {"4"}


@given(PLANES)
def test_a_brush_of_label_studio_is_the_mask_in_four_channels(rows: list[list[bool]]) -> None:
    inside = np.array(rows, dtype=np.bool_)
    assert (_painted(label_studio.brush_rle(inside)) == np.repeat(inside.ravel(), 4) * 255).all()


def test_a_brush_of_label_studio_has_runs_longer_than_its_longest() -> None:
    inside = np.zeros((300, 400), dtype=np.bool_)
    inside[1:] = True
    assert (_painted(label_studio.brush_rle(inside)) == np.repeat(inside.ravel(), 4) * 255).all()


def _painted(data: list[int]) -> NDArray[np.uint8]:
    """Unpack thi.ng's rle-pack, as its documentation tells it."""
    bits = "".join(f"{byte:08b}" for byte in data)
    place = 0

    def number(size: int) -> int:
        nonlocal place
        place += size
        return int(bits[place - size : place], 2)

    count, word = number(32), number(5) + 1
    sizes = [number(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < count:
        assert number(1) == 1
        length = number(sizes[number(2)]) + 1
        values += [number(word)] * length
    assert len(values) == count
    return np.array(values, dtype=np.uint8)


def test_a_line_of_text_has_its_words_in_label_studio_on_the_same_region() -> None:
    box, words = label_studio.regions(
        PICTURE, Thing(0, "text", (1, 2, 5, 12), text="STOP"), form="polygon", tolerance_px=1
    )
    assert (box["type"], box["value"]["rectanglelabels"]) == ("rectanglelabels", ["text"])
    assert [box["value"][key] for key in ("x", "y", "width", "height")] == [10, 10, 40, 50]
    assert (words["id"], words["type"], words["value"]) == (box["id"], "textarea", {"text": ["STOP"]})
    assert label_studio.task(PICTURE, [[box, words]])["predictions"][0]["model_version"] == "local-vision"


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"--requirement requirements-parquet\.txt"):
        write_parquet([], io.BytesIO())


def test_parquet_keeps_what_json_says_and_utf_8_cannot(tmp_path: Path) -> None:
    from pyarrow import parquet

    from shared.export.reading import StoredResult
    from shared.export.rows import rows

    path = tmp_path / "rows.parquet"
    found = document([item("half \ud83d", (0, 0, 1, 1))], warnings=["\ud83d", "é"])
    with path.open("wb") as file:
        assert write_parquet(rows(StoredResult("a", found)), file) == 1
    [row] = parquet.read_table(path).to_pylist()
    assert (row["label"], row["warnings"]) == ("half \ufffd", ["\ufffd", "é"])
    assert (row["x1"], row["cost_usd"], row["caption"]) == (1, 0.25, None)
    assert json.dumps(row["generation"]) == '"7"'


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail_halfway() -> None:
        with new_folder(tmp_path / "out") as folder:
            folder.write("a/b.txt", ["x"])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail_halfway()
    assert list(tmp_path.iterdir()) == []

    with new_folder(tmp_path / "out") as folder:
        folder.write("a/b.txt", ["x"])
    assert (tmp_path / "out" / "a" / "b.txt").read_text(encoding="utf-8") == "x"

    with pytest.raises(SettingsError, match="expected a new or an empty folder"), new_folder(tmp_path / "out"):
        pass
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        folder.make("b")
    assert [each.name for each in (tmp_path / "empty").iterdir()] == ["b"]
