"""Sphinx settings of the site; scripts/build_docs.py lays the sources out and calls Sphinx."""

import re

from sphinx.domains.python import PyObject
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

import plait

project = "plait"
author = "the plait developers"
release = plait.__version__
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autoclass_content = "class"
maximum_signature_line_length = 90
python_use_unqualified_type_names = True
add_module_names = False
napoleon_use_ivar = True  # attributes as a list: each is documented once, in the class's own docstring
smartquotes_action = "D"  # dashes only: quotes stay what people can paste
default_role = "literal"  # docstrings name things in `single` backticks

html_theme = "furo"
html_title = f"plait {release}"
html_static_path = ["_static"]
html_css_files = ["plait.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#7a3e12", "color-brand-content": "#7a3e12"},
    "dark_css_variables": {"color-brand-primary": "#e8a26a", "color-brand-content": "#e8a26a"},
}
pygments_style = "friendly"
pygments_dark_style = "monokai"

copybutton_prompt_text = r"\$ |>>> |\.\.\. |> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
copybutton_line_continuation_character = "\\"


# Names that modules import when they are first used must be there to be found; the verbs come first, map at their head.
DOORWAYS = (plait, plait.engines, plait.errors, plait.testing)
for doorway in DOORWAYS:
    for name in doorway.__all__:
        getattr(doorway, name)
plait.channel.__name__ = "channel"  # else it is "alias of Channel", and no more
plait.__all__.sort(key=lambda name: (name != "map", name[0].isupper(), name))

for field in PyObject.doc_field_types:
    if field.label == "Variables":
        field.label = "Attributes"  # the docstrings' word

_QUALIFIED = re.compile(r"~?(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])")
_BRANCH = re.compile(r" *[├└]")


def setup(app):
    """Connect what makes pages of our docstrings and help texts."""
    for module, name in (("plait._run.map", "map"), ("plait._run.scopes.scope", "Scope.map")):
        analyzer = ModuleAnalyzer.for_module(module)
        analyzer.analyze()
        del analyzer.overloads[name]  # they are for type checkers; what people read is one signature
    app.connect("autodoc-process-docstring", mark_up)
    app.connect("autodoc-process-signature", shorten)
    app.connect("sphinx-click-process-description", take_literally)
    app.connect("env-check-consistency", miss_nothing)


def mark_up(app, what, name, obj, options, lines):
    """Docstrings as they are laid out for people, in reStructuredText."""
    if name == "plait":
        lines.clear()  # the page has an opening of its own
    written, listing = [], False
    for line in lines:
        before = written[-1] if written else ""
        listing = line.startswith(" * ") or (listing and line.startswith("   "))
        if _BRANCH.match(line):  # a tree, under its root
            if not _BRANCH.match(before):
                written[-1:] = ["::", "", f"    {before}"]
            written.append(f"    {line.replace('``', '')}")
        elif listing:  # it begins right under its sentence
            written += [""] if before and not before.startswith(("* ", "  ")) else []
            written.append(line[1:])
        elif line.startswith("Alias for field number"):  # what a NamedTuple says of its fields
            continue
        else:
            written.append(as_read(_QUALIFIED.sub("", line)) if line.lstrip().startswith(":vartype") else line)
    lines[:] = written


def shorten(app, what, name, obj, options, signature, returns):
    """Types by their last name."""
    if getattr(obj, "_is_protocol", False):
        return "", None
    shown = (_QUALIFIED.sub("", text.replace("~", "")) if text else text for text in (signature, returns))
    return tuple(as_read(text) if text else text for text in shown)


def as_read(text):
    """Types as people write them: Sphinx knows one kind of Callable, and Any stands for a None that is looked for."""
    return text.replace("Callable[[...], ", "Callable[..., ").replace("R | Any", "R | None")


def take_literally(app, ctx, lines):
    """A help text is for terminals: its asterisks are patterns, its dashes options, its examples examples."""
    written = []
    for line in lines:
        example, before = line.removeprefix("| "), written[-1] if written else ""
        if example == line:
            parts = line.split("`")
            written.append(
                "".join(f"``{part}``" if at % 2 else re.sub("([*-])", r"\\\1", part) for at, part in enumerate(parts))
            )
            continue
        if not before.startswith("    "):
            written += ["", ".. code-block:: text", ""]
        written.append(f"    {example}")
    lines[:] = written


def miss_nothing(app, env):
    """Every public name has its entry."""
    found = set(env.domaindata["py"]["objects"])
    wanted = {f"{module.__name__}.{name}" for module in DOORWAYS for name in module.__all__}
    if missing := sorted(wanted - found - {module.__name__ for module in DOORWAYS}):
        logging.getLogger(__name__).warning("the reference lacks %s", ", ".join(missing))
