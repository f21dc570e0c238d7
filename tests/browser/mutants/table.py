"""Each test of the browser, and what is broken to show that it can fail."""

from __future__ import annotations

from typing import Final

from tests.browser.mutants.judging import PAGE, Mutant
from tests.browser.mutants.stack_table import STACK_MUTANTS

_VIEWER: Final = "infra/viewer/"
_ACCESS: Final = "test_access.py::test_nothing_keeps_anybody_out"
_ONE: Final = "test_one_image.py::"
_READ_ONLY: Final = "test_read_only.py::"
_GALLERY: Final = "test_gallery.py::"

_ACCESS_MUTANTS: Final = (
    Mutant(
        "grey_on_white",
        _ACCESS,
        f"{PAGE}style.css",
        "--soft: #5b6873;",
        "--soft: #b5bec6;",
        "assert (serious(page), too_small(page)) == ([], [])",
        only=("light",),
    ),
    Mutant(
        "grey_on_black",
        _ACCESS,
        f"{PAGE}style.css",
        "--soft: #9aa7b2;",
        "--soft: #404a53;",
        "assert (serious(page), too_small(page)) == ([], [])",
        only=("dark",),
    ),
    Mutant(
        "boxes_to_tick_that_no_finger_hits",
        _ACCESS,
        f"{PAGE}style.css",
        "gap: 0.3rem; min-height: 1.7rem; font-size: 0.87rem; }",
        "gap: 0.3rem; max-height: 1rem; font-size: 0.87rem; }",
        "assert (serious(page), too_small(page)) == ([], [])",
    ),
    Mutant(
        "a_nameless_box_beside_each_thing",
        _ACCESS,
        f"{PAGE}items.js",
        'shown.setAttribute("aria-label", `Show ${item.label} ${index + 1}`);',
        "",
        "assert (serious(page), too_small(page)) == ([], [])",
    ),
    Mutant(
        "a_button_without_contrast",
        "test_access.py::test_the_empty_page_keeps_nobody_out_either",
        f"{PAGE}style.css",
        "--accent: #0f766e;",
        "--accent: #8fd9d1;",
        "assert (serious(page), too_small(page)) == ([], [])",
    ),
)

_READ_ONLY_MUTANTS: Final = (
    Mutant(
        "what_changes_is_shown_to_who_may_only_read",
        f"{_READ_ONLY}test_it_shows_images_and_offers_nothing_that_would_change_them",
        f"{PAGE}style.css",
        "[data-read-only] .changes, ",
        "",
        "assert [where for where in CHANGING",
    ),
    Mutant(
        "files_are_sent_by_who_may_only_read",
        f"{_READ_ONLY}test_a_file_that_is_dropped_on_it_goes_nowhere",
        f"{PAGE}app.js",
        "if (!READ_ONLY) {",
        "{",
        "assert writing == []",
    ),
    Mutant(
        "the_buckets_are_read_once",
        f"{_READ_ONLY}test_what_comes_while_it_is_open_is_shown_without_any_event",
        f"{_VIEWER}live.py",
        "if self.feed.anyone and",
        "if not self.feed.anyone and",
        'card(page, "later.jpg").wait_for()',
    ),
)

_GALLERY_MUTANTS: Final = (
    Mutant(
        "failures_are_not_counted",
        f"{_GALLERY}test_the_first_sight_is_small_and_tells_of_all_of_them",
        f"{PAGE}filters.js",
        'for (const state of ["failed", "held", "waiting"])',
        'for (const state of ["held", "waiting"])',
        "1,000 images, 10 failed, 10 waiting",
    ),
    Mutant(
        "answers_are_padded_and_not_packed",
        f"{_GALLERY}test_the_first_sight_is_small_and_tells_of_all_of_them",
        f"{_VIEWER}answers.py",
        'if len(content) > _SMALL_BYTES and "gzip" in',
        'content += b" " * 300_000 if media_type == "application/json" else b""\n    if "gzip" not in',
        "assert sum(sizes) <= MAX_BYTES",
    ),
    Mutant(
        "cards_stay_once_they_were_shown",
        f"{_GALLERY}test_scrolling_through_a_thousand_keeps_the_page_small",
        f"{PAGE}gallery.js",
        "if (wanted.has(key) || card.root === focused) continue;",
        "continue;",
        "assert most <= MAX_CARDS",
    ),
    Mutant(
        "every_card_is_remembered",
        f"{_GALLERY}test_another_way_through_a_thousand_takes_no_more_memory_than_the_first",
        f"{PAGE}gallery.js",
        "const card = new Card(image, this.open);",
        "const card = new Card(image, this.open);\n      (globalThis.everyCard ??= []).push(card);",
        "assert max(grown.values()) <= GROWS_AT_MOST",
    ),
    Mutant(
        "a_label_is_chosen_in_vain",
        f"{_GALLERY}test_images_are_found_by_name_state_and_label",
        f"{PAGE}api.js",
        "of Object.entries(filters)) if (value) query",
        'of Object.entries(filters)) if (value && key !== "label") query',
        'found(page, "480 of 1,000 shown")',
    ),
    Mutant(
        "a_lease_is_no_sign_of_a_plan",
        f"{_GALLERY}test_nothing_that_is_planned_is_said_to_be_without_a_task",
        f"{_VIEWER}buckets.py",
        "            self._leases(shown.since)\n",
        "",
        '"Waits for its workers." in',
    ),
    Mutant(
        "cards_are_put_in_anew_each_time",
        f"{_GALLERY}test_the_keyboard_reaches_the_first_picture_in_ten_steps_and_goes_on_from_there",
        f"{PAGE}gallery.js",
        "if (next !== card.root) this.root.insertBefore(card.root, next);",
        "this.root.append(card.root);",
        "document.activeElement.closest('.card')",
    ),
    Mutant(
        "the_skip_link_leads_nowhere",
        f"{_GALLERY}test_the_skip_link_leads_to_the_images",
        f"{PAGE}index.html",
        'href="#cards">Skip',
        'href="#empty">Skip',
        "document.activeElement.closest('.card')",
    ),
)

