"""The command line: `storage-emulator`, `python -m infra.emulators.storage`, or a command of `infra.local`."""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

from ..common.cli import add_listening, policy_of, run_alone
from ..common.serve import serve_http
from .app import build_app
from .errors import ApiError
from .faults import FaultPlan
from .persistence import DataFolder
from .publisher import Publisher

_EVENTARC = re.compile(r"(?P<bucket>[^=]+)=(?P<topic>[^/]+|projects/[^/]+/topics/[^/]+)")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the emulator's options to `parser`."""
    add_listening(parser)
    parser.add_argument("--bucket", action="append", default=[], metavar="NAME", help="create this bucket")
    parser.add_argument("--pubsub", metavar="HOST:PORT", help="Pub/Sub emulator that takes the events")
    parser.add_argument(
        "--eventarc",
        action="append",
        default=[],
        type=_eventarc,
        metavar="BUCKET=TOPIC",
        help="publish all object events of BUCKET to TOPIC, or projects/P/topics/TOPIC, as CloudEvents in attributes",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep objects in DIR, as files to look at")
    parser.add_argument("--project", default="local-dev", help="project of short topic names (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; 1 if that is impossible."""
    topics: defaultdict[str, list[str]] = defaultdict(list)
    for bucket, topic in args.eventarc:
        topics[bucket].append(topic if "/" in topic else f"projects/{args.project}/topics/{topic}")
    plan = FaultPlan()
    publisher = Publisher(args.pubsub, topics, plan.events)
    try:
        data_folder = DataFolder(args.data) if args.data else None
        app = build_app(publisher, dict.fromkeys(args.bucket), plan, data_folder=data_folder)
        serve_http(app, port=args.port, host=args.host, policy=policy_of(args))
    except (OSError, ApiError) as error:
        print(f"storage: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Run the emulator alone, and return the exit status."""
    return run_alone("storage-emulator", "A Cloud Storage emulator.", add_arguments=add_arguments, run=run)


def _eventarc(text: str) -> tuple[str, str]:
    match = _EVENTARC.fullmatch(text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected BUCKET=TOPIC or BUCKET=projects/P/topics/TOPIC, found {text!r}")
    return match["bucket"], match["topic"]
