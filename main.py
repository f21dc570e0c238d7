"""The deploy root: one import per entry point, by the name it is deployed under. Nothing else belongs here."""

from functions.ask import ask
from functions.caption import caption
from functions.classify import classify
from functions.dead_letter import dead_letter
from functions.detect import detect
from functions.forget import forget
from functions.ingest import ingest
from functions.release import release
from functions.segment import segment

__all__ = ["ask", "caption", "classify", "dead_letter", "detect", "forget", "ingest", "release", "segment"]