_PLACE_MUTANTS: Final = (
    Mutant(
        "the_list_moves_under_whoever_looks",
        "test_place.py::test_what_is_looked_at_stays_where_it_is_while_uploads_arrive",
        f"{PAGE}app.js",
        "gallery.refresh({ keep: true })",
        "gallery.refresh()",
        'page.evaluate(TOP_OF, seen["name"])',
    ),
    Mutant(
        "new_images_are_kept_out_of_sight_at_the_beginning_too",
        "test_place.py::test_at_its_beginning_the_list_shows_what_is_new",
        f"{PAGE}gallery.js",
        "if (this.root.getBoundingClientRect().top >= 0) return null;",
        "",
        'assert page.evaluate("() => scrollY") == 0',
    ),
)

_ONE_MUTANTS: Final = (
    Mutant(
        "boxes_beside_their_things",
        f"{_ONE}test_boxes_lie_where_the_result_says",
        f"{PAGE}overlay.js",
        "Object.entries({ x: x0, y: y0,",
        "Object.entries({ x: x0 + 5, y: y0,",
        "== pytest.approx(image.items[0][1], abs=NEAR_PX)",
    ),
    Mutant(
        "upright_boxes_on_a_picture_as_stored",
        f"{_ONE}test_a_picture_that_lies_on_its_side_is_shown_as_it_is_stored",
        f"{PAGE}overlay.js",
        "(stored ? (item.stored_box ?? item.box) : item.box)",
        "item.box",
        "== pytest.approx(expected, abs=NEAR_PX)",
    ),
    Mutant(
        "a_mask_turned_the_wrong_way",
        f"{_ONE}test_a_picture_that_lies_on_its_side_is_shown_as_it_is_stored",
        f"{PAGE}overlay.js",
        "6: [0, -1, 1, 0, 0, width],",
        "6: [0, 1, -1, 0, height, 0],",
        "alpha(page, 0, 0.9, 0.8)",
    ),
    Mutant(
        "a_mask_that_fills_its_box",
        f"{_ONE}test_a_mask_fills_what_it_fills",
        f"{PAGE}overlay.js",
        "pixels.data[at + 3] = pixels.data[at] * MASK_ALPHA;",
        "pixels.data[at + 3] = 255 * MASK_ALPHA;",
        "alpha(page, 0, 0.1, 0.8)",
    ),
    Mutant(
        "hidden_things_are_drawn",
        f"{_ONE}test_things_are_hidden_one_by_one_and_by_label",
        f"{PAGE}overlay.js",
        "if (!box || hidden.has(index)) return;",
        "if (!box) return;",
        'locator("#large-frame .line").count() == 7',
    ),
    Mutant(
        "a_label_hides_its_first_thing_only",
        f"{_ONE}test_things_are_hidden_one_by_one_and_by_label",
        f"{PAGE}items.js",
        "toggle(`${label} ${indexes.length}`, indexes, ",
        "toggle(`${label} ${indexes.length}`, indexes.slice(0, 1), ",
        'locator("#large-frame .line").count() == 4',
    ),
    Mutant(
        "pointing_marks_the_row_before",
        f"{_ONE}test_pointing_at_a_thing_marks_its_row_and_the_other_way_round",
        f"{PAGE}items.js",
        'row.classList.toggle("on", at === index)',
        'row.classList.toggle("on", at === index - 1)',
        "items(dialog).nth(1).evaluate",
    ),
    Mutant(
        "a_row_shows_no_thing",
        f"{_ONE}test_pointing_at_a_thing_marks_its_row_and_the_other_way_round",
        f"{PAGE}items.js",
        'for (const kind of ["pointerenter", "focus"])',
        'for (const kind of ["focus"])',
        '"#large-frame g.on"',
    ),
    Mutant(
        "both_arrows_go_forward",
        f"{_ONE}test_keys_zoom_turn_the_pages_and_close",
        f"{PAGE}large.js",
        "ArrowLeft: () => this.step(this.before)",
        "ArrowLeft: () => this.step(this.after)",
        "arg=expected",
    ),
    Mutant(
        "the_focus_is_lost_with_the_dialog",
        f"{_ONE}test_keys_zoom_turn_the_pages_and_close",
        f"{PAGE}gallery.js",
        "this.cards.get(key)?.button.focus();",
        "document.activeElement?.blur();",
        "document.activeElement.closest('.card')",
    ),
    Mutant(
        "the_wheel_zooms_about_a_corner",
        f"{_ONE}test_the_wheel_zooms_where_it_points_and_boxes_stay_where_they_belong",
        f"{PAGE}zoom.js",
        "this.stage.scrollLeft += after.left + share[0] * after.width - x;",
        "",
        "assert shares == pytest.approx((1 / 4, 1 / 4), abs=0.01)",
    ),
    Mutant(
        "boxes_do_not_grow_with_the_picture",
        f"{_ONE}test_the_wheel_zooms_where_it_points_and_boxes_stay_where_they_belong",
        f"{PAGE}style.css",
        ".layer { position: absolute; inset: 0;",
        ".layer { position: absolute; inset: 0; max-width: 1500px;",
        "== pytest.approx(STANDING.items[0][1], abs=NEAR_PX)",
    ),
    Mutant(
        "labels_are_markup",
        f"{_ONE}test_a_label_with_markup_stays_text",
        f"{PAGE}overlay.js",
        "label.textContent = item.label;",
        "label.innerHTML = item.label;",
        '".large-side img, .layer img, #filters img"',
    ),
    Mutant(
        "a_console_that_complains",
        f"{_ONE}test_a_label_with_markup_stays_text",
        f"{PAGE}items.js",
        "    this.rows = [];\n",
        '    this.rows = [];\n    console.warn("not as it should be");\n',
        "assert watched.complaints == []",
    ),
    Mutant(
        "coco_is_another_file",
        f"{_ONE}test_the_document_is_shown_in_place_and_everything_can_be_taken_away",
        f"{PAGE}large.js",
        'keyed("api/coco", key)',
        'keyed("api/images", key)',
        'json.loads(saved["COCO (JSON)"])["annotations"]',
    ),
    Mutant(
        "nobody_says_why_there_is_no_picture",
        f"{_ONE}test_a_file_that_is_no_picture_says_so_instead",
        f"{PAGE}large.js",
        'this.picture.addEventListener("error", () => this.explainMissing());',
        "",
        "includes('No preview.')",
    ),
    Mutant(
        "an_image_has_no_address",
        f"{_ONE}test_an_image_has_an_address_of_its_own",
        f"{PAGE}large.js",
        'history.replaceState(null, "", `#${encodeURIComponent(image.key)}`);',
        "",
        "arg=LYING.name",
    ),
    Mutant(
        "a_telephone_gets_two_columns",
        f"{_ONE}test_a_telephone_shows_picture_and_words",
        f"{PAGE}large.css",
        "@media (max-width: 52rem)",
        "@media (max-width: 5rem)",
        'assert side["y"] >= frame["y"] + frame["height"]',
    ),
)

