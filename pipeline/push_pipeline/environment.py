"""What the operator configured: the environment, and `.env` where that says nothing."""

import os
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

#: Read from the working directory of the process, like every `.env` reader does.
ENV_FILE: Final = ".env"


def given_environment() -> dict[str, str]:
    """Return every variable that is set and not empty, as it was written."""
    given = {name: value for name, value in dotenv_values(ENV_FILE).items() if value}
    return given | {name: value for name, value in os.environ.items() if value}


def env_file_found() -> str:
    """Say which `.env` is read, or in which folder there is none."""
    file = Path(ENV_FILE).absolute()
    return f"with {file}" if file.exists() else f"no {file.name} in {file.parent}"
