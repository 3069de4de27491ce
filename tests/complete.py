"""Loaded by `make test`: where everything is at hand, a skipped test is a failed run."""

import os

import pytest

ELSEWHERE = "beside this checkout"  # real answers that may not be shipped
COMPLETE = os.environ.get("CI") == "true" or os.environ.get("CANDOUR_TESTS_COMPLETE") == "1"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run that skipped something when CI=true or CANDOUR_TESTS_COMPLETE=1."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not COMPLETE or not isinstance(reporter, pytest.TerminalReporter):
        return
    skipped = [report for report in reporter.stats.get("skipped", ()) if ELSEWHERE not in str(report.longrepr)]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("")
        reporter.write_line("Tests were skipped although this run must be complete.", red=True)
