"""What a storm consists of, all from one seed: pictures, events in their order, faults of the model, and kills."""

from __future__ import annotations

import colorsys
import io
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from infra.emulators import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.core.events.envelopes import ImageEvent

TASKS = ("caption", "detect", "segment")
WIDTH, HEIGHT = 48, 36
_GENERATE = "models.generateContent"


@dataclass(frozen=True, slots=True)
class Storm:
    """Every event is delivered `copies` times; a worker dies `kills` times, with pauses of `pause_s` between.

    `timeout_s` and `lease_ttl_s` are the workers' own: short, so that what a dead one held is soon free again.
    """

    images: int = 300
    copies: int = 10
    seed: int = 1
    kills: int = 30
    pause_s: tuple[float, float] = (4.0, 12.0)
    timeout_s: float = 25.0
    lease_ttl_s: float = 30.0
    threads: int = 12
    model_latency_ms: int = 1000

    def env(self) -> dict[str, str]:
        """Return the workers' settings."""
        return {
            "TIMEOUT_S": f"{self.timeout_s:g}",
            "LEASE_TTL_S": f"{self.lease_ttl_s:g}",
            "THREADS": str(self.threads),
        }

    def faults(self) -> list[Fault]:
        """Return what befalls a third of the model's calls: each rule draws from what the ones before let pass.

        More refusals for haste (429) than one in fifty would make the workers' pacing slower and slower: it takes
        them for the model's limit.
        """
        return [
            Fault("status", _GENERATE, times=0, share=0.14, seed=self.seed, status=503),
            Fault("status", _GENERATE, times=0, share=0.02, seed=self.seed + 1, status=429, seconds=1),
            Fault("reset", _GENERATE, times=0, share=0.11, seed=self.seed + 2),
            Fault("lost", _GENERATE, times=0, share=0.11, seed=self.seed + 3),
        ]

    def shuffled(self, events: Sequence[ImageEvent]) -> list[ImageEvent]:
        """Return every copy of every event in a random order."""
        copies = [*events] * self.copies
        random.Random(self.seed).shuffle(copies)
        return copies

    def deaths(self) -> Iterator[tuple[float, str]]:
        """Return how long to wait before each kill, and which worker it hits."""
        lots = random.Random(self.seed)
        for _ in range(self.kills):
            yield lots.uniform(*self.pause_s), lots.choice(TASKS)


def picture(number: int) -> bytes:
    """Return a picture unlike that of any other number: a box of its own colour and place, on a light ground."""
    lots = random.Random(number)
    red, green, blue = colorsys.hsv_to_rgb(lots.random(), 0.9, 0.7)
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    left, top = lots.randint(4, 16), lots.randint(4, 12)
    fill = (int(255 * red), int(255 * green), int(255 * blue))
    ImageDraw.Draw(image).rectangle((left, top, left + lots.randint(12, 24), top + lots.randint(8, 16)), fill=fill)
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=90, comment=f"picture {number}".encode())
    return sink.getvalue()
