"""The page docs/findings.md explains every kind of finding, with the names that the reports give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plait._check.findings import KINDS

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "findings.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))


def test_every_kind_has_its_section_and_no_other() -> None:
    assert set(SECTIONS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_its_names_elsewhere_are_there(kind: str) -> None:
    names = " ".join(SECTIONS[kind].split())
    assert [name for name in KINDS[kind] if name not in names] == []
