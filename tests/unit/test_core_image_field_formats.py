"""What the field sends: which picture of a file is meant, what stands around it, and what it is called."""

from __future__ import annotations

import io
import itertools
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared.core.errors import ImageRejectedError
from shared.core.images.probing import HEAD_BYTES, probe, probe_head
from tests import hostile_builders as build
from tests.prepared_images import UPRIGHT_CORNERS, assert_alike, corners, prepared, upright
from tests.raw_builders import Directory, Tags, grid, text, tiff_of

FIELD = Path(__file__).parents[1] / "images" / "field"
NO_END = "the JPEG lacks its end marker; all of its rows are there"
ROWS_MISSING = "rows are missing at its bottom: the image data ends too early"
DAMAGED_EXIF = "EXIF damaged: what was read before the damage counts"
ORDERS = tuple(itertools.product("<>", (False, True)))


def _rejection(data: bytes) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        prepared(data)
    return caught.value


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("raw-dng-thumbnail-first.dng", "(DNG: a camera raw, Digital Negative)"),
        ("raw-olympus.orf", "(ORF: a camera raw of Olympus)"),
        ("bmp-bitfields-101010.bmp", "a BMP of 32 bits a pixel, with bit fields of its own"),
        ("tiff-rgb-float32.tif", "a TIFF of 3 floating-point samples of 32 bits a pixel"),
        ("png-apple-cgbi.png", "a PNG of Apple's own kind for iOS (CgBI)"),
        ("ppm-p6.ppm", "(PPM: Netpbm)"),
        ("svg-with-entity.png", "(SVG: vector graphics)"),
        ("svg-utf16.png", "(SVG: vector graphics)"),
    ],
)
def test_a_kind_of_the_field_that_is_not_taken_is_named(name: str, found: str) -> None:
    error = _rejection((FIELD / name).read_bytes())

    assert error.code == "unsupported_format"
    assert found in error.message
    assert error.message.endswith("Convert it to PNG or JPEG and upload that.")


@pytest.mark.parametrize(
    ("name", "size", "warnings", "changes"),
    [
        ("heic-trailing-samsung-sef.heic", (96, 64), (), ()),
        ("avif-trailing-text.avif", (96, 64), (), ("converted from AVIF",)),
        ("jpeg-no-eoi.jpg", (320, 240), (NO_END,), ("missing end marker added", "encoded again")),
        ("jpeg-no-eoi-padded-zeros.jpg", (320, 240), (NO_END,), ("missing end marker added", "encoded again")),
        ("jpeg-half-missing-with-eoi.jpg", (320, 240), (ROWS_MISSING,), ()),
        ("exif-6-claims-20-entries.jpg", (240, 320), (DAMAGED_EXIF,), ("turned upright", "encoded again")),
        ("bigtiff-big-endian.tif", (96, 64), (), ("converted from TIFF",)),
        ("bmp-last-row-unpadded.bmp", (95, 63), (), ("converted from BMP",)),
    ],
)
def test_a_file_of_the_field_is_taken_as_what_it_is(
    name: str, size: tuple[int, int], warnings: tuple[str, ...], changes: tuple[str, ...]
) -> None:
    data = (FIELD / name).read_bytes()
    info, result = probe(data), prepared(data)

    assert ((info.width, info.height), info.warnings) == (size, warnings)
    assert len(result.changes) == len(changes)
    assert all(done.startswith(wanted) for done, wanted in zip(result.changes, changes, strict=True))


# The picture that is meant

SENSOR: Tags = {33421: (3, [2, 2]), 33422: (1, [0, 1, 1, 2])}
MAKERS = {
    "NIKON CORPORATION": "NEF",
    "SONY": "ARW",
    "PENTAX Corporation": "PEF",
    "SAMSUNG": "SRW",
    "Hasselblad": "3FR",
    "Leaf": "MOS",
    "SEIKO EPSON CORP.": "ERF",
    "Somebody else": "RAW",
}


def _thumbnail(tags: Tags | None = None) -> Directory:
    return grid(160, 120, tags={254: (4, [1])} | (tags or {}))


def _sensor(tags: Tags | None = None) -> Directory:
    return grid(64, 48, samples=1, photometric=32803, tags={254: (4, [0])} | SENSOR | (tags or {}))


@pytest.mark.parametrize(("order", "big"), ORDERS)
@pytest.mark.parametrize(("maker", "name"), MAKERS.items())
def test_a_thumbnail_above_the_data_of_a_sensor_is_a_raw_by_its_maker(
    maker: str, name: str, order: str, big: bool
) -> None:
    first = _thumbnail(tags={271: text(maker)})
    nested = Directory(first.tags, first.pixels, [grid(80, 60, tags={254: (4, [1])}), _sensor()])

    for pages in ([nested], [first, _sensor()], [_sensor(tags={271: text(maker)})]):
        error = _rejection(tiff_of(pages, order=order, big=big))
        assert error.code == "unsupported_format"
        assert f"({name}: a camera raw" in error.message


