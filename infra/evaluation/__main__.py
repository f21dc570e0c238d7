"""Write the labelled set into a folder: `pictures/`, `truth.json`, `synonyms.json`, rules to ask by, and wrong ones.

python -m infra.evaluation .local/evaluation
python -m infra.evaluation .local/evaluation --small                      # a dozen pictures, for a first look
python -m infra.evaluation .local/evaluation --upload evaluation/         # and send it to the stack of `make up`
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.evaluation.labelled import to_truth
from infra.evaluation.photographs import photographs
from infra.evaluation.scenes import scenes, shapes, signs
from shared.command_line import escape_what_cannot_be_shown

if TYPE_CHECKING:
    from collections.abc import Sequence

QUESTION: Final = "How many cats are there?"
RULES: Final = f"""\
# What the labelled set is labelled for. The question is the one of truth.json.
[defaults]
tasks = ["caption", "detect", "segment", "classify", "ask"]
question = "{QUESTION}"
"""
WRONG_RULES: Final = f"""\
{RULES}
# A mistake on purpose: the prompts ask for cars and buses, and no picture has one.
[defaults.detect]
labels = ["car", "bus"]

[defaults.segment]
labels = ["car", "bus"]
"""
_SYNONYMS: Final = {
    "person": ["woman", "man", "astronaut", "photographer", "cameraman"],
    "cup": ["coffee cup", "mug", "espresso cup"],
    "cat": ["tabby cat", "kitten"],
    "horse": ["horse silhouette"],
    "circle": ["disc", "red circle", "blue circle", "green circle", "yellow circle"],
    "square": ["red square", "blue square", "green square", "yellow square"],
    "triangle": ["red triangle", "blue triangle", "green triangle", "yellow triangle"],
}
_PATIENCE_S: Final = 300.0
_MISSING: Final = 3


def main(argv: Sequence[str]) -> int:
    """Write the set and say where it is; upload it, if that is wanted, and wait for its results."""
    parser = argparse.ArgumentParser(prog="python -m infra.evaluation", description="Write the labelled set.")
    parser.add_argument("folder", type=Path, help="where to write; pictures of the same names are written anew")
    parser.add_argument("--small", action="store_true", help="a dozen pictures instead of 39")
    parser.add_argument(
        "--upload",
        metavar="PREFIX",
        help="upload the pictures below this prefix to the stack whose STORAGE_EMULATOR_HOST is set, and wait",
    )
    args = parser.parse_args(argv)
    address = os.environ.get("STORAGE_EMULATOR_HOST")
    if args.upload is not None and not address:
        parser.error("--upload: expected STORAGE_EMULATOR_HOST, found none: read .local/stack.env of `make up`")
    print(f"{write_set(args.folder, small=args.small)} labelled pictures in {args.folder}")
    return 0 if args.upload is None else _upload(args.folder, str(address), args.upload)


def write_set(folder: Path, *, small: bool = False) -> int:
    """Write everything and return how many pictures there are."""
    drawn = [*scenes(5), *shapes(1), *signs()[:1]] if small else [*scenes(22), *shapes(8), *signs()]
    pictures = [*photographs(), *drawn]
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for each in pictures:
        options: dict[str, Any] = {"quality": 92} if each.name.endswith(".jpg") else {}
        each.picture.save(folder / "pictures" / each.name, **options)
    truth = to_truth(pictures, question=QUESTION, counted="cat")
    (folder / "truth.json").write_text(json.dumps(truth) + "\n", encoding="utf-8")
    labels = {each["name"] for each in truth["categories"]}
    synonyms = {label: words for label, words in _SYNONYMS.items() if label in labels}
    (folder / "synonyms.json").write_text(json.dumps(synonyms, indent=1) + "\n", encoding="utf-8")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    (folder / "wrong-rules.toml").write_text(WRONG_RULES, encoding="utf-8")
    return len(pictures)


def _upload(folder: Path, address: str, prefix: str) -> int:
    from infra.evaluation.uploading import await_results, upload
    from infra.local.resources import storage_client
    from shared.core.evaluation.truth import parse_truth

    client = storage_client(address)
    truth = parse_truth(json.loads((folder / "truth.json").read_text(encoding="utf-8")))
    asked = upload(truth, folder / "pictures", client, prefix=prefix)
    run = os.environ.get("RUN") or "v1"
    missing = await_results(asked, client, run=run, patience_s=_PATIENCE_S, tell=print)
    if missing:
        print(f"{missing} results are missing: `python -m shared.operate status` says why")
        return _MISSING
    return 0


if __name__ == "__main__":
    escape_what_cannot_be_shown()
    sys.exit(main(sys.argv[1:]))
