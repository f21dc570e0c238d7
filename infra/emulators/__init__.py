"""Emulators of the Gemini API, of Cloud Storage and of Pub/Sub, and a client that plans faults on them."""

from .client import Control
from .common.faults import Fault, FaultError, PlannedFault

__all__ = ["Control", "Fault", "FaultError", "PlannedFault"]
