"""How the files begin that a bucket of images receives, and what those are called that Uplook does not take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A kind of file: `format` is a lower-case word (`jpeg`), the same that `ImageInfo.format` uses."""

    format: str
    mime_type: str


SIGNATURES: tuple[tuple[bytes, Sniffed], ...] = (
    (b"\x89PNG\r\n\x1a\n", Sniffed("png", "image/png")),
    (b"\xff\xd8\xff", Sniffed("jpeg", "image/jpeg")),
    (b"GIF87a", Sniffed("gif", "image/gif")),
    (b"GIF89a", Sniffed("gif", "image/gif")),
    (b"II*\x00", Sniffed("tiff", "image/tiff")),
    (b"MM\x00*", Sniffed("tiff", "image/tiff")),
    (b"II+\x00", Sniffed("tiff", "image/tiff")),
    (b"MM\x00+", Sniffed("tiff", "image/tiff")),
    (b"%PDF-", Sniffed("pdf", "application/pdf")),
    (b"%!PS", Sniffed("eps", "application/postscript")),
    (b"\xc5\xd0\xd3\xc6", Sniffed("eps", "application/postscript")),
    (b"8BPS", Sniffed("psd", "image/vnd.adobe.photoshop")),
    (b"\x00\x00\x01\x00", Sniffed("ico", "image/x-icon")),
    (b"\xff\x0a", Sniffed("jxl", "image/jxl")),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", Sniffed("jxl", "image/jxl")),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Sniffed("jpeg2000", "image/jp2")),
    (b"\xff\x4f\xff\x51", Sniffed("jpeg2000", "image/jp2")),
    (b"II\xbc\x01", Sniffed("jxr", "image/jxr")),
    (b"\x1aE\xdf\xa3", Sniffed("webm", "video/webm")),
    (b"OggS", Sniffed("ogg", "video/ogg")),
    (b"FLV\x01", Sniffed("flv", "video/x-flv")),
    (b"\x00\x00\x01\xba", Sniffed("mpeg", "video/mpeg")),
    (b"\x00\x00\x01\xb3", Sniffed("mpeg", "video/mpeg")),
    (b"\x8aMNG\r\n\x1a\n", Sniffed("mng", "video/x-mng")),
    (b"\x8bJNG\r\n\x1a\n", Sniffed("jng", "image/x-jng")),
    (b"icns", Sniffed("icns", "image/icns")),
    (b"IIRO\x08\x00", Sniffed("orf", "image/x-olympus-orf")),
    (b"IIRS\x08\x00", Sniffed("orf", "image/x-olympus-orf")),
    (b"MMOR\x00\x00", Sniffed("orf", "image/x-olympus-orf")),
    (b"IIU\x00", Sniffed("rw2", "image/x-panasonic-rw2")),
    (b"FUJIFILMCCD-RAW", Sniffed("raf", "image/x-fuji-raf")),
    (b"FOVb", Sniffed("x3f", "image/x-sigma-x3f")),
    (b"\x00MRM", Sniffed("mrw", "image/x-minolta-mrw")),
    (b"\x76\x2f\x31\x01", Sniffed("exr", "image/x-exr")),
    (b"#?RADIANCE\n", Sniffed("hdr", "image/vnd.radiance")),
    (b"#?RGBE\n", Sniffed("hdr", "image/vnd.radiance")),
    (b"DDS \x7c\x00\x00\x00", Sniffed("dds", "image/vnd-ms.dds")),
    (b"gimp xcf ", Sniffed("xcf", "image/x-xcf")),
    (b"SIMPLE  =", Sniffed("fits", "image/fits")),
    (b"AT&TFORM", Sniffed("djvu", "image/vnd.djvu")),
    (b"qoif", Sniffed("qoi", "image/qoi")),
    (b"BPG\xfb", Sniffed("bpg", "image/bpg")),
    (b"FLIF", Sniffed("flif", "image/flif")),
    (b"\x01\xda\x00", Sniffed("sgi", "image/x-sgi")),
    (b"\x01\xda\x01", Sniffed("sgi", "image/x-sgi")),
    (b"\x59\xa6\x6a\x95", Sniffed("sun", "image/x-sun-raster")),
    (b"\xd7\xcd\xc6\x9a", Sniffed("wmf", "image/wmf")),
    (b"/* XPM */", Sniffed("xpm", "image/x-xpixmap")),
    (b"farbfeld", Sniffed("farbfeld", "image/x-farbfeld")),
)
"""Longer signatures never stand behind a shorter one that they begin with."""

DEEP_SIGNATURES: tuple[tuple[int, bytes, Sniffed], ...] = (
    (6, b"HEAPCCDR", Sniffed("crw", "image/x-canon-crw")),
    (40, b" EMF", Sniffed("emf", "image/emf")),
    (128, b"DICM", Sniffed("dicom", "application/dicom")),
)
"""Signatures that stand behind the first bytes: where, which, and what they show."""

RIFF_KINDS = {
    b"WEBP": Sniffed("webp", "image/webp"),
    b"AVI ": Sniffed("avi", "video/x-msvideo"),
    b"ACON": Sniffed("ani", "image/x-ani"),
}

RAW_NAMES = {
    "3fr": "a camera raw of Hasselblad",
    "arw": "a camera raw of Sony",
    "cr2": "a camera raw of Canon",
    "cr3": "a camera raw of Canon",
    "crw": "a camera raw of Canon",
    "dcr": "a camera raw of Kodak",
    "dng": "a camera raw, Digital Negative",
    "erf": "a camera raw of Epson",
    "iiq": "a camera raw of Phase One",
    "mef": "a camera raw of Mamiya",
    "mos": "a camera raw of Leaf",
    "mrw": "a camera raw of Minolta",
    "nef": "a camera raw of Nikon",
    "orf": "a camera raw of Olympus",
    "pef": "a camera raw of Pentax",
    "raf": "a camera raw of Fujifilm",
    "raw": "a camera raw",
    "rw2": "a camera raw of Panasonic or Leica",
    "srw": "a camera raw of Samsung",
    "x3f": "a camera raw of Sigma",
}
"""Camera raws by format: the file holds what the sensor saw, and a picture of it only as a thumbnail."""

_NAMES = RAW_NAMES | {
    "ani": "animated Windows cursor",
    "cur": "Windows cursor",
    "djvu": "scanned document",
    "dicom": "medical image",
    "emf": "Windows metafile",
    "exr": "OpenEXR",
    "fits": "image of astronomy",
    "hdr": "Radiance",
    "icns": "icons of macOS",
    "ico": "Windows icons",
    "jpeg2000": "JPEG 2000",
    "jxl": "JPEG XL",
    "jxr": "JPEG XR",
    "pam": "Netpbm",
    "pbm": "Netpbm",
    "pfm": "Netpbm",
    "pgm": "Netpbm",
    "ppm": "Netpbm",
    "psd": "Photoshop",
    "sgi": "Silicon Graphics",
    "sun": "Sun raster",
    "svg": "vector graphics",
    "tga": "Truevision Targa",
    "wmf": "Windows metafile",
    "xbm": "X bitmap",
    "xcf": "GIMP",
    "xpm": "X pixmap",
}


def named(kind: Sniffed) -> str:
    """Name a kind that is not taken, in words that fit after "found"."""
    more = _NAMES.get(kind.format)
    return f"a file of type {kind.mime_type} ({kind.format.upper()}{f': {more}' if more else ''})"
