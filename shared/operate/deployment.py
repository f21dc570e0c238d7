"""The deployment that a command works on: that of the environment, as its functions see it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from shared import bootstrap, logs
from shared.core.errors import SettingsError

if TYPE_CHECKING:
    from shared.pipeline.ports import Ports


def ports() -> Ports:
    """Return the deployment's ports; what the pipeline logs goes to stderr: stdout is the command's.

    Raises:
        SettingsError: the environment describes no deployment, or has no credentials for it.
    """
    from google.auth.exceptions import DefaultCredentialsError

    try:
        found = bootstrap.ports()
    except DefaultCredentialsError as error:
        raise SettingsError(
            "expected Google credentials, found none: run `gcloud auth application-default login`, or set the addresses"
            " of a local stack (they are in .local/stack.env)."
        ) from error
    logs.set_up("text", stream=sys.stderr)
    return found
