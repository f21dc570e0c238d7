"""Recorded replies in place of local vision: for an image, for a model, once or from now on."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from .answerer import Answer
from .tokens import text_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .answerer import Answerer, Question, Usage

SERVED_BY = "recorded-reply"
"""The honest `modelVersion` of a replayed text."""
FIELDS = ("image_sha256", "subject", "text", "case", "finish_reason", "times")


class ReplyError(ValueError):
    """A rule makes no sense; the message says what was expected and found."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A text as a model gave it."""

    text: str
    finish_reason: str = "STOP"


@dataclass(slots=True)
class Rule:
    """Which questions get a reply: about this image, or to models that fit the pattern; `times` 0 is for good."""

    reply: Reply
    image_sha256: str = ""
    subject: str = ""
    times: int = 0
    hits: int = 0

    def fits(self, question: Question) -> bool:
        """Whether this rule still wants to answer, and to answer this."""
        if self.times and self.hits >= self.times:
            return False
        if self.image_sha256:
            return self.image_sha256 in question.digests
        return fnmatch.fnmatchcase(question.name, self.subject)


class Replies:
    """The recorded cases by name, and the rules that use them; the newest rule that fits decides."""

    def __init__(self, cases: Mapping[str, Reply], rules: list[Rule]) -> None:
        self._cases = cases
        self._fixed = rules
        self._rules: list[Rule] = []

    def add(self, value: Any) -> None:
        """Take a rule from JSON.

        Raises:
            ReplyError: it makes no sense.
        """
        self._rules.insert(0, self._rule(value))

    def clear(self) -> None:
        """Forget the rules that were added."""
        self._rules.clear()

    def take(self, question: Question) -> Reply | None:
        """Return the recorded reply to a question, if there is one."""
        rule = next((rule for rule in (*self._rules, *self._fixed) if rule.fits(question)), None)
        if rule is None:
            return None
        rule.hits += 1
        return rule.reply

    def document(self) -> dict[str, Any]:
        """Return cases and rules as JSON."""
        return {"cases": sorted(self._cases), "replies": [asdict(rule) for rule in (*self._rules, *self._fixed)]}

    def _rule(self, value: Any) -> Rule:
        if not isinstance(value, dict) or value.keys() - set(FIELDS):
            raise ReplyError(f"expected an object of {', '.join(FIELDS)}, found {str(value)[:100]}")
        times = value.get("times", 0)
        texts = [value[name] for name in FIELDS[:-1] if name in value]
        if not all(isinstance(text, str) for text in texts) or not isinstance(times, int) or times < 0:
            raise ReplyError(f"expected texts, and a number in times, found {str(value)[:100]}")
        if bool(value.get("image_sha256")) == bool(value.get("subject")):
            raise ReplyError("expected either image_sha256 or subject, a pattern over model ids")
        reply = self._reply(value)
        reply = replace(reply, finish_reason=value.get("finish_reason", reply.finish_reason))
        return Rule(reply, value.get("image_sha256", ""), value.get("subject", ""), times)

    def _reply(self, value: dict[str, Any]) -> Reply:
        if ("text" in value) == ("case" in value):
            raise ReplyError("expected either text or case")
        if "text" in value:
            return Reply(value["text"])
        if value["case"] not in self._cases:
            raise ReplyError(
                f"case: expected one of {', '.join(sorted(self._cases)) or 'none'}, found {value['case']!r}"
            )
        return self._cases[value["case"]]


class RecordedAnswerer:
    """An answerer that replays where a rule says so, and asks the one behind it elsewhere."""

    def __init__(self, behind: Answerer, replies: Replies) -> None:
        self._behind = behind
        self._replies = replies

    async def answer(self, question: Question) -> Answer:
        """Return the recorded reply, or what the answerer behind says."""
        reply = self._replies.take(question)
        if reply is None:
            return await self._behind.answer(question)
        usage = replace(await self._behind.count(question), answer=text_tokens(reply.text))
        return Answer(reply.text, usage, reply.finish_reason, served_by=SERVED_BY)

    async def count(self, question: Question) -> Usage:
        """Return the prompt's tokens."""
        return await self._behind.count(question)

    def start(self) -> None:
        """Get ready in the background."""
        self._behind.start()

    def stop(self) -> None:
        """Release what `start` took."""
        self._behind.stop()


def load_replies(directory: Path | None) -> Replies:
    """Return the replies below a directory: each folder holds `response.txt`, and may hold `meta.json`.

    In `meta.json`, `image_sha256` names the image that is always answered so, `finish_reason` why the text ends.

    Raises:
        OSError: the directory or a file in it cannot be read.
        ValueError: a `meta.json` is no JSON object.
    """
    cases, rules = {}, []
    folders = sorted(path for path in directory.iterdir() if (path / "response.txt").is_file()) if directory else []
    for folder in folders:
        meta = _meta(folder / "meta.json")
        reply = Reply((folder / "response.txt").read_text(encoding="utf-8"), str(meta.get("finish_reason", "STOP")))
        cases[folder.name] = reply
        if meta.get("image_sha256"):
            rules.append(Rule(reply, image_sha256=str(meta["image_sha256"])))
    return Replies(cases, rules)


def _meta(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(found, dict):
        raise ReplyError(f"{path}: expected a JSON object, found {type(found).__name__}")
    return found
