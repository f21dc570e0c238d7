from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.images.sniff import Sniffed, describe, sniff
from tests import hostile_builders as build


@pytest.mark.parametrize(
    ("pillow_format", "expected"),
    [
        ("PNG", Sniffed("png", "image/png")),
        ("JPEG", Sniffed("jpeg", "image/jpeg")),
        ("WEBP", Sniffed("webp", "image/webp")),
        ("GIF", Sniffed("gif", "image/gif")),
        ("BMP", Sniffed("bmp", "image/bmp")),
        ("TIFF", Sniffed("tiff", "image/tiff")),
        ("AVIF", Sniffed("avif", "image/avif")),
        ("ICO", Sniffed("ico", "image/x-icon")),
        ("JPEG2000", Sniffed("jpeg2000", "image/jp2")),
        ("PDF", Sniffed("pdf", "application/pdf")),
        ("EPS", Sniffed("eps", "application/postscript")),
    ],
)
def test_what_pillow_writes_is_recognised_by_its_content(pillow_format: str, expected: Sniffed) -> None:
    assert sniff(build.encode(build.picture(), pillow_format)) == expected


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"heic\0\0\0\0mif1heic", "heic"),
        (b"mif1\0\0\0\0mif1heic", "heic"),
        (b"mif1\0\0\0\0mif1miaf", "heif"),
        (b"mif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"avis\0\0\0\0avifavismsf1", "avif"),
        (b"hevc\0\0\0\0msf1hevc", "heic"),
        (b"isom\0\0\2\0isomiso2mp41", "mp4"),
        (b"qt  \0\0\0\0qt  ", "mov"),
        (b"crx \0\0\0\1crx isom", "cr3"),
    ],
)
def test_iso_media_files_are_told_apart_by_their_brands(brands: bytes, expected: str) -> None:
    found = sniff(build.box(b"ftyp", brands) + build.box(b"meta", bytes(8)))

    assert found is not None
    assert found.format == expected


@pytest.mark.parametrize(
    "text",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn by hand -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg >",
        b"  \n<SVG>",
    ],
)
def test_svg_is_recognised_behind_declarations_and_comments(text: bytes) -> None:
    assert sniff(text) == Sniffed("svg", "image/svg+xml")


def test_html_that_contains_an_svg_is_not_an_svg() -> None:
    assert sniff(b"<html><svg></svg></html>") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Hello,\nworld", "plain text"),
        ("Grüße".encode() * 2_000, "plain text"),
        ("Grüße".encode("utf-16"), "UTF-16 text"),
        (b"<!DOCTYPE html><p>404", "an HTML page"),
        (b'{"error": 404}', "JSON"),
        (b"[" + b"1, " * 9_000, "JSON"),
        (b"{not json}", "plain text"),
        (b"[" * 4_000, "plain text"),
        (b"PK\x03\x04rest", "a ZIP archive"),
        (b"\x1f\x8b\x08rest", "a gzip archive"),
        (b"MZ\x90\x00", "a Windows program"),
        (bytes(100), "nothing but zero bytes"),
        (b"\x8f\x00\x01\x02", "unknown binary data"),
        (b"text with \x00 inside", "unknown binary data"),
    ],
)
def test_what_is_no_image_is_described_for_people(data: bytes, words: str) -> None:
    assert sniff(data) is None
    assert describe(data) == words


def test_text_that_begins_with_bm_is_not_a_bitmap() -> None:
    assert sniff(b"BMW is a maker of cars in Bavaria") is None


@given(st.binary(max_size=200))
def test_any_bytes_can_be_sniffed_and_described(data: bytes) -> None:
    assert sniff(data) is None or isinstance(sniff(data), Sniffed)
    assert describe(data)


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=5))
def test_every_json_object_is_described_as_json(value: dict[str, int]) -> None:
    assert describe(json.dumps(value).encode()) == "JSON"
