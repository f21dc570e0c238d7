"""`python -m infra.conformance.pubsub`: the system tests of google-cloud-pubsub, run against the emulator.

They are Google's own, from the source release of the version installed here, unchanged.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.conformance._suite import conclude, download_sdist, make_venv, run_pytest
from infra.local.process import Process, service_argv

if TYPE_CHECKING:
    from collections.abc import Sequence

PACKAGE = "google-cloud-pubsub"
EXPECTED_FAILURES = Path(__file__).with_name("pubsub-expected-failures.txt")
TESTS = ("tests/system.py",)
WITHOUT_REST = ("-k", "not rest")
"""With an emulator named in the environment, the client's own REST transport ends in a TypeError."""

PROJECT = "local-dev"
NOBODY = {"type": "authorized_user", "client_id": "nobody", "client_secret": "none", "refresh_token": "none"}
"""The tests ask google.auth for the project, which wants some identity; towards an emulator none is ever used."""

_START_TIMEOUT_S = 60.0


def main(options: Sequence[str]) -> int:
    """Run the tests, `options` being more of pytest's; 1 if other tests failed than those that are listed."""
    return conclude(PACKAGE, EXPECTED_FAILURES, lambda: _results(options), tests="system tests without REST")


def _results(options: Sequence[str]) -> dict[str, str]:
    folder = download_sdist(PACKAGE)
    python = make_venv()
    identity = folder / "nobody.json"
    identity.write_text(json.dumps(NOBODY), encoding="utf-8")
    with Process("pubsub", service_argv("pubsub"), env={}) as pubsub:
        host = pubsub.wait_ready(timeout_s=_START_TIMEOUT_S).removeprefix("http://")
        env = {
            "PUBSUB_EMULATOR_HOST": host,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "GOOGLE_APPLICATION_CREDENTIALS": str(identity),
        }
        return run_pytest(python, folder, TESTS, env=env, options=[*WITHOUT_REST, *options])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
