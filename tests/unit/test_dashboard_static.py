"""The files of the pages keep their own rules: whole, of this host alone, and without a way to make markup."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

STATIC = Path(str(files("streamwatch.dashboard"))) / "static"
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)
SHEETS = sorted(path for path in STATIC.rglob("*.css") if "vendor" not in path.parts)
ASKED = re.compile(r"""["'(](/static/[\w./-]+)["')]""")
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|setHTMLUnsafe|\beval\(|new Function"
)
ELSEWHERE = re.compile(r"""(?:https?:)?//[\w-]+\.[\w.-]+""")
SVG = "http://www.w3.org/2000/svg"
MOST_LINES = 400


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(STATIC)) for path in paths]


@pytest.mark.parametrize("path", [*SCRIPTS, *SHEETS, STATIC / "index.html"], ids=lambda path: path.name)
def test_every_file_that_is_asked_for_is_there(path: Path):
    asked = ASKED.findall(path.read_text())
    assert [one for one in asked if not (STATIC / one.removeprefix("/static/")).exists()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_a_script_makes_no_markup_from_strings(path: Path):
    assert MARKUP.findall(_code(path)) == []


@pytest.mark.parametrize("path", [*SCRIPTS, *SHEETS], ids=names([*SCRIPTS, *SHEETS]))
def test_a_file_names_no_other_host(path: Path):
    assert ELSEWHERE.findall(_code(path).replace(SVG, "")) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_a_script_says_what_it_is_and_has_one_idea(path: Path):
    text = path.read_text()
    assert text.startswith(("/*", "//"))
    assert text.count("\n") <= MOST_LINES


def test_the_shell_has_no_inline_script_style_or_handler():
    text = (STATIC / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)


def test_what_is_vendored_comes_with_its_licence():
    vendored = {path.name for path in (STATIC / "vendor").iterdir()}
    assert "uPlot-1.6.32.LICENSE" in vendored
    assert {name for name in vendored if name.endswith((".js", ".css"))} == {
        "uPlot-1.6.32.iife.min.js",
        "uPlot-1.6.32.min.css",
    }


def _code(path: Path) -> str:
    """Without comments."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    return re.sub(r"(?m)(^|\s)//.*$", "", text)
