"""What the viewer's API answers when it can't do what was asked."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal: an HTTP status, and a message for the person who looks at the page."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
