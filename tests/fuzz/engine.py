"""One fuzzing process: `python -m tests.fuzz.engine TARGET [libFuzzer's arguments]`; `run` starts these.

libFuzzer takes over the process and its output. Only our own modules are instrumented: coverage of Pillow's or
the standard library's Python would lead the fuzzer away from the code that decides here.
"""

from __future__ import annotations

import importlib
import shlex
import sys


def main(arguments: list[str]) -> None:
    """Fuzz one target until libFuzzer's own arguments say that it is enough."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["shared", "tests.fuzz.target_costs"]):
        target = importlib.import_module(f"tests.fuzz.target_{arguments[0]}")
    # libFuzzer hands its own name to a shell when it starts itself again, to merge.
    again = shlex.join([sys.executable, "-W", "error", "-m", "tests.fuzz.engine", arguments[0]])
    atheris.Setup([again, *arguments[1:]], target.fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
