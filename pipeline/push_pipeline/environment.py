"""What the operator configured: the environment, and `.env` where that says nothing."""

import os
from typing import Final

from dotenv import dotenv_values

#: Read from the working directory of the process, like every `.env` reader does.
ENV_FILE: Final = ".env"


def given_environment() -> dict[str, str]:
    """Return every variable that is set and not empty, as it was written."""
    given = {name: value for name, value in dotenv_values(ENV_FILE).items() if value}
    return given | {name: value for name, value in os.environ.items() if value}
