"""Who may talk to the viewer: programs on this machine, and this machine's own browser on this page.

The viewer has no login, so that a foreign page in the same browser must not reach it; how such a page is known, and
kept out of the emulators, too, `infra.emulators.common.guard` says.
"""

from __future__ import annotations

from typing import Final

from infra.emulators.common.guard import Policy
from infra.viewer.headers import SECURITY_HEADERS

PAGE: Final = "/"
CHANGING: Final = frozenset({"/api/actions", "/api/faults"})
"""What changes more than an upload does: guarded like the control API of an emulator, which takes JSON only."""

POLICY: Final = Policy(page=PAGE, headers=SECURITY_HEADERS, control=CHANGING.__contains__)
"""No name but this machine's own, and a page that links elsewhere may lead to."""
