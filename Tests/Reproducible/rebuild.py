"""Builds libtopkloss.so once more, in another folder, and compares it with the first, byte by byte.

Usage: rebuild.py PATH-OF-LIBTOPKLOSS.SO [MODULE]...

The commands are those that SwiftPM noted for the first build, with the other folder's name in them.
All modules are compiled again, or those that are named, to save time: the objects of the others are
copied, and the library is linked again in any case.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def command(manifest: str, name: str) -> list[str]:
    """The words of the command whose name begins so."""
    pattern = rf'^  "C\.{name}-.*?^    args: (\[.*?\])$'
    match = re.search(pattern, manifest, re.MULTILINE | re.DOTALL)
    if match is None:
        sys.exit(f"SwiftPM's manifest has no command C.{name}")
    words: list[str] = json.loads(match[1])
    return words


def main(library: Path, modules: list[str]) -> int:
    """Says whether the two files are the same."""
    products = library.parent
    manifest = (ROOT / ".build/release.yaml").read_text()
    with tempfile.TemporaryDirectory(prefix="another-folder-") as name:
        other = Path(name) / "topkloss"

        def moved(text: str) -> str:
            return text.replace(f"{ROOT}/", f"{other}/")

        for folder in ("include", "Sources"):
            shutil.copytree(ROOT / folder, other / folder, symlinks=True)
        kernels = [path.stem for path in products.glob("Kernels*.build")]
        compiled = modules or [*kernels, "TopKLoss"]
        for path in products.rglob("*"):
            of_the_library = path.relative_to(products).parts[0]
            if path.is_file() and of_the_library.endswith((".build", ".product", "Modules")):
                place = other / path.relative_to(ROOT)
                place.parent.mkdir(parents=True, exist_ok=True)
                if path.suffix != ".o":
                    try:
                        place.write_text(moved(path.read_text()))
                    except UnicodeDecodeError:
                        continue
                elif path.parent.stem not in compiled:
                    shutil.copy(path, place)
        for step in [*compiled, "topkloss"]:
            words = [*map(moved, command(manifest, step))]
            if "-package-name" in words:  # SwiftPM names the package after its folder
                words[words.index("-package-name") + 1] = other.name
            done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=other)
            if done.returncode:
                sys.exit(done.stdout + done.stderr)
        rebuilt = other / library.relative_to(ROOT)
        if rebuilt.read_bytes() != library.read_bytes():
            print(f"{library} is another one when it is built in another folder", file=sys.stderr)
            subprocess.run(["cmp", str(library), str(rebuilt)], check=False)
            return 1
    print(f"passed: the same library from another folder ({', '.join(compiled)} compiled again)")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
