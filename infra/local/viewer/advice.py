"""What to do where a service of the local stack does not answer."""

from __future__ import annotations

from typing import Final

ADVICE: Final = "Is the stack up? Start it with: make up"
