"""A CycloneDX bill of materials (https://cyclonedx.org/docs/1.6/json/) of pinned requirements.

The same requirements give the same bytes: no time and no random number, so that two builds can be compared. It names
Python packages; what a base image adds is the base image's own bill.

Written here, because the generator on the package index brings some thirty packages of its own for these few lines;
checked with its validator against CycloneDX's own schema.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from infra.supply.pins import DIRECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.supply.pins import Pin

ROOT_REF = "uplook"


def to_cyclonedx(pins: Sequence[Pin]) -> dict[str, Any]:
    """Return the bill of what ships."""
    seed = "\n".join(f"{pin.purl} {' '.join(pin.sha256)}" for pin in pins)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, seed).urn,
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ROOT_REF,
                "name": "uplook",
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [_component(pin) for pin in pins],
        "dependencies": _dependencies(pins),
    }


def _component(pin: Pin) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "purl": pin.purl,
        # The files that may be installed: which one it is, the platform decides.
        "externalReferences": [
            {
                "type": "distribution",
                "url": pin.purl,
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in pin.sha256],
            }
        ],
    }
    if pin.marker:
        component["properties"] = [{"name": "uplook:marker", "value": pin.marker}]
    return component


def _dependencies(pins: Sequence[Pin]) -> list[dict[str, Any]]:
    wanted = {ROOT_REF: [pin.purl for pin in pins if any(each.startswith(DIRECT) for each in pin.via)]}
    for pin in pins:
        wanted[pin.purl] = [each.purl for each in pins if pin.name in each.via]
    return [{"ref": ref, "dependsOn": refs} for ref, refs in wanted.items()]
