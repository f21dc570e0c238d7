"""Redaction: what must never be told is left out, and what people need to read stays."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.redaction import REDACTED, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key AIzaSyD-abc_DEF0123456789abcdefghijklmn is not valid", f"key {REDACTED} is not valid"),
        ("\nAQ.Ab8RN6Kx-y_z0123456789", f"\n{REDACTED}"),
        ('{"x": "\\nAQ.Ab8RN6Kx-y_z0123456789"}', f'{{"x": "\\n{REDACTED}"}}'),
        ("?key=AIzaSyD0123456789&alt=sse", f"?key={REDACTED}&alt=sse"),
        ("authorization: Bearer eyJhbGciOi.eyJpc3Mi.c2lnbmF0dXJl!", f"authorization: Bearer {REDACTED}!"),
        ("authorization: bearer abc", f"authorization: bearer {REDACTED}"),
        ("token ya29.a0Ab_c-d.e", f"token {REDACTED}"),
        ("?X-Goog-Signature=0badc0de&X-Goog-Expires=900", f"?X-Goog-Signature={REDACTED}&X-Goog-Expires=900"),
        ("?x-goog-signature=0badc0de", f"?x-goog-signature={REDACTED}"),
        (f"data:image/png;base64,{'iVBORw0KGgo' * 8}==", f"data:image/png;base64,{REDACTED}"),
        (f"'{'A' * 65}'", f"'{REDACTED}'"),
    ],
)
def test_secrets_are_left_out_and_what_is_around_them_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A" * 64,
        "0" * 64,
        f"gs://results/v1/uploads/{'a-folder-of-photographs/' * 6}cat.jpg/1732181234567890/caption.json",
        f"gs://results/{'folder/' * 30}cat",
        "the bearer",
        "FAQ.md",
        "gemini-3.8-flash answered 429: please retry in 12.5 s",
        "1f0e3dad99908345f7439f8ffabdffc4",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(data=st.binary(min_size=49, max_size=4000), alphabet=st.sampled_from([b"+/", b"-_"]))
def test_no_image_bytes_stay_in_either_alphabet(data: bytes, alphabet: bytes) -> None:
    text = base64.b64encode(data, altchars=alphabet).decode()

    assert redact(f"the image {text} is refused") == f"the image {REDACTED} is refused"


@given(text=st.text())
def test_to_redact_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)
