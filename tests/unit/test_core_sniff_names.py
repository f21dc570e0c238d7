"""What is a picture, but of a kind that is not taken, is called by its name, whatever encoding or prologue it has."""

from __future__ import annotations

import gzip
import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.core.errors import ImageRejectedError
from shared.core.images.probing import probe
from shared.core.images.sniff import describe, sniff
from tests import hostile_builders as build

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "latin-1")
PROLOGUES = (
    '<?xml version="1.0"?>\n',
    "<!-- drawn <svg by> hand -->\n",
    "<?xml-stylesheet href='a>b.css'?>",
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd" [ <!ENTITY a "b>"> <!-- ]> --> ]>\n',
    '<!DOCTYPE svg:svg [\n<!ENTITY ns "http://www.w3.org/2000/svg">\n]>',
    "<!doctype SVG>",
    " \r\n\t",
    "<!--" + "x" * 3_000 + "-->",
)
ROOTS = ('<svg xmlns="http://www.w3.org/2000/svg"/>', "<svg:svg>", "<SVG\n>", "<svg>")


def _rejection(data: bytes) -> ImageRejectedError:
    with pytest.raises(ImageRejectedError) as caught:
        probe(data)
    return caught.value


def _format(data: bytes) -> str | None:
    found = sniff(data)
    return found.format if found else None


@given(st.lists(st.sampled_from(PROLOGUES), max_size=4), st.sampled_from(ROOTS), st.sampled_from(ENCODINGS))
def test_an_svg_is_one_in_every_encoding_behind_every_prologue(prologue: list[str], root: str, encoding: str) -> None:
    text = "".join(prologue) + root

    assert _format(text.encode(encoding)) == "svg"
    assert _format(gzip.compress(text.encode(encoding))) == "svg"


def test_an_svg_may_be_in_ebcdic() -> None:
    assert _format(('<?xml version="1.0" encoding="cp037"?>' + ROOTS[0]).encode("cp037")) == "svg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0"?><note>svg</note>', "an XML document"),
        ("<!DOCTYPE html><svg/>", "an HTML page"),
        ("<!-- <svg> --><html><svg/></html>", "an HTML page"),
        ("svg <svg>", "plain text"),
        ("", "nothing but zero bytes"),
    ],
)
def test_what_only_holds_an_svg_is_none(text: str, words: str) -> None:
    assert sniff(text.encode()) is None
    assert describe(text.encode()) == words


@pytest.mark.parametrize("part", ["<!--", "<?", "<!DOCTYPE x [", "<!DOCTYPE x '", "<!---->", " ", "<!doctype x>", '"'])
def test_a_prologue_without_end_is_no_svg_and_ends_the_search(part: str) -> None:
    assert sniff(b"<!DOCTYPE x [" + part.encode() * 1_000_000) is None
    assert sniff(part.encode() * 1_000_000) is None


