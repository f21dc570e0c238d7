"""The deploy root as `main.py` is, with a grace that no test outlasts: whoever waits for its end is found out."""

from shared.core.delivery import shutdown

shutdown.GRACE_S = shutdown.JOURNAL_S = shutdown.LIMIT_S = 86_400.0

from functions.workers import WORKERS  # noqa: E402 - behind the change, which its import may take over

caption = WORKERS["caption"]

__all__ = ["caption"]
