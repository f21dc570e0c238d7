"""The deploy root: one import per entry point, by the name it is deployed under. Nothing else belongs here."""

from functions.caption import caption
from functions.dead_letter import dead_letter
from functions.detect import detect
from functions.ingest import ingest
from functions.segment import segment

__all__ = ["caption", "dead_letter", "detect", "ingest", "segment"]
