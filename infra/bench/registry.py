"""The table of benchmarks: the questions, the ways to answer them, the targets."""

from __future__ import annotations

from infra.bench import browser
from infra.bench.bombs import REPLIES
from infra.bench.floor.groups import FLOOR, STARTS
from infra.bench.inputs import LARGE, MASKS, PHOTO, SIDEWAYS
from infra.bench.model import Benchmark, Target, Variant

_WORK = "infra.bench.work"
_HELLO = """
import functions_framework

@functions_framework.cloud_event
def hello(event):
    pass
"""
_EAGER = "import functions_framework, google.genai, google.cloud.storage, google.cloud.pubsub_v1, PIL.Image, numpy"
_CLIENTS = """
import main
main.caption
from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.adapters.pubsub import GooglePublisher
from shared.adapters.storage import GoogleStorage

GeminiModel(ByKey("none"), base_url="http://gemini.invalid", connections=8)
GoogleStorage(project="none", emulator_host="http://storage.invalid", connections=8)
GooglePublisher(emulator_host="pubsub.invalid:80")
"""
_EVENTS = 10
_WORST_FILES = tuple(f"worst.{ending}" for ending in ("png", "bmp", "jpg", "gif", "tif", "webp", "avif", "heic"))

_MASKS = Benchmark(
    "masks",
    "an answer with 10 masks of a 12-megapixel photo becomes mask PNGs and an overlay",
    (
        Variant("ours_png", "256x256 PNG masks; overlay of 2048 px", f"{_WORK}.masks:ours", "png"),
        Variant("ours_polygon", "the same shapes as polygons", f"{_WORK}.masks:ours", "polygon"),
        Variant(
            "ours_full_overlay",
            "as ours_png, the overlay at 4000 px like the baselines",
            f"{_WORK}.masks:ours_full_size",
            "png",
        ),
        Variant(
            "guide_2_of_10",
            "the guides of 2025, full size, stopped after 2 masks: a lower bound",
            f"{_WORK}.guides:guide",
            "2",
            against="ours_png",
            quick=2,
            full=2,
        ),
        Variant(
            "guide",
            "the guides of 2025, full size: 8-bit PNG and RGBA overlay PNG per mask",
            f"{_WORK}.guides:guide",
            str(MASKS),
            against="ours_png",
            quick=0,
            full=2,
        ),
        Variant(
            "guide_thumbnail",
            "the guides to the letter: masks and overlays of a 1024-px thumbnail only",
            f"{_WORK}.guides:guide_thumbnail",
            str(MASKS),
            against="ours_png",
            quick=3,
        ),
        Variant(
            "milder_png",
            "no loop over pixels: full-size arrays, 8-bit PNGs, one JPEG overlay",
            f"{_WORK}.guides:milder",
            "png",
            against="ours_png",
        ),
        Variant(
            "milder_polygon",
            "the same with polygons drawn on full-size canvases",
            f"{_WORK}.guides:milder",
            "polygon",
            against="ours_polygon",
        ),
    ),
    (
        Target("guides (2 of 10 masks) / ours", "cpu_ms", ("guide_2_of_10",), "at least", 10, "ours_png"),
        Target("guides / ours", "cpu_ms", ("guide",), "at least", 10, "ours_png"),
        Target("peak MB of ours", "peak_rss_mb", ("ours_png", "ours_polygon"), "at most", 110),
    ),
)

_PREPARE = Benchmark(
    "prepare",
    "a 100-megapixel JPEG shrunk to 3072 px, and a 12-megapixel sideways JPEG turned upright",
    (
        Variant("large_ours", "probe and prepare", f"{_WORK}.preparing:ours", LARGE),
        Variant("large_thumbnail", "Image.thumbnail", f"{_WORK}.preparing:thumbnail", LARGE, against="large_ours"),
        Variant("sideways_ours", "probe and prepare", f"{_WORK}.preparing:ours_turned", SIDEWAYS),
        Variant(
            "sideways_transpose",
            "ImageOps.exif_transpose",
            f"{_WORK}.preparing:transpose",
            SIDEWAYS,
            against="sideways_ours",
        ),
    ),
    (
        Target("peak MB for 100 megapixels", "peak_rss_mb", ("large_ours",), "at most", 200),
        Target("thumbnail / ours, CPU", "cpu_ms", ("large_thumbnail",), "at least", 1, "large_ours"),
        Target("thumbnail / ours, memory", "peak_rss_mb", ("large_thumbnail",), "at least", 2, "large_ours"),
    ),
)

