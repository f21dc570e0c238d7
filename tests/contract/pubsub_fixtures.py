"""The `pubsub` fixture (a pytest plugin): one suite over our emulator and, where it is installed, Google's own.

Where Google's emulator is known to differ from the service, the table says so; such a test must fail there (strict),
so that a newer emulator which got it right is noticed, or is skipped where failing means waiting.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from infra.local import official_pubsub
from infra.local.process import held_port
from tests.contract.pubsub_rig import Rig, clients
from tests.services import running
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILS = {
    "test_a_filter_that_cannot_be_read_is_refused": "any text is accepted as a filter",
    "test_labels_are_replaced_by_an_update": "labels of a subscription cannot be updated",
    "test_a_refused_message_waits_out_the_retry_policy": "a refused pull is delivered again at once",
    "test_an_ack_id_that_was_given_back_is_refused_under_exactly_once": "exactly-once delivery is stored, not done",
    "test_a_detached_subscription_delivers_nothing_more": "DetachSubscription is not implemented",
    "test_iam_policies_can_be_read_and_written": "the IAM methods are not implemented",
    "test_a_pull_answer_fits_the_receive_limit_of_a_plain_channel": "answers of any size are sent",
    "test_a_message_beyond_the_limits_is_refused[10-MB]": "limits are not enforced",
    "test_a_message_beyond_the_limits_is_refused[101-attributes]": "limits are not enforced",
    "test_a_message_beyond_the_limits_is_refused[long-attribute-key]": "limits are not enforced",
    "test_a_message_beyond_the_limits_is_refused[empty-attribute-key]": "limits are not enforced",
    "test_a_message_beyond_the_limits_is_refused[long-attribute-value]": "limits are not enforced",
    "test_a_message_beyond_the_limits_is_refused[long-ordering-key]": "limits are not enforced",
    "test_a_subscription_beyond_the_limits_is_refused[short-deadline]": "a deadline below 10 s is accepted",
    "test_an_ordering_key_is_told": "push bodies have no orderingKey",
    "test_a_push_with_an_identity_carries_a_bearer_token": "pushes carry no Authorization header",
    "test_an_acknowledging_answer_lets_the_next_message_of_the_key_pass[202]": "202 is taken for a refusal",
    "test_any_other_answer_asks_for_another_delivery[203]": "203 is taken for an acknowledgement",
    "test_the_attempt_is_told_where_there_is_a_dead_letter_policy": "push bodies have no deliveryAttempt",
    "test_a_filter_decides_what_a_subscription_receives": "filters are stored, not applied",
}
"""Known to differ from the service, and quick to see."""

HANGS = {
    "test_a_stream_is_given_no_more_than_it_asks_for": "a stream is given more than max_outstanding_messages",
    "test_a_stream_answer_fits_the_receive_limit_of_a_plain_channel": "answers of any size are sent",
    "test_order_is_kept_within_a_key_and_a_refused_head_blocks_it": "a refused head of a key does not return",
    "test_a_dead_letter_says_where_it_came_from": "a dead letter leaves only when its subscription is pulled again",
    "test_attributes_that_no_header_may_hold_do_not_stop_the_push": "such a message is never pushed",
    "test_many_pushes_of_one_subscription_are_in_flight_together": "two pushes are in flight at most",
}
"""Known to differ, but a test would notice only by waiting in vain: skipped."""


@pytest.fixture(scope="session", params=["ours", "official"], name="rig")
def _rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with _RIGS[request.param]() as url, clients(url, request.param) as started:
        yield started


@pytest.fixture
def pubsub(request: pytest.FixtureRequest, rig: Rig) -> Rig:
    """Yield a running emulator; every test makes its own topics."""
    if rig.name == "official":
        name = request.node.name.replace("[official]", "").replace("official-", "")
        if name in HANGS:
            pytest.skip(f"official emulator: {HANGS[name]}")
        if name in FAILS:
            request.applymarker(pytest.mark.xfail(strict=True, reason=f"official emulator: {FAILS[name]}"))
    return rig


@contextlib.contextmanager
def _ours() -> Iterator[str]:
    with running("pubsub") as url:
        yield url


@contextlib.contextmanager
def _official() -> Iterator[str]:
    try:
        command = official_pubsub.find(os.environ)
    except official_pubsub.OfficialUnavailableError as reason:
        pytest.skip(str(reason))
    quiet = subprocess.DEVNULL
    with held_port() as port, subprocess.Popen(command.command(port), stdout=quiet, stderr=quiet) as java:
        try:
            official_pubsub.wait_ready(port, timeout_s=WAIT_S, alive=lambda: java.poll() is None)
            yield f"http://127.0.0.1:{port}"
        finally:
            java.kill()


_RIGS = {"ours": _ours, "official": _official}
