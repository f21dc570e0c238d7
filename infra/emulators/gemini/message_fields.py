"""The fields that the API's messages have; its JSON parser refuses every other name.

Names are those of the protocol buffers. A value of None means that anything may be below: what images do not
need is not checked further. Taken from what google-genai 3.4.0 can send.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .errors import unknown_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_REPORTED = 25
_CAPITAL = re.compile(r"(?<!^)([A-Z])")


def _free(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split())


PART = _free(
    "text thought thought_signature function_call function_response executable_code code_execution_result "
    "video_metadata tool_call tool_response part_metadata media_processing audio_transcription speech_metadata "
    "audio_metadata document_metadata spreadsheet_metadata"
) | {
    "inline_data": _free("mime_type data display_name"),
    "file_data": _free("mime_type file_uri display_name"),
    "media_resolution": _free("level num_tokens"),
}
CONTENT = {"parts": PART, "role": None}
GENERATION_CONFIG = _free(
    "temperature top_p top_k candidate_count max_output_tokens stop_sequences response_logprobs logprobs "
    "presence_penalty frequency_penalty seed response_mime_type response_schema response_json_schema "
    "response_modalities response_format media_resolution speech_config image_config routing_config model_config "
    "model_selection_config audio_timestamp audio_transcription_config translation_config enable_affective_dialog "
    "enable_enhanced_civic_answers"
) | {"thinking_config": _free("include_thoughts thinking_budget thinking_level")}
GENERATE = _free(
    "model tools tool_config labels cached_content service_tier store continuation_token model_armor_config "
    "output_config"
) | {
    "contents": CONTENT,
    "system_instruction": CONTENT,
    "safety_settings": _free("category threshold method"),
    "generation_config": GENERATION_CONFIG,
}
COUNT = GENERATE | {"generate_content_request": GENERATE, "instances": None}
BATCH = {
    "batch": _free("name model priority webhook_config")
    | {
        "display_name": None,
        "input_config": {"file_name": None, "requests": {"requests": {"request": GENERATE, "metadata": None}}},
    }
}
FILE = {"file": _free("name display_name mime_type size_bytes source create_time update_time uri state")}
REGISTER = _free("uris")
PREDICTIONS = _free("name display_name model labels model_parameters instance_config encryption_spec") | {
    "input_config": _free("instances_format bigquery_source vertex_multimodal_dataset_source")
    | {"gcs_source": _free("uris")},
    "output_config": _free("predictions_format bigquery_destination vertex_multimodal_dataset_destination")
    | {"gcs_destination": _free("output_uri_prefix")},
}


def check_fields(document: Any, message: Mapping[str, Any]) -> None:
    """Refuse names that a message has not, in either spelling.

    Raises:
        ApiError: 400, naming each.
    """
    found = list(_unknown(document, message, ""))
    if found:
        raise unknown_fields(found[:MAX_REPORTED])


def _unknown(value: Any, message: Mapping[str, Any] | None, where: str) -> Iterator[tuple[str, str]]:
    if message is None:
        return
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _unknown(each, message, f"{where}[{number}]")
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        snake = _CAPITAL.sub(r"_\1", name).lower()
        if snake not in message:
            yield where, name
        else:
            yield from _unknown(inner, message[snake], f"{where}.{snake}".removeprefix("."))