_HOSTILE = Benchmark(
    "hostile",
    "files that want to become large ones, and a megabyte of hostile reply",
    (
        Variant("png_bomb", "probe 169 megapixels in half a megabyte", f"{_WORK}.hostile:probe", "bomb.png", quick=3),
        Variant(
            "png_bomb_pillow",
            "open and load it",
            f"{_WORK}.hostile:pillow",
            "bomb.png",
            against="png_bomb",
            quick=3,
        ),
        Variant("mask_bomb", "a mask of 169 megapixels", f"{_WORK}.hostile:mask", "bomb-mask.png", quick=3),
        Variant(
            "mask_bomb_guide",
            "decode it and fit it to its box, as the guides do",
            f"{_WORK}.hostile:pillow_mask",
            "bomb-mask.png",
            against="mask_bomb",
            quick=3,
        ),
        Variant(
            "mask_swollen", "256x256 pixels that unpack to 100 MB", f"{_WORK}.hostile:mask", "bomb-swollen.png", quick=3
        ),
        Variant("reply_harmless", "1 MB of well-formed items", f"{_WORK}.hostile:harmless", quick=3),
        *(
            Variant(f"reply: {kind}", "", f"{_WORK}.hostile:reply", kind, against="reply_harmless", quick=3, full=5)
            for kind in REPLIES
        ),
    ),
    (
        Target(
            "CPU of the worst bomb / Pillow decoding one",
            "cpu_ms",
            ("png_bomb", "mask_bomb", "mask_swollen"),
            "at most",
            0.02,
            "png_bomb_pillow",
        ),
        Target(
            "CPU of the worst hostile reply / a harmless one of its size",
            "cpu_ms",
            tuple(f"reply: {kind}" for kind in REPLIES),
            "at most",
            1.5,
            "reply_harmless",
        ),
    ),
)

_WORST = Benchmark(
    "worst",
    "the costliest small file of each format that is taken: probed, prepared and opened to draw on",
    (
        Variant(
            "decode", "Pillow decodes a photo of 12 megapixels: the yardstick", f"{_WORK}.event:decode", PHOTO, quick=3
        ),
        *(
            Variant(name, "", f"{_WORK}.hostile:taken", name, against="decode", quick=1, full=3)
            for name in _WORST_FILES
        ),
    ),
    (
        Target("CPU of the worst (two decodes) / decoding a photo", "cpu_ms", _WORST_FILES, "at most", 50, "decode"),
        Target("peak MB of the worst", "peak_rss_mb", _WORST_FILES, "at most", 450),
    ),
)

_COLD_START = Benchmark(
    "cold_start",
    "from the start of the process to the end of its imports, with compiled bytecode",
    (
        Variant("ours", "import main and a worker", "import main; main.caption", kind="start"),
        Variant("python", "nothing", "pass", kind="start", against="ours"),
        Variant("hello", "functions-framework and a hello world", _HELLO, kind="start", against="ours"),
        Variant(
            "eager",
            "functions-framework, genai, storage, pubsub, Pillow and numpy at the top",
            _EAGER,
            kind="start",
            against="ours",
        ),
        Variant(
            "clients",
            "import main and a worker, then the clients that the first event builds",
            _CLIENTS,
            kind="start",
            against="ours",
        ),
    ),
    (
        Target("CPU of ours / hello world", "cpu_ms", ("ours",), "at most", 1.8, "hello"),
        Target("CPU of eager imports / ours", "cpu_ms", ("eager",), "at least", 2, "ours"),
        Target("peak MB of ours / hello world", "peak_rss_mb", ("ours",), "at most", 1.25, "hello"),
    ),
)

_EVENT = Benchmark(
    "event",
    "one image event about a 12-megapixel photo on memory adapters: all but the model call and the network",
    (
        *(
            Variant(task, "event to result event", f"{_WORK}.event:ours", task, units=_EVENTS, quick=3)
            for task in ("caption", "detect", "segment")
        ),
        Variant(
            "caption_bare",
            "open, ask, parse, store: no lease, no checks, no journal",
            f"{_WORK}.event:bare",
            "caption",
            against="caption",
            units=_EVENTS,
            quick=3,
        ),
        Variant(
            "decode",
            "Pillow decodes the photo: the yardstick",
            f"{_WORK}.event:decode",
            PHOTO,
            against="caption",
            units=_EVENTS,
            quick=3,
        ),
    ),
    (
        Target("CPU of a caption / decoding the photo", "cpu_ms", ("caption",), "at most", 0.2, "decode"),
        Target("CPU of boxes or masks / decoding it", "cpu_ms", ("detect", "segment"), "at most", 5, "decode"),
    ),
)

_PAGE = Benchmark(
    "page",
    "the page of the local stack in Chromium, loaded for the first time: until something is seen, and its first cards",
    (
        Variant("empty", "a page with one word: the yardstick", f"{_WORK}.page:empty", quick=3),
        Variant("paint_10", "first paint with 10 images", f"{_WORK}.page:paint", "10", against="empty", quick=3),
        Variant("paint_1000", "first paint with 1,000", f"{_WORK}.page:paint", "1000", against="empty", quick=3),
        Variant("cards_10", "first cards of 10 images", f"{_WORK}.page:cards", "10", against="empty", quick=3),
        Variant("cards_1000", "first cards of 1,000", f"{_WORK}.page:cards", "1000", against="empty", quick=3),
    ),
    (
        Target("first paint with 1,000 images / an empty page", "wall_ms", ("paint_1000",), "at most", 10, "empty"),
        Target("first cards of 1,000 images / of 10", "wall_ms", ("cards_1000",), "at most", 3, "cards_10"),
    ),
    needs=browser.NAMES,
)

BENCHMARKS = (_MASKS, _PREPARE, _HOSTILE, _WORST, _COLD_START, _EVENT, FLOOR, STARTS, _PAGE)
