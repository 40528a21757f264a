"""Where the processes of one installation and one machine keep their counts together."""

import hashlib
import logging
import os
import tempfile
from pathlib import Path
from typing import Final

from push_pipeline.errors import SettingsError
from push_pipeline.metrics import counts
from push_pipeline.settings import Settings, get_settings

logger = logging.getLogger(__name__)

#: The group of all processes but the workers that have a port of their own.
COMMON: Final = "common"

_FOR_OTHERS: Final = 0o022


def share_counts(group: str = COMMON) -> Path | None:
    """Let this process count, for all who read the folder; return it.

    None, and a warning, where the folder cannot be used: work goes on without being counted.
    """
    folder = metrics_folder(get_settings())
    try:
        _check(folder)
        counts.share(folder, group)
    except OSError as error:
        logger.warning("nothing is counted: %s", _problem(folder, error))
        return None
    return folder


def check_metrics_folder() -> None:
    """Refuse a folder that somebody asked for and that cannot be used.

    Raises:
        SettingsError: it cannot.
    """
    folder = get_settings().metrics_dir
    if folder is None:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(f"PIPELINE_METRICS_DIR: {_problem(folder, error)}") from None


def metrics_folder(settings: Settings) -> Path:
    """Return the folder: as configured, or one for this user and this installation."""
    if settings.metrics_dir is not None:
        return settings.metrics_dir.absolute()
    parts = f"{_database(settings.database_url)} {settings.key_prefix}"
    name = hashlib.sha256(parts.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"push-pipeline-{os.getuid()}-{name}"


def _database(url: str) -> str:
    """Name a database without who asks it: a hash of a password could be tried out."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return str(Path(rest.removeprefix("/")).absolute())
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _check(folder: Path) -> None:
    """Make the folder; in the temporary directory somebody else may have made it before.

    Raises:
        OSError: it cannot be made, or is not ours.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if get_settings().metrics_dir is not None:
        return
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & _FOR_OTHERS or folder.is_symlink():
        raise PermissionError(1, "others can write in it")


def _problem(folder: Path, error: OSError) -> str:
    return f"{folder} cannot be used ({error.strerror})"
