"""What must never be told: keys, tokens, signatures, and image bytes. Applied to whatever is logged or quoted."""

from __future__ import annotations

import re

REDACTED = "[redacted]"

# One pattern, so that a text is searched once. What a group holds stays.
_SECRET = re.compile(
    r"AIza[0-9A-Za-z_-]{8,}"  # an API key of Google's
    r"|AQ\.[0-9A-Za-z_-]{16,}"  # one of the newer, bound kind
    r"|ya29\.[0-9A-Za-z._-]{8,}"  # an access token
    r"|\b((?i:Bearer)\s+)[0-9A-Za-z._~+/=-]+"
    r"|\b((?i:X-Goog-Signature)=)[0-9A-Za-z%._-]+"
    # Base64 of either alphabet, longer than any hash or id of ours; an object's address is no such thing.
    r"|(?<![0-9A-Za-z+/])(?<!gs:)[0-9A-Za-z+/]{65,}+(?![_-])={0,2}"
    r"|(?<![0-9A-Za-z_-])[0-9A-Za-z_-]{65,}+={0,2}"
)


def redact(text: str) -> str:
    """Return a text without secrets and without image bytes.

    >>> redact("key AIzaSyA-0123456789 refused")
    'key [redacted] refused'
    """
    return _SECRET.sub(lambda match: f"{match[1] or match[2] or ''}{REDACTED}", text)
