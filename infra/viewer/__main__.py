"""`python -m infra.viewer`: the page of a deployment, read-only, for those whom Identity-Aware Proxy lets in.

It takes the settings of the functions (docs/settings.md), and two of its own: `PORT` (8080), and `IAP_AUDIENCE`, which
names this service in what Identity-Aware Proxy signs. It does not start without: who can reach it sees every upload.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Final

import uvicorn

from infra.viewer.app import create_app
from infra.viewer.identity import KEYS_URL, BehindIap, Keys
from infra.viewer.live import Live
from infra.viewer.places import places_of
from infra.viewer.store import Store
from shared import bootstrap, logs
from shared.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

AUDIENCE: Final = "IAP_AUDIENCE"
NEWEST: Final = 2000
EVERY_S: Final = 30.0
_GRACE_S: Final = 2


def main(argv: Sequence[str]) -> int:
    """Serve until told to stop; 2 where a setting is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.viewer", description="Show what a deployment has seen.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--newest", type=int, default=NEWEST, metavar="N", help="images at most (default: %(default)s)")
    parser.add_argument(
        "--every", type=float, default=EVERY_S, metavar="S", help="seconds between looks at the buckets"
    )
    parser.add_argument("--keys", default=KEYS_URL, metavar="URL", help="of IAP's public keys (default: %(default)s)")
    args = parser.parse_args(argv)
    audience = os.environ.get(AUDIENCE)
    if not audience:
        wanted = "/projects/NUMBER/locations/REGION/services/NAME"
        print(f"{AUDIENCE}: expected {wanted}, found nothing. infra/viewer.tf sets it.", file=sys.stderr)
        return 2
    try:
        settings = bootstrap.settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    store = Store(places_of(settings), project=settings.project)
    app = create_app(lambda: Live(store, newest=args.newest, read_every_s=args.every))
    logs.info("the viewer starts", newest=args.newest)
    uvicorn.run(
        BehindIap(app, audience=audience, keys=Keys(args.keys)),
        host=args.host,
        port=int(os.environ.get("PORT") or 8080),
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="none",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
