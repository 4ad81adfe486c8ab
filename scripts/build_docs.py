"""Builds the site into /site, strictly: a warning, a page that nobody links or a foreign host is an error."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from environments import environment
from pythons import ROOT, probe

SOURCES = ROOT / "build" / "docs"
SITE = ROOT / "site"
# Pages that stand at the root of the repository, where people look for them, and their names in the site.
ROOT_PAGES = {"CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md", "ARCHITECTURE.md": "architecture.md"}

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
_FOREIGN = re.compile(r"""url\(\s*['"]?(?:https?:)?//[^)]*\)|@import\s+['"](?:https?:)?//[^'"]*""")


def main() -> int:
    """Returns the exit status."""
    python = probe((sys.executable,))
    if python is None:
        sys.exit(f"{sys.executable} is not a Python that plait supports")
    folder = environment(python, ("docs",), ".venv-docs")
    lay_out()
    shutil.rmtree(SITE, ignore_errors=True)
    sphinx = [str(folder / "bin" / "python"), "-m", "sphinx", "--quiet", "--fail-on-warning", "--fresh-env"]
    cache = ROOT / "build" / "docs-cache"
    status = subprocess.run([*sphinx, "-d", str(cache), str(SOURCES), str(SITE)], cwd=ROOT, check=False).returncode
    if status:
        return status
    foreign = [f"{path.relative_to(ROOT)}: {what}" for path in sorted(SITE.rglob("*.*")) for what in foreign_in(path)]
    if foreign:
        print("the site must work without a network, and would load:", *foreign, sep="\n  ")
        return 1
    print(f"{len(list(SITE.rglob('*.html')))} pages: {(SITE / 'index.html').as_uri()}")
    return 0


def lay_out() -> None:
    """One folder with all that Sphinx reads: docs/, the root's pages, and the navigation that docs/index.md implies."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", SOURCES)
    shutil.copytree(ROOT / "examples", SOURCES / "examples", ignore=shutil.ignore_patterns("__pycache__", "*.sqlite*"))
    for name, to in ROOT_PAGES.items():
        (SOURCES / to).write_text((ROOT / name).read_text().replace("](docs/", "]("))
    for page in SOURCES.rglob("*.md"):
        text = page.read_text()
        for name, to in ROOT_PAGES.items():
            text = re.sub(rf"\]\((?:\.\./)*{re.escape(name)}", f"]({to}", text)
        page.write_text(text.replace("](../examples/", "](examples/"))
    index = SOURCES / "index.md"
    pages = {str(page.relative_to(SOURCES)) for page in SOURCES.rglob("*.md")}
    text, linked = navigation(index.read_text())
    if unlinked := sorted(pages - linked - {"index.md"}):
        sys.exit(f"docs/index.md, which is the site's navigation, links no {', '.join(unlinked)}")
    index.write_text(text)


def navigation(text: str) -> tuple[str, set[str]]:
    """The index with a hidden table of contents for each of its sections, and the pages that it links."""
    _, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    linked: set[str] = set()
    trees = []
    for section in sections:
        caption = section.splitlines()[0]
        targets = list(dict.fromkeys(_LINK.findall(section)))
        linked |= set(targets)
        trees.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *targets, "```"]))
    return "\n\n".join([text, *trees, ""]), linked


def foreign_in(path: Path) -> list[str]:
    """What a browser that opens this file would load from another host; links that a person follows do not count."""
    if path.suffix == ".css":
        return _FOREIGN.findall(path.read_text())
    if path.suffix != ".html":
        return []
    reader = _Loads()
    reader.feed(path.read_text())
    return reader.found


class _Loads(HTMLParser):
    """Collects what is loaded by a page without a click."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        loaded = [values.get("src"), values.get("srcset"), values.get("poster"), values.get("data")]
        if tag == "link" and values.get("rel") not in ("canonical", "author", "next", "prev"):
            loaded.append(values.get("href"))
        self.found += [f"<{tag}> {target}" for target in loaded if target and re.match(r"(https?:)?//", target)]


if __name__ == "__main__":
    sys.exit(main())
