"""How large a request is but for its images."""

from __future__ import annotations

import json

from shared.core.gemini.request import ModelRequest


def _request(prompt: str, system_instruction: str | None = None) -> ModelRequest:
    return ModelRequest(
        "gemini-3.8-flash", prompt, (), 100, schema={"type": "object"}, system_instruction=system_instruction
    )


def test_prompt_system_instruction_and_schema_count_as_utf_8_for_tokens() -> None:
    assert _request("äb", "猫").text_bytes == 3 + 3 + len('{"type": "object"}')


def test_in_the_request_every_letter_beyond_ascii_has_six_bytes() -> None:
    plain, chinese = _request("b" * 100), _request("猫" * 100)

    assert chinese.sent_text_bytes - plain.sent_text_bytes == 5 * 100
    assert _request("", "b" * 100).sent_text_bytes == plain.sent_text_bytes
    assert plain.sent_text_bytes >= len(json.dumps("b" * 100)) + len('{"type": "object"}')
