"""The story as a whole: in the terminal, as a page, as JSON and as SARIF."""

from __future__ import annotations

import json
from typing import Any

import pytest
from check_records import FILE, Recording

from plait._check.explain.cause import explain
from plait._check.findings import KINDS, Finding
from plait._check.json_report import json_report
from plait._check.picture import timeline
from plait._check.reading.source import Sources
from plait._check.sarif import rule_id, sarif
from plait._check.story import Around, page, tell
from plait._draw.columns import cells

AROUND = Around("14 schedules, 3 of 3 threads, 214 shared accesses", "plait check bank.py --replay 1" + "x" * 80)


@pytest.fixture
def sources() -> Sources:
    return _run().sources


@pytest.fixture
def finding() -> Finding:
    run = _run()
    return explain(run.record(run.failed(0, 10, AssertionError("1 != 2"))), None, run.sources)


def _run() -> Recording:
    code = """
import threading
class Counter:
    def bump(self):
        old = self.value
        log("bump")
        self.value = old + 1
        naïve = "数"; self.other = 1
def test():
    counter = Counter()
    assert counter.value == 2
"""
    run = Recording(code).started(1, 2)
    run.read(1, 4, "self.value", name="value")
    run.read(2, 4, "self.value", name="value")
    run.write(2, 6, "self.value", name="value")
    run.write(1, 6, "self.value", name="value")
    run.read(0, 10, "counter.value", name="value")
    return run


def test_the_story_of_a_lost_update(finding: Finding, sources: Sources) -> None:
    story = tell(finding, AROUND, sources)
    assert story.startswith("Lost update of self.value\n\nThread-1 reads `self.value` in line 4 and writes a new value")
    assert "  10  assert counter.value == 2\n      ↳ in MainThread: fails: AssertionError: 1 != 2" in story
    assert "fix       Hold one lock over lines 4 to 6" in story
    assert "builds    Possible on a GIL build: it may switch threads at the call log()." in story
    assert "checked   14 schedules" in story
    assert story.endswith(AROUND.replay)
    assert len(story.splitlines()) <= 30
    assert all(cells(line) <= 80 for line in story.splitlines()[:-1])


def test_a_long_title_is_told_on_several_lines(finding: Finding, sources: Sources) -> None:
    text = tell(
        finding._replace(title="Deadlock of " + " and ".join(["a_thread_with_a_long_name"] * 4)), AROUND, sources
    )
    title = text.partition("\n\n")[0].splitlines()
    assert len(title) == 2
    assert all(len(line) <= 80 for line in title)


def test_colours_only_when_asked_for(finding: Finding, sources: Sources) -> None:
    assert "\x1b" not in tell(finding, AROUND, sources)
    assert "\x1b[1;31m" in tell(finding, AROUND, sources, colour=True)


def test_reading_and_writing_one_line_without_a_break_is_one_row(sources: Sources) -> None:
    run = _run()
    read = run.read(1, 4, "self.value", name="value")
    write = run.write(1, 4, "self.value", name="value")
    from plait._check.reading.history import History
    from plait._check.reading.words import Words

    words = Words(History(run.record()), sources)
    moments = (words.moment(read), words.moment(write))
    (row,) = timeline(Finding("data race", "", "", "", moments=moments), sources).rows
    assert row.does == "reads and writes self.value"


def test_the_page_says_the_same(finding: Finding, sources: Sources) -> None:
    text = page([(finding, AROUND)], sources)
    assert "<h1>Lost update of self.value</h1>" in text
    assert "in MainThread: fails: AssertionError: 1 != 2" in text
    assert AROUND.replay in text


def test_json_has_everything_as_values(finding: Finding, sources: Sources) -> None:
    report = json_report([(finding, "1abc")], "failed", {"schedules": 14}, sources)
    (found,) = json.loads(json.dumps(report))["findings"]
    assert report["verdict"] == "failed"
    assert found["kind"] == "lost update"
    assert found["gil_build"] is True
    assert found["token"] == "1abc"
    assert found["sides"][0]["line"] == 4
    assert found["timeline"][0]["source"] == "old = self.value"
    assert found["timeline"][-1]["file"] == FILE


REQUIRED = {
    "": ("version", "runs"),
    "run": ("tool",),
    "toolComponent": ("name",),
    "reportingDescriptor": ("id",),
    "result": ("message",),
    "threadFlow": ("locations",),
}


def test_sarif_has_what_the_schema_requires(finding: Finding, sources: Sources) -> None:
    predicted = finding._replace(confirmed=False, kind="deadlock")
    log = json.loads(json.dumps(sarif([(finding, "1abc"), (predicted, "")], sources, root="/app", version="1.0")))
    assert log["version"] == "2.1.0"
    assert log["$schema"].startswith("https://")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "plait"
    assert [rule["id"] for rule in driver["rules"]] == ["plait/lost-update", "plait/deadlock"]
    assert "external/cwe/cwe-362" in driver["rules"][0]["properties"]["tags"]
    assert [result["level"] for result in run["results"]] == ["error", "note"]
    for result in run["results"]:
        assert result["message"]["text"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        for location in (*result["locations"], *result["relatedLocations"]):
            _check_location(location)
        (flow,) = result["codeFlows"]
        orders = [step["executionOrder"] for thread in flow["threadFlows"] for step in thread["locations"]]
        assert sorted(orders) == list(range(1, len(finding.moments) + 1))
        for thread in flow["threadFlows"]:
            for step in thread["locations"]:
                _check_location(step["location"])


def _check_location(location: dict[str, Any]) -> None:
    physical = location["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "bank.py", "uriBaseId": "SRCROOT"}
    assert physical["region"]["startLine"] >= 1
    assert physical["region"].get("startColumn", 1) >= 1


def test_sarif_columns_count_characters_and_fingerprints_ignore_lines(finding: Finding, sources: Sources) -> None:
    site = _run().site(7, "self.other")
    assert site is not None
    whole = _run().lines[6].encode()
    exact = site._replace(column=whole.index(b"self.other"), end_column=whole.index(b"self.other") + 10)
    assert sources.column(exact) == _run().lines[6].index("self.other")
    moved = finding._replace(sides=tuple(side._replace(site=side.site) for side in finding.sides))
    prints = [
        result["partialFingerprints"]
        for one in (finding, moved)
        for result in sarif([(one, "")], sources, root="/app", version="1")["runs"][0]["results"]
    ]
    assert prints[0] == prints[1]


def test_a_file_elsewhere_keeps_its_path(finding: Finding, sources: Sources) -> None:
    log = sarif([(finding, "")], sources, root="/elsewhere", version="1")
    location = log["runs"][0]["results"][0]["locations"][0]
    assert location["physicalLocation"]["artifactLocation"] == {"uri": "file:///app/bank.py"}


@pytest.mark.parametrize("kind", KINDS)
def test_rule_ids_are_stable_words(kind: str) -> None:
    assert rule_id(kind).startswith("plait/")
    assert " " not in rule_id(kind)
