"""What the numbers were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

_PACKAGES = (
    "functions-framework",
    "google-cloud-pubsub",
    "google-cloud-storage",
    "google-genai",
    "numpy",
    "pillow",
)


def facts() -> dict[str, object]:
    """Return cores, load, Python and the versions that matter."""
    return {
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
    }
