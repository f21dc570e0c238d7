"""The deploy root: every entry point by the name it is deployed under, a worker for each task among them."""

from functions._boundary import complete_pushes
from functions.dead_letter import dead_letter
from functions.forget import forget
from functions.ingest import ingest
from functions.release import release
from functions.workers import WORKERS

__all__ = ["dead_letter", "forget", "ingest", "release", *WORKERS]  # noqa: PLE0604 - these are strings, too

globals().update(WORKERS)

complete_pushes()
