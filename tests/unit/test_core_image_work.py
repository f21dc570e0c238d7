"""What decoding may take in time: refused before a pixel is decoded, or bounded against a plain photo."""

from __future__ import annotations

import io
import resource
import struct
import tracemalloc
from collections.abc import Callable

import pytest
from PIL import Image, ImageCms

from shared.core.errors import ImageRejectedError
from shared.core.images import hevc
from shared.core.images.av1 import coded_pixels
from shared.core.images.bmff import items, top_boxes
from shared.core.images.heif_items import decoding_of
from shared.core.images.limits import DEFAULT_LIMITS
from shared.core.images.pixels import to_srgb
from shared.core.images.prepare import open_upright, prepare
from shared.core.images.probing import examine, probe
from shared.core.images.work import work_ns
from tests import costly_images as costly
from tests import hostile_builders as build
from tests.prepared_images import prepared

REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "bmp-empty-rows": ("too_many_pixels", lambda: costly.empty_rows_bmp((16_384, 9_760))),
    "bmp-runs-beyond-the-row": ("too_many_pixels", lambda: costly.run_length_bmp((128, 128), b"\xff\x07" * 2_100_000)),
    "tiff-tiles-of-one-byte": ("corrupt", lambda: costly.listed_tiff(324, 500_000, kind=1)),
    "tiff-tile-sizes": ("corrupt", lambda: costly.listed_tiff(325, 500_000)),
    "tiff-strips": ("corrupt", lambda: costly.listed_tiff(273, 500_000)),
    "tiff-bits-per-sample": ("corrupt", lambda: costly.listed_tiff(258, 500_000)),
    "tiff-too-many-tiles": ("too_many_pixels", lambda: costly.listed_tiff(324, 390_000, size=(10_000, 10_000))),
    "tiff-overlapping-tags": ("corrupt", lambda: costly.overlapping_tiff(100, 400_000)),
    "jpeg-scans": ("too_many_pixels", lambda: costly.many_scans_jpeg((5_200, 3_900), 90)),
    "heic-overlays": ("too_many_pixels", lambda: costly.nested_overlays_heic(40, 4)),
    "heic-pictures": ("too_many_pixels", lambda: costly.heic_of_units(repeated=22_000)),
    "heic-hidden-size": ("too_many_pixels", lambda: costly.heic_of_units(costly.sequence_set((12_288, 8_192)))),
    "heic-units": ("corrupt", lambda: costly.heic_of_units(*[b"\x46\x01\x50"] * 100_001)),
    "heic-circle": ("corrupt", lambda: costly.nested_overlays_heic(40, 9)),
}
BOUNDED: dict[str, Callable[[], bytes]] = {
    "bmp-runs": lambda: costly.empty_rows_bmp((900, 900)),
    "jpeg-exif": costly.overlapping_exif_jpeg,
    "jpeg-scans": lambda: costly.many_scans_jpeg((1_600, 1_600), 90),
    "png-chunks": lambda: costly.many_chunks_png(20_000),
    "gif-comment": lambda: costly.long_comment_gif(12_000_000),
    "gif-small-frame": lambda: costly.small_frame_gif((9_900, 7_700)),
    "tiff-tiles": lambda: costly.listed_tiff(324, 10_000, size=(1_600, 1_600)),
}


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="module", name="yardstick_s")
def _yardstick_s() -> float:
    """Return the CPU seconds that decoding a plain JPEG of 12 megapixels takes on this machine."""
    photo = Image.effect_noise((1_000, 750), 60).resize((4_000, 3_000)).convert("RGB")
    data = build.encode(photo, "JPEG", quality=85)
    before_s = cpu_s()
    for _ in range(3):
        Image.open(io.BytesIO(data)).load()
    return (cpu_s() - before_s) / 3


def _taken(data: bytes) -> str:
    try:
        prepare(data, probe(data), accepted=frozenset(), max_side_px=3_072)
    except ImageRejectedError as refusal:
        return refusal.code
    return "converted"


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_take_too_long_is_refused_before_it_is_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("it was decoded")

    code, make = REFUSED[name]
    data = make()
    monkeypatch.setattr("shared.core.images.prepare.load", decode)
    monkeypatch.setattr("shared.core.images.prepare.heif_picture", decode)

    assert _taken(data) == code


@pytest.mark.parametrize("name", BOUNDED)
def test_what_is_taken_costs_no_more_than_a_few_photos(name: str, yardstick_s: float) -> None:
    data = BOUNDED[name]()
    before_s = cpu_s()
    info, structure = examine(data)
    open_upright(data, info, max_side_px=2_000, structure=structure)

    assert cpu_s() - before_s < 40 * yardstick_s


