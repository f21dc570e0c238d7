"""Quality warnings on their way into results: recorded, journalled, and never in the way."""

from __future__ import annotations

import io

from PIL import Image, ImageFilter
from skimage import data as pictures

from shared.core import naming
from shared.pipeline.worker.analyze import analyze
from tests.rig import RESULTS, SETTINGS, Rig

BLURRED = "no sharp edge in it: blurred, or nothing but smooth shades"


def _blurred() -> bytes:
    picture = Image.fromarray(pictures.coffee()).filter(ImageFilter.GaussianBlur(8))
    sink = io.BytesIO()
    picture.save(sink, "JPEG")
    return sink.getvalue()


def test_a_blurred_photo_is_analyzed_and_its_result_says_that_it_is_blurred() -> None:
    rig = Rig()
    event = rig.upload(data=_blurred())

    analyze(event, rig.ports)

    document = rig.document(event)
    assert document["status"] == "ok"
    assert document["warnings"] == [BLURRED]
    assert rig.result_events()[0]["counts"]["warnings"] == 1


def test_a_replay_says_the_same_without_looking_again() -> None:
    rig = Rig()
    event = rig.upload(data=_blurred(), task="caption")
    analyze(event, rig.ports)
    paths = naming.paths(event.source, run="v1", task="caption")
    written = rig.store.read(RESULTS, paths.result, max_bytes=10**6)
    rig.store.delete(RESULTS, paths.result)
    rig.store.delete(event.source.bucket, event.source.name)
    rig.clock.time_s += SETTINGS.lease_ttl_s + 1

    analyze(event, rig.ports)

    assert rig.store.read(RESULTS, paths.result, max_bytes=10**6) == written
    assert BLURRED in written.decode()
