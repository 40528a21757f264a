"""Log lines as JSON: one object each, with the fields of its event, for who collects them."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

#: What every record has; anything else is a field that was given with `extra`.
_OF_EVERY_RECORD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

#: Loggers whose fields are ours. Those of other libraries may hold anything.
_OURS: Final = ("push_pipeline", "push_workers")


class JsonLine(logging.Formatter):
    """Writes timestamp (RFC 3339, UTC), level, logger, message, the event's fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; a line break in a text stays inside of its string."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.name.partition(".")[0] in _OURS:
            line |= {key: value for key, value in vars(record).items() if _is_field(key)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _is_field(key: str) -> bool:
    return key not in _OF_EVERY_RECORD


def write_json(logger: logging.Logger) -> None:
    """Let the handlers of a logger write JSON from now on."""
    for handler in logger.handlers:
        handler.setFormatter(JsonLine())
