"""`PUSH_*` in a Flask application's configuration, read when it is first needed.

The names are those of the settings with this prefix: `PUSH_BROKER_URL`, `PUSH_APP_ID`, …. What
they say wins over the environment; what is left out comes from there. Without
`PUSH_DATABASE_URL` the pipeline shares the database of the application's sessions, if it has any.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from push_pipeline.errors import SettingsError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

PREFIX: Final = "PUSH_"

#: How near a name that is no setting must be to one to count as that one, misspelt. What is
#: further away is somebody else's, who likes the prefix as well.
NEAR: Final = 0.7


def given(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the pipeline's settings that an application gives, by field name.

    Raises:
        SettingsError: a line for each name that is nearly a setting.
    """
    from push_pipeline.settings import Settings

    fields = list(Settings.model_fields)
    if misspelt := list(_misspelt(config, fields)):
        raise SettingsError("\n".join(misspelt))
    written = {field: config.get(spelling(field)) for field in fields}
    return {field: value for field, value in written.items() if value not in (None, "")}


def spelling(field: str) -> str:
    """Return how an application writes a setting."""
    return PREFIX + field.upper()


def has_own_database(config: Mapping[str, Any]) -> bool:
    """Say whether an application gives the pipeline a database of its own."""
    return bool(config.get(spelling("database_url")))


def database_url(url: "URL") -> str:
    """Return the URL of an application's database, for processes without Flask.

    Raises:
        SettingsError: it is one that cannot be shared.
    """
    if url.get_backend_name() not in {"postgresql", "sqlite"}:
        raise SettingsError(
            f"{url.get_backend_name()} cannot be shared; give {spelling('database_url')}, a"
            " PostgreSQL or SQLite database for the pipeline alone, and publish after the commit"
        )
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


def _misspelt(config: Mapping[str, Any], fields: list[str]) -> Iterator[str]:
    known = [field.upper() for field in fields]
    for name in sorted(config):
        written = name.removeprefix(PREFIX)
        if written in (name, *known):
            continue
        if nearest := get_close_matches(written, known, n=1, cutoff=NEAR):
            yield f"{name}: there is no such setting, did you mean {PREFIX}{nearest[0]}?"
