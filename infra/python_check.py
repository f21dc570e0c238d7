"""Say in one line what is wrong with the Python that runs this file, and what to do; say nothing where all is well.

    python infra/python_check.py

`make` runs it before it installs anything: with the Python that is to make `.venv`, then with the one in `.venv`. So it
has to run on every Python that somebody may have, even on 2.7: no annotations, no f-strings, no other module of ours.
"""

import os
import sys
import sysconfig

FIRST = (3, 11)
LAST = (3, 14)  # the last one that everything in requirements-local.txt has wheels for
WANTED = "Uplook needs Python %d.%d to %d.%d" % (FIRST + LAST)
ANOTHER = "name another one, for example: make setup PYTHON=python%d.%d" % LAST


def problem():
    # type: () -> str | None
    """Return what is wrong and what to do, or None."""
    found = sys.version_info[:2]
    this_is = "%s, and this is %d.%d" % ((WANTED,) + found)
    if found < FIRST:
        return "%s, which is too old: %s" % (this_is, ANOTHER)
    if found > LAST:
        return "%s, which is too new, because some packages have no wheels for it yet: %s" % (this_is, ANOTHER)
    if os.name != "posix":
        return "Uplook runs on Linux and macOS, and this is %s: on Windows, use WSL." % sys.platform
    if "musl" in (sysconfig.get_config_var("SOABI") or ""):
        return WANTED + " built for glibc, and this one is built for musl (Alpine): use Debian, Ubuntu or Fedora."
    if sys.prefix == sys.base_prefix:
        return missing("venv") or missing("ensurepip")
    return missing("pip")


def missing(name):
    # type: (str) -> str | None
    """Return what to do about a module that installing needs and that is not there, or None."""
    try:
        __import__(name)
    except ImportError:
        if name == "pip":
            return "%s has no pip: remove it (rm -r %s) and run make again." % (sys.prefix, sys.prefix)
        return "%s has no module %s: on Debian and Ubuntu, apt install python3-venv; elsewhere, %s" % (
            sys.executable,
            name,
            ANOTHER,
        )
    return None


if __name__ == "__main__":
    sys.exit(problem())
