"""A log line as JSON has what the event says, and only that of our own loggers."""

import json
import logging

import pytest

from push_pipeline.log_lines import JsonLine


def written(name: str, message: str, *args: object, **fields: object) -> dict:
    record = logging.makeLogRecord(
        {"name": name, "msg": message, "args": args, "levelname": "INFO", "created": 0.25, **fields}
    )
    line = JsonLine().format(record)
    assert "\n" not in line
    return json.loads(line)


def test_an_event_is_one_object_with_its_fields() -> None:
    assert written("push_pipeline", "run %d is finished", 7, action="run_closed", run_id=7) == {
        "timestamp": "1970-01-01T00:00:00.250+00:00",
        "level": "INFO",
        "logger": "push_pipeline",
        "message": "run 7 is finished",
        "action": "run_closed",
        "run_id": 7,
    }


def test_of_other_libraries_nothing_but_the_text_is_written() -> None:
    line = written("celery.worker", "a\nb", data={"kwargs": "secret"})
    assert (line["message"], "data" in line) == ("a\nb", False)


@pytest.mark.parametrize("value", [object(), {1: 2}, b"\xff", 10**30, "\ud800"])
def test_whatever_a_field_is_there_is_a_line(value: object) -> None:
    assert "field" in written("push_workers.tick", "odd", field=value)


def test_an_exception_is_a_field_too() -> None:
    try:
        _ = {}["missing"]
    except KeyError as error:
        line = written("x", "failed", exc_info=(type(error), error, error.__traceback__))
    assert line["exception"].endswith("KeyError: 'missing'")
