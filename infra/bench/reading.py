"""`python -m infra.bench.reading`: `cost` over many documents, now and at an older commit, in one run on one machine.

The documents lie in one storage emulator behind a real socket, and both commands read from it, turn by turn. JSON on
stdout: wall-clock and processor seconds of each run, how many times faster it is now, and when its first sign came.
Exit code 1: fewer times than `--times`, sums that differ, or no sign within two seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from infra.local.process import Process, service_argv

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]
BEFORE = "79838be"
"""The last commit that read one document after the other's validation."""
_BUCKET = "results"
_FIRST_SIGN_S = 2.0
_START_S = 60
_WRITERS = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench.reading", description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=10_002, metavar="N")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="of each, turn by turn (default: 1)")
    parser.add_argument("--against", default=BEFORE, metavar="COMMIT")
    parser.add_argument("--times", type=float, default=5.0, help="how many times faster is expected (default: 5)")
    args = parser.parse_args(arguments)
    emulator = Process("storage", service_argv("storage", "--port", "0", "--bucket", _BUCKET), env=dict(os.environ))
    with tempfile.TemporaryDirectory(prefix="uplook-bench-") as folder, emulator:
        url = emulator.wait_ready(timeout_s=_START_S)
        _say(f"writing {args.documents} documents")
        _fill(url, args.documents)
        _check_out(args.against, Path(folder))
        runs: dict[str, list[dict[str, Any]]] = {"before": [], "now": []}
        for _ in range(args.runs):
            for name, place in (("before", Path(folder)), ("now", ROOT)):
                runs[name].append(_run(place, url))
                _say(f"{name}: {json.dumps({key: runs[name][-1][key] for key in ('wall_s', 'processor_s')})}")
    found = _compared(runs)
    print(json.dumps({"documents": args.documents, "against": args.against, **found, "runs": runs}, indent=2))
    late = any((run["first_sign_s"] or run["wall_s"]) > _FIRST_SIGN_S for run in runs["now"])
    return int(found["times_wall"] < args.times or not found["same_sums"] or late)


def _compared(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    def times(key: str) -> float:
        before, now = (median(run[key] for run in runs[name]) for name in ("before", "now"))
        return round(float(before / now), 2)

    known = runs["before"][0]["total"]  # what has been summed since then has nothing to be compared with
    sums = [{key: run["total"].get(key) for key in known} for each in runs.values() for run in each]
    return {
        "times_wall": times("wall_s"),
        "times_processor": times("processor_s"),
        "first_sign_s": max(run["first_sign_s"] or run["wall_s"] for run in runs["now"]),
        "same_sums": all(each == known for each in sums),
    }


def _fill(url: str, documents: int) -> None:
    place = urlsplit(url)

    def write(start: int) -> None:
        connection = HTTPConnection(place.netloc)
        for number in range(start, documents, _WRITERS):
            name, document = result_document(number)
            where = f"/upload/storage/v1/b/{_BUCKET}/o?uploadType=media&name={quote(name, safe='')}"
            connection.request("POST", where, json.dumps(document), {"Content-Type": "application/json"})
            connection.getresponse().read()
        connection.close()

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(write, range(_WRITERS)))


def result_document(number: int) -> tuple[str, dict[str, Any]]:
    """Return the name and the content of a result: three objects in one of seven folders of uploads."""
    name = f"shop-{number % 7}/{number:06d}.jpg"
    items = [
        {
            "index": index,
            "label": label,
            "status": "ok",
            "reason": None,
            "box_2d": [100, 200, 300, 400],
            "box_px": [205, 77, 410, 230],
            "box_px_stored": [205, 77, 410, 230],
        }
        for index, label in enumerate(("cup", "saucer", "spoon"))
    ]
    document = {
        "schema": "uplook.result/1",
        "id": f"{number:064x}",
        "status": "ok",
        "task": "detect",
        "run": "v1",
        "created": f"2026-11-{1 + number % 28:02d}T10:00:00.000Z",
        "source": {
            "bucket": "uploads",
            "name": name,
            "generation": str(number),
            "size": 250_000,
            "content_type": "image/jpeg",
            "crc32c": None,
        },
        "image": {
            "format": "jpeg",
            "mime_type": "image/jpeg",
            "width": 1024,
            "height": 768,
            "orientation": 1,
            "frames": 1,
        },
        "model": {"requested": "gemini-3.8-flash", "served": "gemini-3.8-flash"},
        "transport": None,
        "usage": {
            "prompt_tokens": 1_200,
            "output_tokens": 150,
            "thought_tokens": 0,
            "total_tokens": 1_350,
            "cost_usd": 0.0015,
        },
        "timing_ms": {},
        "items": items,
        "files": [],
        "warnings": [],
        "error": None,
    }
    return f"v1/uploads/{name}/{number}/detect.json", document


def _check_out(commit: str, folder: Path) -> None:
    packed = subprocess.run(["git", "archive", commit, "shared"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    subprocess.run(["tar", "x", "-C", str(folder)], input=packed.stdout, check=True)  # noqa: S607


def _run(place: Path, url: str) -> dict[str, Any]:
    """Run `cost` of the code in a folder; the first sign is the first byte on stderr."""
    used, begun = _processor_s(), time.monotonic()
    first_sign: float | None = None
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-m", "shared.operate", "cost", f"gs://{_BUCKET}/v1", "--json"],
        cwd=place,
        env=os.environ | {"STORAGE_EMULATOR_HOST": url},
        stdout=pipe,
        stderr=pipe,
    ) as child:
        if child.stdout is None or child.stderr is None:
            raise RuntimeError("expected pipes")
        if child.stderr.read(1):
            first_sign = time.monotonic() - begun
        child.stderr.read()
        told = child.stdout.read()
    if child.returncode != 0:
        raise RuntimeError(f"expected cost to succeed in {place}, found exit code {child.returncode}")
    return {
        "wall_s": round(time.monotonic() - begun, 2),
        "processor_s": round(_processor_s() - used, 2),
        "first_sign_s": first_sign and round(first_sign, 2),
        "total": json.loads(told)["total"],
    }


def _processor_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
