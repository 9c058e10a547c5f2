"""A JUnit file gets its verdicts; what is no case of ours stays as it is."""

import xml.etree.ElementTree as ET
from dataclasses import replace

from analog_bench.gate.case_verdicts import Verdict
from analog_bench.plugin.junit import with_verdicts

CASE = '<property name="case" value="bert/a&lt;b&gt;"/><property name="study" value="drift"/>'
FILE = f"""<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite tests="6" failures="2">
<testcase classname="bench" name="one"><properties>{CASE}</properties></testcase>
<testcase classname="bench" name="other"/>
<testcase classname="bench" name="one"><failure message="regressed: so">why</failure></testcase>
<testcase classname="bench" name="one"><error message="teardown">why</error></testcase>
<testcase classname="bench" name="digital"><failure message="regressed: too"/></testcase>
<testcase classname="bench" name="other"/>
</testsuite></testsuites>"""
REGRESSED = Verdict("regressed", "f1", -2.5, (-3.0, -2.0), 1.0, True, "f1 <fell>")


def test_a_regressed_case_is_one_test_with_its_verdict():
    root = ET.fromstring(with_verdicts(FILE.encode(), {("bert/a<b>", "drift"): REGRESSED}))
    suite = root.find("testsuite")
    names = [test.get("name") for test in suite.findall("testcase")]
    assert names == ["one", "other", "one", "digital", "other"]
    assert (suite.get("tests"), suite.get("failures")) == ("5", "2")
    one = suite.find("testcase")
    assert one.find("failure").text == "why"
    found = {p.get("name"): p.get("value") for p in one.iter("property")}
    assert found == {
        "case": "bert/a<b>", "study": "drift", "verdict": "regressed", "reason": "f1 <fell>",
        "change": "-2.5",
    }  # fmt: skip
    # The properties come first, as the format's schema has it.
    assert [part.tag for part in one] == ["properties", "failure"]
    # What went wrong besides is not lost.
    assert suite.findall("testcase")[2].find("error").get("message") == "teardown"


def test_without_verdicts_only_doubles_go():
    before, after = ET.fromstring(FILE), ET.fromstring(with_verdicts(FILE.encode(), {}))
    assert len(list(after.iter("testcase"))) == len(list(before.iter("testcase"))) - 1
    assert "verdict" not in {p.get("name") for p in after.iter("property")}


def test_a_reason_with_control_characters_leaves_the_file_readable():
    told = replace(REGRESSED, reason="red \x1b[31m alert\x00 \ud800")
    whole = with_verdicts(FILE.encode(), {("bert/a<b>", "drift"): told})
    reasons = [
        p.get("value") for p in ET.fromstring(whole).iter("property") if p.get("name") == "reason"
    ]
    (reason,) = reasons
    assert "alert" in reason
    assert reason.isprintable()
