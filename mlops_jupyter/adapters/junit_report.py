"""JUnit's XML, as Jenkins, GitLab and GitHub's actions read it, by junitparser."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from junitparser import Attr, Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from ..protocols import ReportedCase, ReportedSuite

_KINDS = {"failed": Failure, "skipped": Skipped, "error": Error}


class _Case(TestCase):
    """A case that says which file it is from, which GitLab links."""

    file = Attr()


class JunitReport:
    """Writes one ``testsuites`` element."""

    def write(self, suites: Sequence[ReportedSuite], file: Path) -> None:
        """Write a file; junitparser counts."""
        document = JUnitXml("mlops run")
        for one in suites:
            suite = TestSuite(one.name)
            if one.started is not None:
                # The schema takes no offset.
                suite.timestamp = one.started.replace(tzinfo=None).isoformat(timespec="seconds")
            for name, value in one.properties.items():
                suite.add_property(name, value)
            suite.add_testcases([_case(case) for case in one.cases])
            document.append(suite)
        document.update_statistics()
        document.write(str(file))


def _case(one: ReportedCase) -> TestCase:
    case = _Case(one.name, one.group, round(one.time_s, 3))
    case.file = one.file
    if one.outcome in _KINDS:
        result = _KINDS[one.outcome](one.message, one.kind)
        result.text = one.text
        case.result = [result]
    if one.stdout:
        case.system_out = one.stdout
    if one.stderr:
        case.system_err = one.stderr
    return case
