"""README.md and its neighbours name what is there, and say it once."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command

from push_pipeline.cli.root import app
from push_pipeline.settings import settings_table

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "deploy").glob("*.md")),
]
TEXTS = {page.name: page.read_text() for page in PAGES}
#: What a page may name of the project, with a slash before its path.
FILES = {
    f"/{path.relative_to(ROOT)}"
    for pattern in ("*.*", "pipeline/**/*", "workers/**/*", "tests/**/*", "deploy/**/*")
    for path in ROOT.glob(pattern)
}
COMMANDS: click.Group = get_command(app)
#: The program, by each of its names, and the words after it.
PROGRAM = r"(?:push-pipeline|manage\.py push|flask push) ([a-z][^|;&#]*)"

each_page = pytest.mark.parametrize("page", TEXTS)


def codes(page: str) -> list[str]:
    """Return what stands between back-quotes, and each line of the blocks of code."""
    blocks = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks.findall(TEXTS[page]) for line in block.split("\n")]
    return [*re.findall(r"`([^`]+)`", blocks.sub("", TEXTS[page])), *lines]


def command_of(call: str) -> tuple[click.Command | None, set[str]]:
    """Return the command that a call's first words name, and the options that it has.

    Of a group that is named without its command (`app credentials …`) all have a say.
    """
    found, below = COMMANDS, COMMANDS.commands
    for word in call.split():
        if word not in below:
            break
        found = below[word]
        below = getattr(found, "commands", {})
    if found is COMMANDS:
        return None, set()
    params = [param for one in (found, *below.values()) for param in one.params]
    return found, {"--help", *(name for one in params for name in (*one.opts, *one.secondary_opts))}


def calls(page: str) -> Iterator[tuple[str, bool]]:
    """Yield what a page shows of the command line, and whether the program's name is with it."""
    for code in codes(page):
        named = re.findall(PROGRAM, code)
        yield from ((call, True) for call in named)
        if not named:
            yield code, False


@each_page
def test_each_command_and_option_exists(page: str) -> None:
    wrong = []
    for call, named in calls(page):
        command, options = command_of(call)
        used = set(re.findall(r"(?<!\S)\[?\(?(--[a-z-]+)", call)) if command else set()
        wrong += [call] if (named and command is None) or used - options else []
    assert wrong == []


@each_page
def test_each_setting_exists(page: str) -> None:
    named = set(re.findall(r"\bPIPELINE_[A-Z_]+[A-Z]\b", TEXTS[page]))
    assert named - set(re.findall(r"PIPELINE_\w+", settings_table())) == set()


@each_page
def test_each_metric_is_in_the_table_of_the_runbook(page: str) -> None:
    known = set(re.findall(r"^\| `(push_pipeline_\w+)`", TEXTS["runbook.md"], re.MULTILINE))
    assert set(re.findall(r"\bpush_pipeline_\w+", TEXTS[page])) - known == set()


@each_page
def test_each_file_module_and_target_exists(page: str) -> None:
    folders = {part for file in FILES for part in file.split("/")[:-1]}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    wrong = []
    for code in codes(page):
        named = re.fullmatch(r"[\w.-]+(/[\w.-]+)*\.(?:py|md|ya?ml|sh|lua)|(\w+)(/[\w.-]+)+/?", code)
        if named and (named[2] is None or named[2] in folders):
            ends = (f"/{code.rstrip('/')}", f"/{code}.py")
            wrong += [] if any(file.endswith(ends) for file in FILES) else [code]
        for module in re.findall(r"python -m ((?:tests|push_\w+)[\w.]*)", code):
            ends = tuple(f"/{module.replace('.', '/')}{end}" for end in (".py", "/__main__.py"))
            wrong += [] if any(file.endswith(ends) for file in FILES) else [code]
        wrong += [word for word in re.findall(r"^make ([a-z-]+)", code) if word not in targets]
    assert wrong == []


@each_page
def test_nothing_is_said_twice(page: str) -> None:
    lines = [line for line in TEXTS[page].split("\n") if len(line) > 60]
    rows = [
        (table, re.split(r" [\[(A-Z…]", cell)[0] if cell.startswith("`") else cell)
        for table, text in enumerate(re.split(r"\n(?!\|)", TEXTS[page]))
        for cell in re.findall(r"^\| ([^|]{8,}) \|", text, re.MULTILINE)
    ]
    assert [said for said, times in Counter([*lines, *rows]).items() if times > 1] == []


def test_the_changelog_has_each_kind_and_each_line_once() -> None:
    newest = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    said = [line for line in newest.split("\n") if line.startswith(("### ", "- "))]
    assert [line for line, times in Counter(said).items() if times > 1] == []
