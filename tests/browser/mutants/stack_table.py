"""The same for the tests with the whole stack: its protocol and the viewer's buttons are broken."""

from __future__ import annotations

from typing import Final

from tests.browser.mutants.judging import PAGE, Mutant

_WHOLE: Final = "test_whole_stack.py::"
_VIEWER: Final = "infra/viewer/"
_LOCAL: Final = "infra/local/viewer/"

STACK_MUTANTS: Final = (
    Mutant(
        "a_story_that_begins_with_its_end",
        f"{_WHOLE}test_three_photographs_and_a_poison_file",
        f"{_VIEWER}story.py",
        "return sorted([*told, *made], key=_moment)",
        "return sorted([*told, *made], key=_moment, reverse=True)",
        'assert first["uploaded"] < first["planned"]',
    ),
    Mutant(
        "local_answers_look_paid",
        f"{_WHOLE}test_three_photographs_and_a_poison_file",
        f"{_VIEWER}story.py",
        "if each.usd is None or not is_local(",
        "if True or not is_local(",
        'assert "dollars)" in story.inner_text()',
    ),
    Mutant(
        "what_a_button_does_is_hardly_to_be_read",
        f"{_WHOLE}test_the_buttons_keep_nobody_out",
        f"{PAGE}style.css",
        "font-style: normal; color: var(--soft); }",
        "font-style: normal; color: #888; opacity: 0.5; }",
        "assert (serious(page), too_small(page)) == ([], [])",
    ),
    Mutant(
        "a_key_is_never_taken",
        f"{_WHOLE}test_an_event_that_comes_three_times_is_answered_once",
        "shared/pipeline/worker/lease.py",
        "    except AlreadyExistsError:\n        return _claim_seen(job, ports, body)\n",
        "    except AlreadyExistsError:\n        return HeldLease(0, first=True)\n",
        'assert events(page, "caption: the model is asked") == 1',
    ),
    Mutant(
        "a_refusal_is_the_end_of_a_delivery",
        f"{_WHOLE}test_a_busy_model_is_asked_again_after_the_pause_that_it_names",
        "shared/pipeline/retry.py",
        "            if wait_s is None:\n",
        "            if wait_s is None or True:\n",
        '"a call failed and is tried again"',
    ),
    Mutant(
        "a_result_is_told_twice",
        f"{_WHOLE}test_a_lost_answer_of_storage_makes_no_second_result",
        "shared/pipeline/worker/commit.py",
        "[documents.result_event(settled.document, uri=uri)])",
        "[documents.result_event(settled.document, uri=uri)] * 2)",
        'assert events(page, "caption: result event: ok") == 1',
    ),
    Mutant(
        "nobody_lets_held_work_go",
        f"{_WHOLE}test_a_used_up_day_holds_the_work_until_it_is_let_go_on",
        f"{_LOCAL}faults.py",
        "publisher=sending), early=True)",
        "publisher=sending), early=False)",
        "includes('held')",
    ),
    Mutant(
        "a_budget_that_binds_nobody",
        f"{_WHOLE}test_a_used_up_ceiling_holds_its_own_images_alone_until_it_is_new",
        "shared/core/delivery/budget.py",
        "name.startswith(self.prefix)",
        "name == self.prefix",
        '"caption: result event: held"',
    ),
    Mutant(
        "a_budget_that_binds_everybody",
        f"{_WHOLE}test_a_used_up_ceiling_holds_its_own_images_alone_until_it_is_new",
        "shared/core/delivery/budget.py",
        "and name.startswith(self.prefix)",
        "",
        'wait_for_state(page, "elsewhere.jpg", "done")',
    ),
    Mutant(
        "a_ceiling_that_stays_used_up",
        f"{_WHOLE}test_a_used_up_ceiling_holds_its_own_images_alone_until_it_is_new",
        f"{_LOCAL}faults.py",
        "        spending.begin_anew(ports)\n",
        "",
        'wait_for_state(page, "coffee.heic", "done")',
    ),
    Mutant(
        "the_lease_of_the_dead_never_ends",
        f"{_WHOLE}test_a_killed_worker_is_replaced_and_every_result_arrives_once",
        "shared/pipeline/worker/lease.py",
        "def _free(lease: ObjectInfo, ttl_s: float) -> bool:\n",
        "def _free(lease: ObjectInfo, ttl_s: float) -> bool:\n    ttl_s *= 1000\n",
        "done(page)",
    ),
    Mutant(
        "nobody_is_killed",
        f"{_WHOLE}test_a_killed_worker_is_replaced_and_every_result_arrives_once",
        f"{_LOCAL}faults.py",
        "            os.kill(pid, signal.SIGKILL)\n",
        "            os.kill(pid, 0)\n",
        '"for the 2nd time"',
    ),
    Mutant(
        "again_is_the_same_run",
        f"{_WHOLE}test_a_second_run_is_a_click_away",
        f"{_LOCAL}actions.py",
        "settings = replace(ports.settings, run=run)",
        "settings = replace(ports.settings, run=ports.settings.run)",
        '"a record of the second run"',
    ),
)
