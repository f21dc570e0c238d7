"""What the local services let in, for every sender there is: programs, and no page."""

from __future__ import annotations

import itertools

import pytest
from starlette.datastructures import Headers

from infra.emulators.common.guard import CONTROL, Policy, Refusal, policy_for
from infra.emulators.gemini.addresses import is_control
from infra.local.viewer.guard import POLICY
from tests.browser_requests import EVIL, FORM_TYPES, Sent, from_pages, from_programs

PORT = 9023
PATHS = ("/", "/uploads/pwn.html", "/storage/v1/b/uploads/o", "/upload/storage/v1/b/uploads/o", f"{CONTROL}faults")


def headers(sent: Sent, **others: str) -> Headers:
    pairs = {**sent.headers, **others}.items()
    return Headers(raw=[(name.lower().encode(), value.encode()) for name, value in pairs])


def status(refusal: Refusal | None) -> int | None:
    return refusal.status if refusal else None


@pytest.mark.parametrize("fetch_metadata", [True, False])
def test_no_request_of_a_page_is_let_in(fetch_metadata: bool) -> None:
    sent = list(from_pages(PORT, fetch_metadata=fetch_metadata))
    let_in = [
        (path, str(each))
        for path, each in itertools.product(PATHS, sent)
        if Policy().refusal(each.method, path, headers(each)) is None
    ]

    assert len(sent) > 200
    assert let_in == []


def test_every_request_of_a_program_is_let_in() -> None:
    refused = [
        (path, str(each), why)
        for path, each in itertools.product(PATHS[:-1], from_programs(PORT))
        if (why := Policy().refusal(each.method, path, headers(each)))
    ]

    assert refused == []


@pytest.mark.parametrize("content_type", FORM_TYPES)
@pytest.mark.parametrize("path", ["/_control/faults", "/_control/reset", "/_control/events/replay"])
def test_a_control_api_takes_nothing_that_a_form_could_send_even_without_any_other_mark(
    path: str, content_type: str | None
) -> None:
    sent = Sent("a browser without marks", "POST", {"Host": "127.0.0.1:1"})
    marked = headers(sent) if content_type is None else headers(sent, **{"Content-Type": content_type})

    assert status(Policy().refusal("POST", path, marked)) == 415
    assert Policy().refusal("POST", path, headers(sent, **{"Content-Type": "application/json"})) is None
    assert Policy().refusal("DELETE", path, headers(sent)) is None


def test_a_control_api_behind_a_prefix_is_one_too() -> None:
    policy = Policy(control=is_control)
    sent = headers(Sent("", "POST", {"Host": "localhost", "Content-Type": "text/plain"}))

    assert policy.refusal("POST", "/a/prefix/_control/faults", sent) is not None
    assert policy.refusal("POST", "/v1beta/models/m:generateContent", sent) is None


@pytest.mark.parametrize("duplicated", [("Host", "localhost"), ("Host", "evil.test")])
def test_two_hosts_are_one_too_many(duplicated: tuple[str, str]) -> None:
    raw = [(b"host", b"localhost"), (duplicated[0].lower().encode(), duplicated[1].encode())]

    assert Policy().refusal("GET", "/", Headers(raw=raw)) is not None


def test_a_form_among_several_content_types_is_a_form() -> None:
    raw = [(b"host", b"localhost"), (b"content-type", b"multipart/related"), (b"content-type", b"multipart/form-data")]

    assert status(Policy().refusal("POST", "/", Headers(raw=raw))) == 415


@pytest.mark.parametrize(
    ("host", "names", "let_in", "refused"),
    [
        ("127.0.0.1", (), {"127.0.0.1", "localhost", "[::1]"}, {"10.0.0.7", "emulators", "evil.test"}),
        ("10.0.0.7", (), {"10.0.0.7", "localhost"}, {"10.0.0.8", "evil.test"}),
        ("2001:db8::1", (), {"[2001:db8::1]"}, {"[2001:db8::2]"}),
        ("0.0.0.0", ("Emulators",), {"10.0.0.7", "[2001:db8::1]", "emulators", "EMULATORS"}, {"evil.test"}),
        ("::", (), {"10.0.0.7", "[2001:db8::1]"}, {"emulators", "evil.test"}),
        ("emulators.internal", (), {"emulators.internal"}, {"internal", "x.emulators.internal"}),
    ],
)
def test_whoever_binds_elsewhere_is_called_by_that_name_and_no_other(
    host: str, names: tuple[str, ...], let_in: set[str], refused: set[str]
) -> None:
    policy = policy_for(host, names)
    found = {
        name: policy.refusal("POST", "/", headers(Sent("", "POST", {"Host": f"{name}:1"}))) for name in let_in | refused
    }

    assert {name for name, refusal in found.items() if refusal is None} == let_in


def test_a_page_that_is_let_in_by_name_is_still_a_page() -> None:
    policy = policy_for("10.0.0.7")  # a browser trusts no such address, and so sends no Sec-Fetch-Site there

    assert policy.refusal("POST", "/", headers(Sent("", "POST", {"Host": "10.0.0.7:1", "Origin": EVIL}))) is not None


def test_the_viewer_lets_its_own_page_in_and_links_to_it_and_no_other_page() -> None:
    own = f"127.0.0.1:{PORT}"
    its_page = [
        ("/api/uploads", Sent("", "POST", {"Host": own, "Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"})),
        ("/api/events", Sent("", "GET", {"Host": own, "Sec-Fetch-Site": "same-origin"})),
    ]
    let_in = [
        (path, str(each))
        for path, each in itertools.product(("/", "/api/uploads", "/api/objects/uploads/a.png"), from_pages(PORT))
        if POLICY.refusal(each.method, path, headers(each)) is None
    ]

    assert [POLICY.refusal(each.method, path, headers(each)) for path, each in its_page] == [None, None]
    assert {path for path, _ in let_in} == {"/"}
    assert all("'navigate', 'Sec-Fetch-Dest': 'document'" in sent for _, sent in let_in)
