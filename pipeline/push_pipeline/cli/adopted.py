"""The installation that `up` made in this folder, used by the commands that are run beside it.

The rule: in a folder where `up` has run, commands use the settings in `var/up.env`. A name that
is set in the environment or in `.env` wins; and if that is a database or a broker other than
those of `up`, another installation is meant and the file is left aside altogether.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from push_pipeline.environment import given_environment
from push_pipeline.supervisor.state_folder import read_environment

#: Where `up` keeps its state, below the working directory.
FOLDER = Path("var")

_WHICH_INSTALLATION = ("PIPELINE_DATABASE_URL", "PIPELINE_BROKER_URL")


def adopt() -> None:
    """Add the settings of this folder's installation to the environment, before they are read."""
    offered = read_environment(FOLDER)
    os.environ.update(to_adopt(offered, given_environment()))


def to_adopt(offered: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return what of the offered settings is used beside those that were given."""
    other = any(
        given.get(name, offered.get(name)) != offered.get(name) for name in _WHICH_INSTALLATION
    )
    if other:
        return {}
    return {name: value for name, value in offered.items() if name not in given}
