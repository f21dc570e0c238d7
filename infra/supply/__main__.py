"""`python -m infra.supply`: the bill of materials of what ships, on stdout."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.supply.pins import parse_pins
from infra.supply.sbom import to_cyclonedx

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements.txt"

if __name__ == "__main__":
    json.dump(to_cyclonedx(parse_pins(REQUIREMENTS.read_text(encoding="utf-8"))), sys.stdout, indent=1)
    sys.stdout.write("\n")
