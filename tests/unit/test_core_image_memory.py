from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests import hostile_builders as build

REPOSITORY = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
CHILD = """
import re, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
from shared.core.images.probing import probe
from shared.core.images.prepare import prepare
data = Path(sys.argv[1]).read_bytes()
prepared = prepare(data, probe(data), accepted=frozenset(), max_side_px=int(sys.argv[2]))
print(prepared.width, prepared.height, re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def peak_of_preparing(data: bytes, folder: Path, *, max_side_px: int = 3_072) -> tuple[int, int, int]:
    """Return width, height and the peak memory in MB of a process that prepares one file."""
    file = folder / "image"
    file.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(file), str(max_side_px)], capture_output=True, check=True, cwd=REPOSITORY
    )
    width, height, kibibytes = map(int, done.stdout.split())
    return width, height, kibibytes * 1_024 // 1_000_000


needs_proc = pytest.mark.skipif(not STATUS.exists(), reason="peak memory is read from /proc, which Linux has")


@needs_proc
def test_preparing_100_megapixels_of_baseline_jpeg_stays_below_200_mb(tmp_path: Path) -> None:
    width, height, megabytes = peak_of_preparing(build.tall_jpeg(11_600, 544), tmp_path)

    assert (width, height) == (3_072, 2_305)
    assert megabytes < 200


@pytest.mark.fault(111)
@needs_proc
@pytest.mark.parametrize("name", ["progressive jpeg", "png", "png 16 bit", "webp", "gif", "avif"])
def test_the_worst_file_that_passes_the_caps_stays_below_512_mib(name: str, tmp_path: Path) -> None:
    *_, megabytes = peak_of_preparing(WORST[name](), tmp_path)

    assert megabytes < 512 * 1.048576


def flat_png(size: tuple[int, int], row_bytes: int, *, bits: int, colour_type: int) -> bytes:
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(bytes(row_bytes + 1)) for _ in range(size[1])) + packer.flush()
    return build.png(size, build.chunk(b"IDAT", body), bits=bits, colour_type=colour_type)


WORST = {
    "progressive jpeg": lambda: build.with_jpeg_frame(
        build.encode(build.picture(), "JPEG", progressive=True), size=(8_700, 6_900)
    ),
    "png": lambda: flat_png((7_400, 6_000), 3 * 7_400, bits=8, colour_type=2),
    "png 16 bit": lambda: flat_png((8_900, 8_900), 2 * 8_900, bits=16, colour_type=0),
    "webp": lambda: build.encode(Image.new("RGB", (5_050, 5_050)), "WEBP", lossless=True, quality=0),
    "gif": lambda: build.encode(Image.new("P", (9_500, 9_500)), "GIF"),
    "avif": lambda: build.encode(Image.new("RGB", (5_400, 5_400)), "AVIF", speed=10, subsampling="4:4:4"),
}
