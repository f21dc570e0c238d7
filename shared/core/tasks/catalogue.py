"""The tasks: every module of this folder but this one is a task, and holds all of it. What they share is in `common`.

Entry points, the local stack, `infra/tasks.json` (Terraform and deploy.sh), the JSON Schemas and the documents derive
from this list; `python -m tests.generated` writes those that are files.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.core.tasks.common.task import Task


def _tasks() -> Iterator[Task]:
    here = Path(__file__)
    for module in pkgutil.iter_modules([str(here.parent)]):
        if not module.ispkg and module.name != here.stem:
            yield importlib.import_module(f"{__package__}.{module.name}").TASK


TASKS: Mapping[str, Task] = {task.name: task for task in _tasks()}
"""Every task by name, in the order of the names."""
