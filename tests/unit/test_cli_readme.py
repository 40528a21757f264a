"""The README says what is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from push_pipeline.cli.root import app
from push_pipeline.settings import settings_table

README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands(group=None, prefix: str = "") -> set[str]:
    """Return every command by the words that call it."""
    found = set()
    for name, command in (group or get_command(app)).commands.items():
        words = f"{prefix}{name}"
        found |= commands(command, f"{words} ") if hasattr(command, "commands") else {words}
    return found


def test_the_table_of_settings_is_that_of_the_code():
    table = re.search(r"<!-- settings: .*? -->\n(.*?)<!-- end of settings -->", README, re.DOTALL)
    assert table is not None
    assert table[1] == settings_table()


def test_every_command_is_named():
    table = README.split("## Command line")[1].split("\n\n**")[0]
    assert {name for name in commands() if not re.search(rf"`{name}\b", table)} <= {
        "pause",
        "resume",  # named with cancel, in one cell
    }


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_is_valid_and_imports_what_exists(code):
    compile(code, "README.md", "exec")
    imports = [line for line in code.splitlines() if line.startswith("from push_pipeline")]
    exec("\n".join(imports), {})


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    root = Path(__file__).parents[2]
    assert [link for link in links if not (root / link).exists()] == []


def test_each_promise_names_tests_that_exist():
    rows = re.findall(r"^\| (P\d+) \|(.*)$", README, re.MULTILINE)
    assert [name for name, _ in rows] == [f"P{n}" for n in range(1, 11)]
    tests = Path(__file__).parents[1]
    for name, row in rows:
        named = re.findall(r"`(\w+/test_\w+\.py)`", row)
        assert named, name
        assert [one for one in named if not (tests / one).exists()] == []
