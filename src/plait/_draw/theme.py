"""The look that all pages share: colours in the reader's own light or dark, letters, and the frame of an HTML file."""

from __future__ import annotations

from html import escape

THEME = """
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fff; --quiet: #5f6670; --rule: #d9dde3; --soft: #f5f7f9;
  --lane0: #0b7285; --lane1: #9c36b5; --lane2: #a65e00; --lane3: #2b7a2f; --lane4: #2f5bd0; --mark: #a65e00; }
@media screen and (prefers-color-scheme: dark) { :root:not(.light) { --ink: #e6e8eb; --paper: #15171a; --quiet: #9aa1ab;
  --rule: #343940; --soft: #1d2024; --lane0: #4fc3d9; --lane1: #da8cf0; --lane2: #f0b05a; --lane3: #7ccf80;
  --lane4: #8fb0ff; --mark: #f0a030; } }
body { color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
code { font: 0.9em ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; }
"""


def document(title: str, style: str, body: str) -> str:
    """A whole file that needs no network, as text; `style` is added to the theme, `body` is HTML.

    >>> document("a & b", "", "<p>c</p>").splitlines()[5]
    '<title>a &amp; b</title>'
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{THEME}{style}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def prose(text: str) -> str:
    """Escaped, with what stands in backquotes as code.

    >>> prose("a & `b`")
    'a &amp; <code>b</code>'
    """
    parts = text.split("`")
    return "".join(f"<code>{escape(part)}</code>" if at % 2 else escape(part) for at, part in enumerate(parts))
