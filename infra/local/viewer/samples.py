"""The demo's photographs, uploaded by a click."""

from __future__ import annotations

import io
import mimetypes
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from infra.viewer import names

if TYPE_CHECKING:
    from infra.local.viewer.live import LocalLive
    from infra.viewer.names import Address


def upload_samples(live: LocalLive, *, only: str | None = None, prefix: str = "") -> list[Address]:
    """Upload the demo's photographs (or the one of this name), below a prefix; return what was made."""
    from infra.local.demo.samples import make_samples

    with tempfile.TemporaryDirectory(prefix="uplook-samples-") as folder:
        made = []
        for sample in make_samples(Path(folder)):
            if only not in {None, sample.path.name}:
                continue
            data = sample.path.read_bytes()
            made.append(
                live.store.upload(
                    io.BytesIO(data),
                    f"{prefix}{sample.path.name}",
                    size=len(data),
                    content_type=names.upload_type(mimetypes.guess_type(sample.path.name)[0]),
                    metadata=sample.metadata,
                )
            )
        return made
