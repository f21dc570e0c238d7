"""`python -m infra.local viewer`: serve the page for a stack that runs."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.emulators.common.serve import serve_http
from infra.local import topology
from infra.local.activity import FILE
from infra.local.endpoints import Endpoints

if TYPE_CHECKING:
    import argparse

    from infra.local.viewer.faults import Faults

_NEEDED = ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the viewer's options to `parser`."""
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--state", type=Path, metavar="DIR", help="folder of the running stack: what its functions do")
    parser.add_argument("--storage", metavar="URL", help="of our own storage emulator")
    parser.add_argument("--pubsub-control", metavar="URL", help="of our own Pub/Sub emulator")
    parser.add_argument("--gemini", metavar="URL", help="of our own Gemini emulator")


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop; 2 where the environment names no stack."""
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        # Without them the clients would open the account of whoever runs this to a page without a login.
        print(
            f"{' and '.join(missing)} must name the emulators of a running stack; found nothing. "
            "Start one with `make up`, then: export $(cat .local/stack.env)",
            file=sys.stderr,
        )
        return 2
    from infra.local.viewer.advice import ADVICE
    from infra.local.viewer.changing_api import ROUTES
    from infra.local.viewer.guard import POLICY
    from infra.local.viewer.live import LocalLive
    from infra.viewer.app import create_app
    from infra.viewer.places import Places
    from infra.viewer.store import Store

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    project = os.environ.get("GOOGLE_CLOUD_PROJECT") or topology.PROJECT
    # What is read and sent here is this deployment's: as its functions see it.
    stack = Endpoints(os.environ["STORAGE_EMULATOR_HOST"], os.environ["PUBSUB_EMULATOR_HOST"], None)
    for name, value in stack.function_env().items():
        os.environ.setdefault(name, value)
    activity = args.state / FILE if args.state else None
    faults = _faults(args)
    places = Places((topology.UPLOADS,), topology.RESULTS, topology.WORK)
    store = Store(places, project=project, advice=ADVICE)
    app = create_app(lambda: LocalLive(store, project=project, activity=activity, faults=faults), changing=ROUTES)
    serve_http(app, port=args.port, policy=POLICY)
    return 0


def _faults(args: argparse.Namespace) -> Faults | None:
    """Return what can be broken: nothing, unless the stack that runs has said that its emulators are its own."""
    if args.state is None or not (args.storage or args.pubsub_control or args.gemini):
        return None
    from infra.local.viewer.faults import Faults

    return Faults(storage=args.storage, pubsub=args.pubsub_control, gemini=args.gemini, state=args.state)
