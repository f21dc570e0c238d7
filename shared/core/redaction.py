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
    # A signed address: Cloud Storage's (V4, V2), Amazon's (the same two), Azure's.
    r"|\b((?i:X-(?:Goog|Amz)-Signature|X-Amz-Security-Token|Signature|sig)=)[0-9A-Za-z%._~+/=-]+"
    # A JSON Web Token, however short: both its objects begin with {", and the signature may be empty.
    r"|\beyJ[0-9A-Za-z_-]*\.eyJ[0-9A-Za-z_-]*(?:\.[0-9A-Za-z_-]*)?"
    # A block of PEM, perhaps cut off, its ends of lines perhaps escaped as in JSON: its lines of 64 characters are
    # shorter than what is taken for image bytes.
    r"|-----BEGIN [A-Z0-9 ]+-----(?:[0-9A-Za-z+/=\s:,]|-(?!----)|\\++[nr])*+(?:-----END [A-Z0-9 ]+-----)?"
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
