"""Builds the site: python docs/site/build.py FOLDER. See the Makefile's `docs`."""

from __future__ import annotations

import posixpath
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
from pages import ROOT, generated  # noqa: E402

DOCS = ROOT / "docs"
LINK = re.compile(r"(!?)\[([^\]]*)\]\((\.\.[^)#\s]*)(#[^)\s]*)?\)")


def _as_the_site_has_it(text: str, pictures: Path) -> str:
    """Links that leave docs/, which are right where the repository is browsed.

    Pictures come along, and what is included. Of other files the path is told: the site does not
    have them.
    """

    def replaced(match: re.Match[str]) -> str:
        is_picture, words, target, _ = match.groups()
        path = posixpath.normpath(posixpath.join("docs", target))
        if not (ROOT / path).exists():
            raise SystemExit(f"a page of docs/ links to {path}, which is not there")
        if not is_picture:
            return f"`{path}`" if words == path else f"{words} (`{path}`)"
        pictures.mkdir(exist_ok=True)
        shutil.copy(ROOT / path, pictures)
        return f"![{words}](pictures/{posixpath.basename(path)})"

    def included(match: re.Match[str]) -> str:
        pictures.mkdir(exist_ok=True)
        # By a name that is no page's.
        copy = pictures / f"{posixpath.basename(match[1])}.txt"
        shutil.copy(DOCS / match[1], copy)
        return f"{{include}} {pictures.name}/{copy.name}"

    return LINK.sub(replaced, re.sub(r"\{include\} (\.\./\S+)", included, text))


def main(folder: Path) -> int:
    """Puts the pages together, written and generated ones, and has Sphinx build them."""
    source = folder / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for page in DOCS.glob("*.md"):
        (source / page.name).write_text(_as_the_site_has_it(page.read_text(), source / "pictures"))
    for name, text in generated():
        path = source / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--builder", "html"]
    places = ["--conf-dir", str(DOCS / "site"), str(source), str(folder / "html")]
    status: int = sphinx([*options, *places])
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
