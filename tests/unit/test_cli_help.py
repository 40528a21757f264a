"""What `--help` says, and that it waits for nothing that only the commands themselves need."""

import os
import subprocess
import sys
from collections import defaultdict

import pytest
from typer.main import get_command

from push_pipeline.cli.root import app
from tests.processes import cli

#: What takes most of a command's start; `--help` needs none of it.
HEAVY = {
    *("sqlalchemy", "sqlmodel", "alembic", "celery", "kombu", "redis"),
    *("cryptography", "lark", "fastapi", "pydantic_settings", "asyncio"),
}

#: Asks for the help of each command in one process, and then tells what is loaded.
ASK_ALL = """
import contextlib, io, sys
from push_pipeline.cli.root import run
for words in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert run([*words.split(), "--help"]) == 0
    assert "Usage: push-pipeline " + words in said.getvalue(), words
print(*sys.modules)
"""


def by_words(command=None, words: str = "") -> dict:
    """Return every command and group by the words that call it."""
    command = command or get_command(app)
    found = {words: command}
    for name, one in getattr(command, "commands", {}).items():
        found |= by_words(one, f"{words} {name}".lstrip())
    return found


def test_no_help_of_a_command_loads_what_only_the_command_needs() -> None:
    every = sorted(set(by_words()) - {"simulate"})
    assert len(every) > 30
    asked = subprocess.run(
        [sys.executable, "-c", ASK_ALL, *every], check=True, capture_output=True, text=True
    )
    assert not HEAVY & set(asked.stdout.split())


def test_the_help_of_the_simulator_loads_no_server() -> None:
    """The command becomes another program: what either imports, Python itself tells."""
    told = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    asked = subprocess.run(
        cli("simulate", "--help"), env=told, check=True, capture_output=True, text=True
    )
    assert "--time-scale" in asked.stdout
    loaded = {line.rpartition("|")[2].strip() for line in asked.stderr.splitlines()}
    assert "push_workers.simulator" in loaded
    assert not (HEAVY - {"asyncio"}) & loaded
    assert "push_workers.simulator.node" not in loaded


def test_the_root_lists_every_command_with_its_line() -> None:
    listed = subprocess.run(
        cli("--help"),
        env={**os.environ, "COLUMNS": "200", "TERMINAL_WIDTH": "200"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name, command in get_command(app).commands.items():
        line = next(line for line in listed.splitlines() if line.startswith(f"│ {name} "))
        help_words = (command.help or "").splitlines()[0].replace("`", "")
        assert help_words
        assert help_words in line


SHARED = [
    *("--app", "--json", "--watch", "--port", "--loglevel"),
    *("--at", "--local", "--every", "--until", "--user"),
]


@pytest.mark.parametrize("option", SHARED)
def test_an_option_says_the_same_wherever_it_stands(option: str) -> None:
    said = defaultdict(set)
    for words, command in by_words().items():
        for parameter in command.params:
            if option in parameter.opts:
                said[parameter.help, parameter.metavar].add(words)
    assert len(said) == 1, said
    assert len(next(iter(said.values()))) > 1
