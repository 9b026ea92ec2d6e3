"""A report that CI systems read: JUnit's XML, one test case an event.

There is no standard. Jenkins, GitLab and GitHub's actions read what Ant's task wrote first:
https://github.com/testmoapp/junitxml
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET  # it only writes

from infra.replay.atomic_write import PUBLIC, write_file
from models.base import printable


@dataclass
class Case:
    """One event.

    Attributes:
        name: The event's name.
        problems: What is wrong, a line each; none if the event is as it must be.
    """

    name: str
    problems: list[str] = field(default_factory=list)


def write_junit(path: Path, suite: str, cases: Iterable[Case]) -> None:
    """Write the report, in place of an older one.

    Raises:
        CannotWrite: The file cannot be written.
    """
    tests = [_test_case(suite, case) for case in cases]
    failed = sum(len(test) for test in tests)
    counts = {"tests": str(len(tests)), "failures": str(failed), "errors": "0"}
    root = ET.Element("testsuites", counts)
    ET.SubElement(root, "testsuite", {"name": printable(suite), **counts}).extend(tests)
    ET.indent(root)
    content = ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"
    write_file(path, content, mode=PUBLIC, force=True)


def _test_case(suite: str, case: Case) -> ET.Element:
    # printable escapes all that XML 1.0 cannot hold
    name = printable(case.name)
    test = ET.Element("testcase", {"classname": printable(suite), "name": name})
    if case.problems:
        lines = [printable(problem) for problem in case.problems]
        failure = ET.SubElement(test, "failure", {"message": lines[0]})
        failure.text = "\n".join(f"{name} · {line}" for line in lines)
    return test
