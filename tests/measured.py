"""What tests measured, told at the end of the run whether they passed or not."""

from collections.abc import Callable

import pytest

NAME = "measured"


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Tell a figure at the end of the run: `measured("p99 0.1 s")`."""
    return lambda figure: record_property(NAME, figure)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the figures of all processes."""
    reports = [
        report
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        if report.when == "call"
    ]
    figures = [text for one in reports for name, text in one.user_properties if name == NAME]
    if figures:
        terminalreporter.section("measured")
    for figure in sorted(figures):
        terminalreporter.line(figure)
