"""The JUnit file of a run: verdicts, which are known only after pytest has reported every test."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analog_bench.atomic_file import write_atomic
from analog_bench.regular_file import read_regular

if TYPE_CHECKING:
    from analog_bench.gate.case_verdicts import Verdict
    from analog_bench.plugin.results import Results


@dataclass(frozen=True, eq=False)
class JUnit:
    """Completes the file that `--junit-xml` names, once pytest has written it."""

    config: pytest.Config
    results: Results

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Put in the verdicts when pytest has written the file."""
        yield
        name = getattr(self.config.option, "xmlpath", None)
        conclusion = self.results.conclusion
        judgement = conclusion.judgement if conclusion is not None else None
        if not name or judgement is None:
            return
        path = Path(os.path.expanduser(os.path.expandvars(name)))
        if os.path.isfile(path):
            # pytest's file knows no protocol, of which a run has one a case.
            verdicts = {(case, study): v for (case, study, _), v in judgement.cases.items()}
            write_atomic(path, with_verdicts(read_regular(path), verdicts))


def with_verdicts(junit: bytes, verdicts: Mapping[tuple[str, str], Verdict]) -> bytes:
    """Put verdicts, by case id and study, into a JUnit file as properties of its cases.

    pytest's file lists a case twice if it passed, because it could be measured, and was then found
    to have regressed; here it is one failed test. An error in a teardown stays a test of its own.
    """
    root = ET.fromstring(junit)
    for suite in root.iter("testsuite"):
        first: dict[tuple[str | None, str | None], ET.Element] = {}
        for test in suite.findall("testcase"):
            name = test.get("classname"), test.get("name")
            properties = test.iterfind("properties/property")
            known = {p.get("name", ""): p.get("value", "") for p in properties}
            if "case" in known and name not in first:
                first[name] = test
                verdict = verdicts.get((known["case"], known.get("study", "")))
                if verdict is not None:
                    _add(test, verdict)
            elif name in first and test.find("failure") is not None:
                first[name].extend(test.findall("failure"))
                suite.remove(test)
                suite.set("tests", str(int(suite.get("tests", "1")) - 1))
    completed: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return completed


def _add(test: ET.Element, verdict: Verdict) -> None:
    properties = test.find("properties")
    if properties is None:
        return
    words = {"verdict": verdict.kind, "reason": verdict.reason}
    if verdict.change is not None:
        words["change"] = f"{verdict.change:+.6g}"
    # Imported late: it loads scipy, and this module is loaded in every pytest run.
    from analog_bench.report.words import one_line

    for name, value in words.items():
        # XML has no control characters, not even escaped.
        ET.SubElement(properties, "property", name=name, value=one_line(value))
