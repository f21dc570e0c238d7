"""Numbers of any count of bits, as the headers of video codecs hold them."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_ZEROS = 32


@dataclass(slots=True)
class BitReader:
    """Reads from the bit `at` on; zeros follow the end of `data`."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> int:
        """Read an unsigned number of so many bits, most significant first."""
        first, last = self.at >> 3, (self.at + count + 7) >> 3
        window = int.from_bytes(self.data[first:last].ljust(last - first, b"\0"), "big")
        self.at += count
        return window >> (8 * last - self.at) & ((1 << count) - 1)

    def exponential(self) -> int:
        """Read an unsigned Exp-Golomb number (ITU-T H.265, 9.2)."""
        zeros = next((count for count in range(_MAX_ZEROS) if self.take(1)), _MAX_ZEROS)
        return (1 << zeros) - 1 + self.take(zeros)
