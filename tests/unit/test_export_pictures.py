"""Which images a dataset has, what they are called there, and in which part each of them is."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from shared.core.errors import SettingsError
from shared.export.pictures import DatasetImage, Masks, Split, choose_pictures, parse_split, with_things
from tests.export_documents import document, failed, grid, item, mask_of, png

SHARES = parse_split("train=80,val=15,test=5")
NAMES = st.text(min_size=1, max_size=40).filter(lambda name: "\n" not in name and "\r" not in name)


def of(name: str, *, bucket: str = "uploads", generation: int = 7, **extra: Any) -> dict[str, Any]:
    made = document([item("cat", (0, 0, 2, 2))], name=name, **extra)
    made["source"] |= {"bucket": bucket, "generation": str(generation)}
    return made


def picture(name: str, bucket: str = "uploads") -> DatasetImage:
    return DatasetImage(of(name, bucket=bucket), "upright", "train", ())


def test_shares_of_many_images_are_nearly_what_was_asked_for() -> None:
    parts = Counter(SHARES.part_of({"bucket": "uploads", "name": f"{number}.jpg"}) for number in range(4000))
    assert {name: count / 4000 for name, count in parts.items()} == {
        "train": pytest.approx(0.80, abs=0.02),
        "val": pytest.approx(0.15, abs=0.02),
        "test": pytest.approx(0.05, abs=0.02),
    }


@given(NAMES)
def test_an_image_stays_in_its_part_in_every_generation_and_beside_whatever_others(name: str) -> None:
    source = {"bucket": "uploads", "name": name}
    part = SHARES.part_of(source)
    assert part in SHARES.names
    assert SHARES.part_of(source | {"generation": "12"}) == part
    assert parse_split("train=8,val=1.5,test=0.5").part_of(source) == part  # the same shares in another unit
    assert Split().part_of(source) == "default"


@pytest.mark.parametrize(
    "text", ["", "train", "train=0", "train=80,train=20", "a b=1", "train=-1", "../x=1", "train=nan"]
)
def test_what_is_no_list_of_shares_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected different names with shares above 0, such as train=80,val=20"):
        parse_split(text)


@given(st.lists(st.tuples(st.sampled_from(["a", "b-c", "b"]), NAMES), unique=True, max_size=20))
def test_no_two_images_share_a_name_not_even_without_their_suffix_or_case_of_a_folder(
    sources: list[tuple[str, str]],
) -> None:
    pictures = [picture(name, bucket) for bucket, name in sources]
    assert len({each.file_name for each in pictures}) == len(pictures)
    assert len({PurePosixPath(each.flat_name).stem for each in pictures}) == len(pictures)
    for each in pictures:
        assert "/" not in each.flat_name
        assert len(each.flat_name.encode()) <= 255
        assert not each.flat_name.startswith(".")
        path = PurePosixPath(each.file_name)
        assert not path.is_absolute()
        assert not {"..", "."} & set(path.parts)


@pytest.mark.parametrize(
    ("name", "flat"),
    [
        ("holiday/cat 1.JPG", r"uploads__holiday__cat_1-[0-9a-f]{10}\.JPG"),
        ("cat", r"uploads__cat-[0-9a-f]{10}\.jpeg"),
        ("día.png", r"uploads__día-[0-9a-f]{10}\.png"),
        ("x" * 1000 + ".png", r"uploads__x{111}-[0-9a-f]{10}\.png"),
    ],
)
def test_a_flat_name_can_be_read_by_people(name: str, flat: str) -> None:
    assert re.fullmatch(flat, picture(name).flat_name)


def test_the_newest_result_of_an_object_is_taken_and_the_others_counted() -> None:
    documents = [
        of("a.jpg", generation=9),
        of("a.jpg", generation=10),
        of("a.jpg", bucket="more", generation=3),
        of("b.jpg", created="2026-11-22T10:00:00.000Z"),
        of("b.jpg", created="2026-11-21T10:00:00.000Z"),
    ]
    found = choose_pictures(documents)
    assert [(each.source["bucket"], each.source["generation"]) for each in found.pictures] == [
        ("uploads", "10"),
        ("more", "3"),
        ("uploads", "7"),
    ]
    assert found.pictures[2].document["created"] == "2026-11-22T10:00:00.000Z"
    assert found.outdated == 2


def test_an_image_that_was_replaced_is_not_shown_by_its_old_result_and_a_failure_hides_none_of_its_generation() -> None:
    replaced = failed() | {"source": of("a.jpg", generation=10)["source"]}
    assert choose_pictures([of("a.jpg", generation=9), replaced]).pictures == ()
    beside = failed() | {"source": of("a.jpg", generation=9)["source"]}
    assert len(choose_pictures([of("a.jpg", generation=9), beside]).pictures) == 1


def test_names_without_the_bucket_are_the_objects_own_and_never_alike() -> None:
    assert [each.file_name for each in choose_pictures([of("a/b.jpg")], bare_names=True).pictures] == ["a/b.jpg"]
    with pytest.raises(SettingsError, match=r"found gs://uploads/a\.jpg and gs://more/a\.jpg: leave out --bare-names"):
        choose_pictures([of("a.jpg"), of("a.jpg", bucket="more")], bare_names=True)


def test_items_of_other_classes_are_left_out_and_counted() -> None:
    found = choose_pictures([document([item("cat", (0, 0, 1, 1)), item("dog", (0, 0, 1, 1))])], labels=["dog"])
    assert [each["label"] for each in found.pictures[0].items] == ["dog"]
    assert found.other_classes == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_things_in_the_stored_frame_are_what_the_file_shows(orientation: int) -> None:
    """An asymmetric mask, turned as the file is, and its box: both in every EXIF orientation."""
    rows = ["##..", "#...", "...."]
    # Pillow turns a stored picture upright: the orientation that undoes this turns ours back.
    exif = Image.Exif()
    exif[0x0112] = {6: 8, 8: 6}.get(orientation, orientation)
    holder = io.BytesIO()
    Image.fromarray(grid(rows)).convert("L").save(holder, "PNG", exif=exif)
    stored = np.asarray(ImageOps.exif_transpose(Image.open(holder))) > 0

    found = document(
        [item("cat", (0, 0, 2, 2), orientation=orientation, mask=mask_of("m.png"))], orientation=orientation
    )
    [chosen] = choose_pictures([found], frame="stored").pictures
    masks = Masks({"m.png": png(rows)}.__getitem__)
    [(_, [thing])] = with_things([chosen], lambda _, each: each, masks)

    assert chosen.size == stored.shape[::-1]
    assert thing.mask is not None
    plane = np.zeros(stored.shape, dtype=np.bool_)
    height, width = thing.mask.inside.shape
    plane[thing.mask.top : thing.mask.top + height, thing.mask.left : thing.mask.left + width] = thing.mask.inside
    assert (plane == stored).all()
    x0, y0, x1, y1 = thing.box_px
    assert stored[y0:y1, x0:x1].sum() == stored.sum() == 3
    assert (x1 - x0, y1 - y0) == (2, 2)
