"""`python -m infra.conformance.storage`: the system tests of google-cloud-storage, run against the emulator.

They are Google's own, from the source release of the version installed here, unchanged but for one sleep.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.conformance._suite import SuiteError, conclude, download_sdist, make_venv, run_pytest
from infra.local.process import Process, service_argv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PACKAGE = "google-cloud-storage"
EXPECTED_FAILURES = Path(__file__).with_name("storage-expected-failures.txt")
TESTS = tuple(
    f"tests/system/test_{name}.py"
    for name in ("blob", "bucket", "client", "fileio", "hmac_key_metadata", "notification", "transfer_manager")
)
"""Not the tests of URL signing (the client's work, with a real key), KMS, zonal buckets over gRPC, and tracing."""

PROJECT = "local-dev"
_START_TIMEOUT_S = 60.0
_PACE = "def await_config_changes_propagate(sec=12):"
"""The service takes that long to apply a bucket's new settings; the emulator does not."""


def main(options: Sequence[str]) -> int:
    """Run the tests, `options` being more of pytest's; 1 if other tests failed than those that are listed."""
    return conclude(PACKAGE, EXPECTED_FAILURES, lambda: _results(options))


def _results(options: Sequence[str]) -> dict[str, str]:
    folder = download_sdist(PACKAGE)
    _hurry(folder / "tests" / "system" / "_helpers.py")
    python = make_venv()
    with _emulators() as env:
        return run_pytest(python, folder, TESTS, env=env, options=options)


def _hurry(helpers: Path) -> None:
    text = helpers.read_text(encoding="utf-8")
    if _PACE not in text:
        raise SuiteError(f"{helpers}: expected {_PACE!r}, found none: the release changed, adapt this script.")
    helpers.write_text(text.replace(_PACE, _PACE.replace("12", "0")), encoding="utf-8")


@contextlib.contextmanager
def _emulators() -> Iterator[Mapping[str, str]]:
    """Run both emulators and yield the environment that leads clients to them."""
    with Process("pubsub", service_argv("pubsub"), env={}) as pubsub:
        target = pubsub.wait_ready(timeout_s=_START_TIMEOUT_S).removeprefix("http://")
        with Process("storage", service_argv("storage", "--pubsub", target), env={}) as storage:
            url = storage.wait_ready(timeout_s=_START_TIMEOUT_S)
            yield {"STORAGE_EMULATOR_HOST": url, "PUBSUB_EMULATOR_HOST": target, "GOOGLE_CLOUD_PROJECT": PROJECT}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
