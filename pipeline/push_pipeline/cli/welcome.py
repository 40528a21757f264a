"""What `up` says when everything runs."""

from push_pipeline.settings import get_settings
from push_pipeline.supervisor.installation import Installation
from push_pipeline.supervisor.web import HOST

_NEXT = (
    "Everything runs; Ctrl-C stops it. In another terminal, in this folder:",
    "  push-pipeline devices import devices.ndjson",
    '  push-pipeline publish default "Hello" --watch',
    "  push-pipeline doctor",
)


def welcome(installation: Installation) -> str:
    """Say where everything is, and what to try next."""
    settings = get_settings()
    folder = installation.folder
    api = f"http://{HOST}:{installation.port}" if installation.port else "not installed"
    lines = [
        f"HTTP API   {api}",
        f"app        {settings.app_id}",
        f"API key    {_key(installation)}",
        f"operators  /metrics, with the key in {folder.path / 'operator.key'}",
        f"database   {_place(settings.database_url)}",
        f"logs       {folder.logs}",
    ]
    if installation.providers is not None:
        lines.append(f"providers  simulated; control API at {installation.providers.control_url}")
    return "\n".join([*lines, "", *_NEXT])


def _key(installation: Installation) -> str:
    """Show the key that was made here; one that was given is known to who gave it."""
    given, file = get_settings().api_key, installation.folder.path / "api.key"
    if given is None or given.get_secret_value() != installation.folder.secret("api.key"):
        return "that of PIPELINE_API_KEY"
    return f"{given.get_secret_value()} (kept in {file})"


def _place(url: str) -> str:
    """Name a database without its password, which may stand among the options too."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
