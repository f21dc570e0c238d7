"""How commands publish: they count what is on its way, for whoever interrupts them, and lift what instances believe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.ports import Message
from shared.pipeline.instance.lifted import RELEASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.ports import Publisher


class ByHand:
    """The `Publisher` port over another one, for events that a person sends.

    They carry the name of their `release`, if it has one: by that, an instance that believes in a used-up day looks
    again. `sent` counts the messages that the service has stored.
    """

    def __init__(self, publisher: Publisher, *, release: str | None) -> None:
        self._publisher = publisher
        self._release = release
        self.sent = 0

    def publish(self, topic: str, messages: Sequence[Message]) -> None:
        """Publish the messages, marked."""
        mark = {RELEASE: self._release} if self._release else {}
        marked = [Message(each.data, {**each.attributes, **mark}) for each in messages]
        self._publisher.publish(topic, marked)
        self.sent += len(messages)