@pytest.mark.parametrize(
    "make",
    [
        lambda: costly.listed_tiff(324, 1_000_000, kind=1),
        lambda: costly.overlapping_tiff(100, 1_000_000),
        costly.overlapping_exif_jpeg,
    ],
    ids=["tiles", "tags", "exif"],
)
def test_probing_takes_little_memory_whatever_the_tags_claim(make: Callable[[], bytes]) -> None:
    data = make()
    tracemalloc.start()
    try:
        _taken(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 * len(data) + 5_000_000


def test_a_palette_of_65536_colours_and_honest_metadata_are_no_bomb() -> None:
    data = build.encode(build.picture(), "TIFF", tiffinfo={700: bytes(300_000), 34_377: bytes(200_000)})

    assert prepared(data).mime_type == "image/jpeg"


def test_every_row_of_a_tiff_may_be_a_strip_of_its_own() -> None:
    data = build.encode(build.picture().resize((640, 480)), "TIFF", tiffinfo={278: 1}, strip_size=1)

    assert prepared(data).mime_type == "image/jpeg"


@pytest.mark.parametrize("image_format", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "avif"])
def test_ordinary_photos_of_24_megapixels_are_within_the_bound(image_format: str) -> None:
    _, structure = examine(build.encode(build.picture(), image_format))
    larger = type(structure)(width=6_000, height=4_000, mode=structure.mode, extra_work_ns=structure.extra_work_ns)

    assert work_ns(larger, image_format, file_bytes=12_000_000) < DEFAULT_LIMITS.max_work_ns


def test_a_colour_profile_with_endless_steps_is_ignored() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = profile.replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be")).replace(b"rTRC", b"D2B0", 1)

    _, words = to_srgb(build.picture(), renamed)

    assert words == ("colour profile ignored: it is broken or does not fit",)


def test_each_hidden_picture_of_an_avif_counts() -> None:
    data = build.encode(build.picture(), "AVIF")
    payload = next(items(data, top_boxes(data, "AVIF"), b"av01", "AVIF"))
    hidden = b"\x1a\x00" * 5_000  # frame headers of no bytes (AV1, 5.3)

    def coded(size: int) -> int:
        location = data.replace(struct.pack(">I", len(payload)), struct.pack(">I", size), 1)
        return coded_pixels(location + hidden, top_boxes(data, "AVIF"))

    assert coded(len(payload)) == 64 * 48
    assert coded(len(payload) + 1_000) == 501 * 64 * 48


@pytest.mark.parametrize("sub_layers", range(7))
@pytest.mark.parametrize("size", [(64, 48), (8_192, 16), (3, 65_535)])
def test_the_size_in_a_sequence_parameter_set_is_read(size: tuple[int, int], sub_layers: int) -> None:
    unit = costly.sequence_set(size, sub_layers)

    assert hevc.survey(b"", [memoryview(len(unit).to_bytes(4, "big") + unit)]).picture_pixels == size[0] * size[1]


@pytest.mark.parametrize("name", ["plain", "rotated", "pair", "thumbnail"])
def test_an_ordinary_heic_has_one_picture_of_the_size_that_it_shows(name: str) -> None:
    data = build.heic(name)
    info, structure = examine(data)
    needed = decoding_of(data, top_boxes(data, "HEIC"))

    assert info.width * info.height <= needed.pixels == needed.at_once_pixels <= 2 * info.width * info.height
    assert structure.whole_image_bytes < 4 * info.width * info.height


def test_every_picture_of_a_heic_and_its_real_size_count() -> None:
    plain = decoding_of(data := build.heic("plain"), top_boxes(data, "HEIC"))
    several = decoding_of(data := costly.heic_of_units(repeated=7), top_boxes(data, "HEIC"))
    larger = decoding_of(data := costly.heic_of_units(costly.sequence_set((4_096, 1_024))), top_boxes(data, "HEIC"))

    assert several.pixels == 7 * plain.pixels
    assert several.payload_bytes == 7 * plain.payload_bytes
    assert larger.pixels == 4_096 * 1_024


@pytest.mark.parametrize("image_format", ["png", "gif", "tiff", "webp", "avif", "jpeg"])
def test_each_byte_counts_besides_each_pixel(image_format: str) -> None:
    _, structure = examine(build.encode(build.picture(), image_format))
    of_few, of_many = (work_ns(structure, image_format, file_bytes=size) for size in (1_000, 50_000_000))

    assert of_many - of_few > 150_000_000


def test_each_byte_of_a_heic_counts() -> None:
    plain, padded = (
        examine(costly.heic_of_units(*units))[1].extra_work_ns for units in ((), (b"\x4e\x01" + bytes(30_000),))
    )

    assert padded - plain > 30_000 * 80


def test_a_transparent_value_of_a_png_counts() -> None:
    opaque, clear = (
        work_ns(examine(build.encode(build.picture("L"), "PNG", **options))[1], "png", file_bytes=0)
        for options in ({}, {"transparency": 0})
    )

    assert clear > opaque + 10 * 64 * 48
