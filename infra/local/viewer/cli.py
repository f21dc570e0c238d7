"""`python -m infra.local viewer`: serve the page for a stack that runs."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from infra.emulators.common.serve import serve_http
from infra.local import topology

if TYPE_CHECKING:
    import argparse

_NEEDED = ("STORAGE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the viewer's options to `parser`."""
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")


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
    from infra.local.viewer.app import create_app
    from infra.local.viewer.guard import POLICY

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    app = create_app(os.environ.get("GOOGLE_CLOUD_PROJECT") or topology.PROJECT)
    serve_http(app, port=args.port, policy=POLICY)
    return 0
