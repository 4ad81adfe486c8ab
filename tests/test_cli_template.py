"""Shell command templates: what is put where, and that no input is ever more than one word of text."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait._cli.template import CommandTemplate, is_command


@pytest.mark.parametrize(
    ("template", "value", "command"),
    [
        ("gzip -k {}", "a.log", "gzip -k a.log"),
        ("gzip -k {}", "a b.log", "gzip -k 'a b.log'"),
        ("gzip -k", "a.log", "gzip -k a.log"),
        ("echo {.} {/} {//} {/.} {#}", "x/y.tar.gz", "echo x/y.tar y.tar.gz x y.tar 7"),
        ("echo {//}", "plain", "echo ."),
        ("echo {.}", ".profile", "echo .profile"),
        ("echo {.}", "a.b/c", "echo a.b/c"),
        ("awk '{print $1}' {}", "f", "awk '{print $1}' f"),
        ("cp {} {}.bak", "a b", "cp 'a b' 'a b'.bak"),
        ('echo "<{}>"', 'a"b$c`d\\e', 'echo "<a\\"b\\$c\\`d\\\\e>"'),
        ("echo '<{}>'", "it's", "echo '<it'\\''s>'"),
        ('echo "$(basename {})"', "a b", "echo \"$(basename 'a b')\""),
        ('echo "$(basename "{}")"', "a b", 'echo "$(basename "a b")"'),
        ("echo \\'{}", "a b", "echo \\''a b'"),
        ("echo {}", "", "echo ''"),
    ],
)
def test_filling(template, value, command):
    assert CommandTemplate(template).fill(value, 7) == command


@pytest.mark.parametrize("strange", ["{1}", "{2/.}", "{-1}", "{%}", "{##}"])
@pytest.mark.parametrize("template", ["echo {} %s", "echo %s", 'echo "%s"', "cp --to=%s {}", "%s x", "sort <%s"])
def test_replacement_strings_that_only_gnu_parallel_has_are_not_taken_for_text(template, strange):
    with pytest.raises(ValueError, match="not one of the replacement strings") as refused:
        CommandTemplate(template % strange)
    assert str(refused.value).startswith(strange)


@pytest.mark.parametrize(
    "template", ['grep -E "[0-9]{3}"', "grep -E '(a|b){1}'", "sed -E 's/x{2}/y/'", "echo \\{1}", "echo {a,b}{1,2}"]
)
def test_what_a_regex_repeats_is_text(template):
    assert CommandTemplate(f"{template} {{}}").fill("f", 1) == f"{template} f"


def test_an_item_is_taken_apart_as_the_message_says():
    with pytest.raises(ValueError, match="takes it apart with") as refused:
        CommandTemplate("echo {2} {1}")
    cure = str(refused.value).partition("takes it apart with ")[2].replace("...", 'echo "$second" "$first"')
    command = CommandTemplate(cure).fill("one two", 1)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "two one\n"


def test_between_backquotes_nothing_can_be_quoted():
    with pytest.raises(ValueError, match="backquotes"):
        CommandTemplate("echo `basename {}`")


TEMPLATES = [
    "printf %s {}",
    "printf %s",
    'printf %s "{}"',
    "printf %s '{}'",
    'printf %s "$(printf %s {})"',
    'printf %s "$(printf %s "{}")"',
    "(printf %s {})",
    "printf %s \"$(printf %s '{}')\"",
    'true \\" && printf %s {}',
    "true '\"' && printf %s {}",
]


@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=25, deadline=None)
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12))
def test_the_shell_gives_back_what_was_put_in(template, value):
    # A command substitution drops newlines at the end; a dot keeps them.
    value = f"{value}."
    said = subprocess.run(["/bin/sh", "-c", CommandTemplate(template).fill(value, 1)], capture_output=True, check=True)
    assert said.stdout == os.fsencode(value)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(
    "value", ["$(touch HACKED)", "`touch HACKED`", '"; touch HACKED; "', "'; touch HACKED; '", "; touch HACKED"]
)
def test_an_input_is_never_run(template, value, tmp_path):
    said = subprocess.run(
        ["/bin/sh", "-c", CommandTemplate(template).fill(value, 1)], capture_output=True, check=True, cwd=tmp_path
    )
    assert said.stdout.decode() == value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("module:function", False),
        ("pkg.mod:Class.method", False),
        ("file.py:function", False),
        ("gzip {}", True),
        ("gzip -k", True),
        ("gzip{}", True),
        ("./{}", True),
        ("ls", False),
        (" module:function ", False),
    ],
)
def test_what_is_a_command(target, command):
    assert is_command(target) is command


def test_a_file_with_a_blank_in_its_name_is_no_command(tmp_path, monkeypatch):
    (tmp_path / "my tools.py").write_text("")
    monkeypatch.chdir(tmp_path)
    assert not is_command("my tools.py:run")
    assert is_command("other tools.py:run")