_UPLOAD_MUTANTS: Final = (
    Mutant(
        "uploads_are_lost_without_a_question",
        "test_uploads.py::test_a_reload_in_the_middle_of_sixty_uploads_asks_first_and_loses_nothing_that_was_sent",
        f"{PAGE}uploads.js",
        "if (this.sending) event.preventDefault();",
        "",
        'assert asked == ["beforeunload"]',
    ),
    Mutant(
        "what_was_refused_is_not_said",
        "test_uploads.py::test_bytes_are_counted_and_what_was_refused_is_said",
        f"{PAGE}uploads.js",
        'this.$("refused").append(element("li", {}, element("b", {}, `${file.name}: `), error.message));',
        "",
        "=== '1 of 2 uploaded'",
    ),
    Mutant(
        "labels_stay_behind",
        "test_uploads.py::test_what_is_asked_of_an_upload_travels_with_it",
        f"{PAGE}uploads.js",
        'if (labels) wishes.set("labels", whole(labels));',
        "",
        ".metadata == expected | tasks",
    ),
)

_CARD_MUTANTS: Final = (
    Mutant(
        "names_of_tasks_in_one_line",
        "test_card.py::test_the_name_of_each_task_is_read_as_a_whole",
        f"{PAGE}style.css",
        ".card .chips { gap: 0.2rem;",
        ".card .chips { flex-wrap: nowrap; gap: 0.2rem;",
        'assert [chip for chip in chips if not (chip["whole"] and chip["below"])] == []',
        only=("6",),
    ),
)

MUTANTS: Final[tuple[Mutant, ...]] = (
    *_ACCESS_MUTANTS,
    *_CARD_MUTANTS,
    *_READ_ONLY_MUTANTS,
    *_GALLERY_MUTANTS,
    *_PLACE_MUTANTS,
    *_ONE_MUTANTS,
    *_UPLOAD_MUTANTS,
    *STACK_MUTANTS,
)