@pytest.mark.parametrize(("order", "big"), ORDERS)
@pytest.mark.parametrize(
    ("page", "name"),
    [
        (_thumbnail(tags={50706: (1, [1, 4, 0, 0])}), "DNG"),
        (grid(64, 48, tags={50706: (1, [1, 6, 0, 0]), 271: text("Apple")}), "DNG"),
        (grid(64, 48, samples=3, photometric=34892), "RAW"),
        (grid(64, 48, samples=1, photometric=1, tags={259: (3, [34713])}), "NEF"),
        (grid(64, 48, samples=1, photometric=1, tags={259: (3, [32767])}), "ARW"),
        (grid(64, 48, samples=1, photometric=1, tags={259: (3, [32770])}), "SRW"),
        (grid(64, 48, samples=1, photometric=1, tags={259: (3, [65535])}), "PEF"),
    ],
)
def test_one_mark_of_a_raw_is_enough(page: Directory, name: str, order: str, big: bool) -> None:
    error = _rejection(tiff_of([page], order=order, big=big))

    assert (error.code, f"({name}: a camera raw" in error.message) == ("unsupported_format", True)


def test_a_raw_of_canon_is_known_by_the_mark_behind_its_header() -> None:
    data = tiff_of([grid(64, 48)])
    at = int.from_bytes(data[4:8], "little")

    moved = data[:4] + struct.pack("<I", len(data)) + b"CR\2\0" + data[12:] + data[at:]

    assert "(CR2: a camera raw of Canon)" in _rejection(moved).message


@pytest.mark.parametrize(("order", "big"), ORDERS)
@pytest.mark.parametrize("mark", [{254: (4, [1])}, {254: (4, [4])}, {255: (3, [2])}])
def test_the_first_page_that_is_not_marked_as_reduced_counts(mark: Tags, order: str, big: bool) -> None:
    small, full = grid(16, 12, tags=mark), grid(64, 48)
    below = Directory(small.tags, small.pixels, [small, full])

    for pages, size in (
        ([small, full], (64, 48)),
        ([full, small], (64, 48)),
        ([below], (64, 48)),
        ([small], (16, 12)),
        ([small, small, full, grid(32, 24)], (64, 48)),
    ):
        data = tiff_of(pages, order=order, big=big)
        assert (probe(data).width, probe(data).height) == size
        assert upright(data).size == size


@pytest.mark.parametrize(("order", "big"), ORDERS)
def test_a_tiff_has_the_same_pixels_in_every_byte_order_and_width(order: str, big: bool) -> None:
    page = grid(64, 48)

    assert upright(tiff_of([page], order=order, big=big)).tobytes() == page.pixels


def test_reduced_copies_are_no_frames() -> None:
    pages = [grid(64, 48), grid(32, 24, tags={254: (4, [1])}), grid(16, 12, tags={254: (4, [1])})]

    assert probe(tiff_of(pages)).frames == 1
    assert probe(tiff_of([*pages, grid(64, 48)])).frames == 2


def test_of_a_heic_of_several_images_the_primary_one_is_said_to_be_taken() -> None:
    assert prepared(build.heic("pair")).changes[0] == "primary of 2 images"


def test_directories_in_a_circle_or_without_end_are_walked_once() -> None:
    data = bytearray(tiff_of([_thumbnail()]))
    data[-4:] = data[4:8]

    assert probe(bytes(data)).width == 160


# Bytes around the image

WHOLE = {
    **{name: build.heic(name) for name in ("plain", "rotated", "pair", "thumbnail")},
    **{name: build.encode(build.picture(), name) for name in ("AVIF", "PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")},
    "animated AVIF": build.animation("AVIF"),
}
TRAILERS = (
    bytes(7),
    bytes(500),
    b"a few words",
    b"\0\0\0\x08free",
    b"\0\0\0\x08meta",
    b"\0\0\0\x01",
    b"\0\0\0\x02abcd",
    b"\0\0\0\0mdat",
    build.box(b"ftyp", b"mp42\0\0\0\0isommp42") + build.box(b"moov", bytes(100)),
    build.heic("plain"),
    b"\0\0\1\n\x0e\0\0\0Image_UTC_Data1526000000000SEFH\x6a\0\0\0SEFT",
)


@settings(deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.sampled_from(TRAILERS) | st.binary(max_size=80))
def test_no_bytes_behind_an_image_change_it(name: str, trailer: bytes) -> None:
    assert probe(WHOLE[name] + trailer) == probe(WHOLE[name])
    assert upright(WHOLE[name] + trailer).tobytes() == upright(WHOLE[name]).tobytes()


