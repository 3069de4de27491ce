"""Loaded by `make`: where everything is at hand, a skipped test is a failed run.

And what each proof took is said.
"""

import os
from collections import Counter

import pytest

from tests.proofs import PROOFS, proof_of

ELSEWHERE = "beside this checkout"  # real answers that may not be shipped
COMPLETE = os.environ.get("CI") == "true" or os.environ.get("CANDOUR_TESTS_COMPLETE") == "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Notes the proof that a test belongs to, where whoever collects the reports can read it."""
    if (name := proof_of(item)) is not None:
        item.user_properties.append(("proof", name))


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what each proof took, beside the minutes of the table."""
    if config.getoption("speed") not in {"verify", "soak"}:
        return
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in (report for report in reports if isinstance(report, pytest.TestReport)):
            for key, name in report.user_properties:
                seconds[str(name)] += round(report.duration) if key == "proof" else 0
    terminalreporter.section("proofs: minutes, and those of tests/proofs.py")
    for name, listed in PROOFS.items():
        terminalreporter.write_line(
            f"{seconds[name] / 60:7.1f} {listed.minutes:7.1f}  {name}: {listed.what}"
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a run that skipped something when CI=true or CANDOUR_TESTS_COMPLETE=1."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not COMPLETE or not isinstance(reporter, pytest.TerminalReporter):
        return
    skipped = [
        report
        for report in reporter.stats.get("skipped", ())
        if ELSEWHERE not in str(report.longrepr)
    ]
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("")
        reporter.write_line("Tests were skipped although this run must be complete.", red=True)
