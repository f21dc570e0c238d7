"""Write the labelled set into a folder: `pictures/`, `truth.json`, `synonyms.json`, rules to ask by, and wrong ones.

python -m infra.evaluation .local/evaluation
python -m infra.evaluation .local/evaluation --small     # a dozen pictures, for a first look
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.evaluation.labelled import to_truth
from infra.evaluation.photographs import photographs
from infra.evaluation.scenes import scenes, shapes, signs

if TYPE_CHECKING:
    from collections.abc import Sequence

QUESTION: Final = "How many cats are there?"
_SYNONYMS: Final = {
    "person": ["woman", "man", "astronaut", "photographer", "cameraman"],
    "cup": ["coffee cup", "mug", "espresso cup"],
    "cat": ["tabby cat", "kitten"],
    "horse": ["horse silhouette"],
    "circle": ["disc", "red circle", "blue circle", "green circle", "yellow circle"],
    "square": ["red square", "blue square", "green square", "yellow square"],
    "triangle": ["red triangle", "blue triangle", "green triangle", "yellow triangle"],
}
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


def main(argv: Sequence[str]) -> int:
    """Write the set and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m infra.evaluation", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to write; pictures of the same names are written anew")
    parser.add_argument("--small", action="store_true", help="a dozen pictures instead of forty")
    args = parser.parse_args(argv)
    print(f"{write_set(args.folder, small=args.small)} labelled pictures in {args.folder}")
    return 0


def write_set(folder: Path, *, small: bool = False) -> int:
    """Write everything and return how many pictures there are."""
    pictures = [
        *photographs(),
        *scenes(4 if small else 22),
        *shapes(1 if small else 8),
        *(signs()[: 1 if small else 4]),
    ]
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for each in pictures:
        options = {"quality": 92} if each.name.endswith(".jpg") else {}
        each.picture.save(folder / "pictures" / each.name, **options)
    truth = to_truth(pictures, question=QUESTION, counted="cat")
    (folder / "truth.json").write_text(json.dumps(truth) + "\n", encoding="utf-8")
    (folder / "synonyms.json").write_text(json.dumps(_SYNONYMS, indent=1) + "\n", encoding="utf-8")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    (folder / "wrong-rules.toml").write_text(WRONG_RULES, encoding="utf-8")
    return len(pictures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