@settings(deadline=None)
@given(st.sampled_from(["plain", "rotated", "pair", "thumbnail", "AVIF"]), st.data())
def test_a_heic_or_avif_of_which_anything_is_missing_is_never_taken(name: str, data: st.DataObject) -> None:
    end = data.draw(st.integers(1, len(WHOLE[name]) - 1))

    with pytest.raises(ImageRejectedError):
        probe(WHOLE[name][:end])


def _noise(size: tuple[int, int], mode: str, **options: object) -> bytes:
    return build.encode(Image.effect_noise(size, 60).convert(mode), "JPEG", **options)


jpegs = st.builds(
    _noise,
    st.tuples(st.integers(40, 200), st.integers(40, 200)),
    st.sampled_from(["L", "RGB", "CMYK"]),
    quality=st.sampled_from([40, 90, 100]),
    progressive=st.booleans(),
    restart_marker_rows=st.sampled_from([0, 1]),
)


@settings(deadline=None, max_examples=40)
@given(jpegs, st.sampled_from([b"", b"\xff", bytes(2_000), b"words" * 40, b"\xff\xd8\xff\xe1\0\x08words"]))
def test_a_jpeg_that_lacks_its_end_marker_alone_is_written_anew_and_says_so(data: bytes, trailer: bytes) -> None:
    unended = data[:-2] + trailer

    assert probe(data).warnings == ()
    assert probe(unended).warnings == (NO_END,)
    assert "missing end marker added" in prepared(unended).changes
    assert upright(unended).tobytes() == upright(data).tobytes()


