"""The one place where a call is tried again within a delivery. Beyond it, redelivery decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from shared import logs
from shared.core.delivery.retry import wait_before_retry
from shared.core.errors import ConfigurationError, DailyQuotaError, TransientError
from shared.pipeline.job import remaining_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.pipeline.job import Job
    from shared.pipeline.ports import Ports

_T = TypeVar("_T")


def with_retries(job: Job, ports: Ports, call: Callable[[], _T]) -> _T:
    """Do `call`, and again after a transient failure as often as attempts and deadline allow.

    Raises:
        TransientError: the last one, when no further try fits. A used-up day is no matter of seconds, and a fault of
            the deployment is believed at the second time: a first 401, 403 or 404 may be a blip.
    """
    attempt = accused = 0
    while True:
        attempt += 1
        try:
            return call()
        except DailyQuotaError:
            raise
        except TransientError as error:
            accused += isinstance(error, ConfigurationError)
            if accused > 1:
                raise
            left_s = remaining_s(job, ports)
            wait_s = wait_before_retry(error, attempt=attempt, remaining_s=left_s, jitter=ports.jitter())
            if wait_s is None:
                raise
            logs.warning("a call failed and is tried again", reason=str(error), wait_s=round(wait_s, 2))
            ports.clock.sleep(wait_s)