def _tga(kind: int, depth: int, *, palette: bool = False, size: tuple[int, int] = (5, 3)) -> bytes:
    colours = (256, 24) if palette else (0, 0)
    header = struct.pack("<BBBHHBHHHHBB", 0, palette, kind, 0, *colours, 0, 0, *size, depth, 0x20)
    return header + bytes(3 * colours[0]) + bytes(size[0] * size[1] * ((depth + 7) // 8))


NAMED: dict[str, list[bytes]] = {
    "PBM": [b"P1\n2 1\n0 1\n", b"P4 8 1\n\xaa"],
    "PGM": [b"P2\n# made by hand\n2 1\n255\n0 9\n", b"P5\n2 1\n65535\n\0\1\0\2"],
    "PPM": [b"P3 1 1 255 1 2 3\n", b"P6\n#a\n#b\n1 1\n255\n\1\2\3", build.encode(build.picture(), "PPM")],
    "PAM": [b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n\0", b"P7\n# a\nTUPLTYPE RGB\n"],
    "PFM": [b"PF\n1 1\n-1.0\n" + bytes(12), b"Pf\n1 1\n1.0\n" + bytes(4)],
    "TGA": [
        build.encode(build.picture(), "TGA"),
        build.encode(build.picture("L"), "TGA", compression="tga_rle"),
        build.encode(build.picture("P"), "TGA"),
        _tga(1, 8, palette=True),
        _tga(2, 16),
        _tga(2, 24),
        _tga(2, 32),
        _tga(3, 8),
        _tga(10, 24),
    ],
    "PCX": [build.encode(build.picture(mode), "PCX") for mode in ("RGB", "L", "P", "1")],
    "ICNS": [build.encode(Image.new("RGB", (128, 128)), "ICNS")],
    "ICO": [build.encode(build.picture(), "ICO")],
    "CUR": [b"\0\0\2\0\1\0" + build.encode(build.picture(), "ICO")[6:]],
    "SGI": [build.encode(build.picture(), "SGI")],
    "DDS": [build.encode(build.picture(), "DDS")],
    "XBM": [build.encode(build.picture("1"), "XBM"), b"/* a bitmap */\n#define cat_width 8\n"],
    "XPM": [b"/* XPM */\nstatic char *cat[] = {"],
    "ORF": [b"IIRO\x08\0\0\0" + bytes(64), b"IIRS\x08\0\0\0" + bytes(64), b"MMOR\0\0\0\x08" + bytes(64)],
    "RW2": [b"IIU\0\x18\0\0\0" + bytes(64)],
    "RAF": [b"FUJIFILMCCD-RAW 0201FF383501X-T1" + bytes(64)],
    "CRW": [b"II\x1a\0\0\0HEAPCCDR\2\0\1\0" + bytes(64)],
    "MRW": [b"\0MRM\0\0\0\x40" + bytes(64)],
    "X3F": [b"FOVb\0\0\2\0" + bytes(64)],
    "CR3": [build.box(b"ftyp", b"crx \0\0\0\1crx isom")],
    "EXR": [b"\x76\x2f\x31\x01\2\0\0\0"],
    "HDR": [b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"],
    "FITS": [b"SIMPLE  =                    T"],
    "DICOM": [bytes(128) + b"DICM" + bytes(8)],
    "XCF": [b"gimp xcf v011\0"],
    "EMF": [b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(40)],
    "WMF": [b"\xd7\xcd\xc6\x9a" + bytes(18)],
    "JXR": [b"II\xbc\x01\x08\0\0\0"],
    "JXL": [b"\xff\x0a\0"],
    "QOI": [b"qoif\0\0\0\1\0\0\0\1\3\0"],
    "MNG": [b"\x8aMNG\r\n\x1a\n"],
    "DJVU": [b"AT&TFORM\0\0\0\4DJVU"],
}


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, all_data in NAMED.items() for data in all_data])
def test_a_picture_of_a_kind_that_is_not_taken_is_called_by_its_name(name: str, data: bytes) -> None:
    error = _rejection(data)

    assert error.code == "unsupported_format"
    assert f"({name}" in error.message
    assert error.message.endswith("Convert it to PNG or JPEG and upload that.")


@pytest.mark.parametrize(
    "data",
    [
        b"P6 is the sixth page of 24 pages",
        b"P5 and P7\n",
        b"PF\nthe form",
        b"\n" * 200,
        b"\n\5\1\x08 and so on" + b"x" * 200,
        bytes(18) + b"\1" * 64,
        b"\0\0\2\0\0\0" + b"\xff" * 64,
        b"icon",
        b"#define width 8",
    ],
)
def test_what_only_begins_like_one_is_none(data: bytes) -> None:
    assert sniff(data) is None


def test_no_signature_hides_another() -> None:
    from shared.core.images.signatures import SIGNATURES

    pairs = itertools.combinations([signature for signature, _ in SIGNATURES], 2)
    assert not [pair for pair in pairs if pair[1].startswith(pair[0])]