@settings(deadline=None, max_examples=40)
@given(jpegs, st.integers(5, 90))
def test_a_jpeg_that_lacks_rows_too_is_cut_off(data: bytes, percent: int) -> None:
    scan = data.rindex(b"\xff\xda")

    assert _rejection(data[: scan + (len(data) - scan) * percent // 100]).code == "truncated"


@settings(deadline=None, max_examples=40)
@given(jpegs.filter(lambda data: b"\xff\xc2" not in data), st.integers(10, 90))
def test_a_jpeg_whose_rows_are_missing_before_its_end_marker_says_so(data: bytes, percent: int) -> None:
    scan = data.rindex(b"\xff\xda") + 14

    assert probe(data[: scan + (len(data) - scan) * percent // 100] + b"\xff\xd9").warnings == (ROWS_MISSING,)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 4))
def test_a_bitmap_may_lack_the_padding_of_its_last_row_and_nothing_else(width: int, height: int, cut: int) -> None:
    data = build.encode(Image.new("RGB", (width, height), (9, 99, 199)), "BMP")
    padding = -3 * width % 4
    if max(width, height) > 80 * min(width, height):
        return
    if cut > padding:
        assert _rejection(data[: len(data) - cut]).code == "truncated"
    else:
        assert upright(data[: len(data) - cut]).getpixel((width - 1, height - 1)) == (9, 99, 199)


# Which way up

ENTRIES = ((271, 2, 40, 0xFFFFFFF0), (274, 3, 1, 6), (282, 5, 1, 0xFFFFFFF0), (305, 7, 9, 8), (306, 99, 1, 0))


def _exif(order: str, entries: tuple[tuple[int, int, int, int], ...], *, claims: int | None = None) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    body = b"".join(
        struct.pack(order + "HHI", tag, kind, count) + struct.pack(order + ("HH" if kind == 3 else "I"), *value)
        for tag, kind, count, number in entries
        for value in [(number, 0) if kind == 3 else (number,)]
    )
    count = len(entries) if claims is None else claims
    return b"Exif\0\0" + mark + struct.pack(order + "HIH", 42, 8, count) + body + bytes(4)


def _with_exif(*blocks: bytes) -> bytes:
    data = build.encode(build.picture(), "JPEG")
    for block in reversed(blocks):
        data = build.with_segment(data, 0xE1, block)
    return data


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("entries", range(len(ENTRIES) + 1))
@pytest.mark.parametrize("kept", range(0, 13, 3))
def test_entries_before_the_damage_of_an_exif_count(order: str, entries: int, kept: int) -> None:
    whole = _exif(order, ENTRIES)
    data = _with_exif(whole[: 16 + 12 * entries + kept])
    was_read = 12 * entries + kept >= 24

    info = probe(data)

    assert info.orientation == (6 if was_read else 1)
    assert (info.warnings != ()) == (12 * entries + kept < 12 * len(ENTRIES) - 4)
    head = probe_head(data[:HEAD_BYTES], max_side_px=8192)
    assert (head is None) if was_read else (head is not None and head.orientation == 1)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("claims", [6, 20, 4_097, 65_535])
def test_an_exif_that_claims_more_entries_than_it_has_counts(order: str, claims: int) -> None:
    info = probe(_with_exif(_exif(order, ENTRIES, claims=claims)))

    assert (info.orientation, info.warnings) == (6, (DAMAGED_EXIF,))


@pytest.mark.parametrize("empty", [b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0garbage", _exif("<", ()), _exif(">", ())])
@pytest.mark.parametrize("times", [1, 3])
def test_the_first_exif_that_holds_something_counts(empty: bytes, times: int) -> None:
    blocks = [empty] * times + [_exif(">", ENTRIES), _exif("<", ((274, 3, 1, 3),))]

    assert probe(_with_exif(*blocks)).orientation == 6
    assert probe_head(_with_exif(*blocks), max_side_px=8192) is None


def test_exif_behind_the_image_data_of_a_jpeg_counts_for_nobody() -> None:
    data = build.encode(build.picture(), "JPEG", progressive=True)
    late = data.rindex(b"\xff\xda")
    turned = data[:late] + build.segment(0xE1, _exif("<", ENTRIES)) + data[late:]

    assert probe(turned).orientation == 1
    assert probe_head(turned, max_side_px=8192) is not None


def test_exif_that_the_header_of_a_webp_does_not_announce_counts_for_nobody() -> None:
    data = bytearray(build.encode(build.picture(), "WEBP", exif=build.exif(6)))
    assert probe(bytes(data)).orientation == 6
    data[20] &= ~0x08 & 0xFF

    assert probe(bytes(data)).orientation == 1
    head = probe_head(bytes(data), max_side_px=8192)
    assert head is not None
    assert head.orientation == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (700, 500)])
def test_the_head_of_a_png_never_contradicts_the_whole(orientation: int, behind: bool, size: tuple[int, int]) -> None:
    data = build.encode(Image.effect_noise(size, 90).convert("RGB"), "PNG")
    at = len(data) - 12 if behind else 33
    data = data[:at] + build.chunk(b"eXIf", build.exif(orientation).removeprefix(b"Exif\0\0")) + data[at:]

    head = probe_head(data[:HEAD_BYTES], max_side_px=8192)

    assert head is None or head.orientation == probe(data).orientation == 1


# Words


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "bmp", "tiff", "webp", "avif"])
def test_no_words_of_a_decoder_reach_a_user(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.core.images import decoders

    def fails(_: io.BytesIO) -> Image.Image:
        raise OSError("decoder error -2 at 0xdeadbeef")

    monkeypatch.setattr(decoders, "_plugin", lambda _: fails)

    message = _rejection(build.encode(build.picture(), name.upper())).message

    assert "deadbeef" not in message
    assert re.match(r"Expected a (readable|complete) \w+ file; ", message)


def _bmp(bits: int, compression: int) -> bytes:
    data = bytearray(build.encode(build.picture(), "BMP") + bytes(40_000))
    struct.pack_into("<HI", data, 28, bits, compression)
    return bytes(data)


@pytest.mark.parametrize(("bits", "compression"), [(24, 4), (24, 5), (32, 11), (64, 0), (2, 0), (24, 99)])
def test_a_bitmap_of_a_variant_that_is_not_handled_is_named(bits: int, compression: int) -> None:
    error = _rejection(_bmp(bits, compression))

    assert error.code == "unsupported_format"
    assert f"a BMP of {bits} bits a pixel, " in error.message


@pytest.mark.parametrize("form", ORDERS)
@pytest.mark.parametrize(
    ("bits", "sample_format", "words"),
    [(64, 3, "floating-point"), (16, 3, "floating-point"), (64, 6, "complex"), (24, 1, "whole-number")],
)
def test_a_tiff_of_samples_that_are_not_handled_is_named(
    bits: int, sample_format: int, words: str, form: tuple[str, bool]
) -> None:
    order, big = form
    page = grid(64, 48, samples=1, photometric=1, tags={258: (3, [bits]), 339: (3, [sample_format])})

    error = _rejection(tiff_of([page], order=order, big=big))

    assert error.code == "unsupported_format"
    assert f"a TIFF of 1 {words} samples of {bits} bits a pixel" in error.message


@pytest.mark.parametrize(
    ("marker", "words"), [(0xC3, "lossless"), (0xC9, "arithmetic coding"), (0xF7, "JPEG-LS"), (0xC5, "a rare kind")]
)
def test_a_jpeg_of_a_kind_that_is_not_handled_is_named(marker: int, words: str) -> None:
    error = _rejection(build.with_jpeg_frame(build.encode(build.picture(), "JPEG"), marker=marker))

    assert error.code == "unsupported_format"
    assert words in error.message


def test_the_corners_of_a_big_endian_bigtiff_are_where_they_belong() -> None:
    page = Directory(grid(64, 48).tags, build.picture().tobytes())

    assert_alike(corners(upright(tiff_of([page], order=">", big=True))), UPRIGHT_CORNERS, tolerance=0)
