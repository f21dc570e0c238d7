"""Redaction: what must never be told is left out, and what people need to read stays."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.redaction import REDACTED, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP"
PEM = f"-----BEGIN PRIVATE KEY-----\n{'A' * 64}\n{'b' * 64}\nc==\n-----END PRIVATE KEY-----"
PEM_ESCAPED = PEM.replace("\n", "\\n")


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
        ("?X-Amz-Signature=0badc0de&x=1", f"?X-Amz-Signature={REDACTED}&x=1"),
        (
            "https://storage.googleapis.com/b/o?GoogleAccessId=a@b&Expires=1&Signature=Zm9v%2Bbar%3D%3D",
            f"https://storage.googleapis.com/b/o?GoogleAccessId=a@b&Expires=1&Signature={REDACTED}",
        ),
        ("?sv=2024&sig=a%2Bb%3D&se=2", f"?sv=2024&sig={REDACTED}&se=2"),
        ("?sv=2024&SIG=a+b/c=", f"?sv=2024&SIG={REDACTED}"),
        ("token eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0. refused", f"token {REDACTED} refused"),
        ("eyJhbGciOi.eyJzdWIi.c2ln, and more", f"{REDACTED}, and more"),
        (f"id={JWT}&b=1", f"id={REDACTED}&b=1"),
        (f"key:\n{PEM}\nend", f"key:\n{REDACTED}\nend"),
        (f'{{"private_key": "{PEM_ESCAPED}\\n", "b": 1}}', f'{{"private_key": "{REDACTED}\\n", "b": 1}}'),
        (f'"-----BEGIN EC PRIVATE KEY-----\\n{"A" * 64}", "b"', f'"{REDACTED}", "b"'),
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
        "the design=a, and a signature = of somebody",
        "-----BEGIN",
        "eyJ is how a token begins",
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


@given(
    before=st.text(),
    secret=st.sampled_from([JWT, PEM, PEM[:120], "?sig=abc%2F", "Signature=ab+c/d==", "AIzaSyA-0123456789"]),
    after=st.text(),
    depth=st.integers(0, 3),
)
def test_json_that_holds_a_secret_is_json_when_it_is_left_out(before: str, secret: str, after: str, depth: int) -> None:
    """Logs are redacted as JSON: text inside of text is escaped once more at each level."""
    value = f"{before} {secret}"
    for _ in range(depth):
        value = json.dumps({"a": value, "b": after})

    told = redact(json.dumps([value, after]))

    assert isinstance(json.loads(told), list)
    assert secret not in told
    assert "A" * 64 not in told
