"""Builds libtopkloss.so for Linux on aarch64 on a machine with another processor.

Usage: build.py OUTPUT

Beside it goes libtopkloss_xla.so.

Swift comes with Embedded modules for aarch64 without a system, for which the package manager builds
nothing. The compiler does, and its importer of C headers is told that the system is Linux. What is
compiled, and with which flags, is asked of Package.swift. Needs Debian's gcc-aarch64-linux-gnu.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CROSS = Path("/usr/aarch64-linux-gnu")
SYSTEM = "aarch64-unknown-linux-gnu"

TO_LINUX = [
    *("-target", "aarch64-none-none-elf", "-Xfrontend", "-clang-target", "-Xfrontend", SYSTEM),
    *("-Xcc", "-fPIC", "-Xcc", "-isystem", "-Xcc", str(CROSS / "include")),
]


def package() -> dict[str, Any]:
    """Package.swift, as it is for aarch64."""
    done = subprocess.run(
        ["swift", "package", "--package-path", str(ROOT), "dump-package"],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "TOPKLOSS_PROCESSOR": "aarch64"},
    )
    targets = json.loads(done.stdout)["targets"]
    return {target["name"]: target for target in targets}


def flags(target: dict[str, Any], tool: str) -> list[str]:
    """What a target's settings are on the command line of "swift" or "linker", in a release."""
    found: list[str] = []
    for setting in target["settings"]:
        if setting["tool"] != tool or setting.get("condition", {}).get("config") == "debug":
            continue
        ((kind, values),) = setting["kind"].items()
        given = values["_0"]
        match kind:
            case "unsafeFlags":
                found += given
            case "define":
                found += ["-D", given]
            case "enableExperimentalFeature":
                found += ["-enable-experimental-feature", given]
            case "linkedLibrary":
                found += [f"-l{given}"]
            case _:
                raise SystemExit(f"Package.swift has a setting that is not known here: {kind}")
    return found


def folder(target: dict[str, Any]) -> Path:
    """Where its sources are."""
    path: str = target.get("path", f"Sources/{target['name']}")
    return ROOT / path


def dependencies(target: dict[str, Any], targets: dict[str, Any]) -> list[dict[str, Any]]:
    """The targets that a target asks for."""
    return [targets[dependency["byName"][0]] for dependency in target["dependencies"]]


def compiled(target: dict[str, Any], targets: dict[str, Any], objects: Path) -> Path:
    """The object file of a target."""
    used = [each for each in dependencies(target, targets) if each["type"] == "system"]
    object_file = objects / f"{target['name']}.o"
    # A release is optimised for speed unless its flags say otherwise; the last one counts.
    compiler = ["swiftc", *TO_LINUX, "-O", "-parse-as-library", "-swift-version", "6"]
    arguments = [*flags(target, "swift"), *(f"-I{folder(each)}" for each in used)]
    output = ["-module-name", target["name"], "-c", "-o", str(object_file)]
    files = sorted(folder(target).rglob("*.swift"))
    print(f"compiling {target['name']} for aarch64", flush=True)
    subprocess.run([*compiler, *arguments, *output, *files], check=True)
    return object_file


def for_clang(arguments: list[str]) -> list[str]:
    """The linker's flags of swiftc, as clang has them."""
    return [argument.replace("-use-ld=", "-fuse-ld=") for argument in arguments]


def link(library: dict[str, Any], targets: dict[str, Any], output: Path) -> None:
    """Compiles each target that is part of a library and links them."""
    used = [each for each in dependencies(library, targets) if each["type"] == "regular"]
    swift = Path(os.path.realpath(shutil.which("swiftc") or "swiftc")).parent
    with tempfile.TemporaryDirectory() as objects:
        parts = [compiled(each, targets, Path(objects)) for each in [*used, library]]
        linker = [f"--target={SYSTEM}", f"-B{CROSS / 'lib'}", f"-L{CROSS / 'lib'}", "-shared"]
        arguments = [*for_clang(flags(library, "linker")), "-o", str(output), *map(str, parts)]
        subprocess.run([swift / "clang", *linker, *arguments], check=True)


def main(output: Path) -> None:
    """Builds both."""
    targets = package()
    output.parent.mkdir(parents=True, exist_ok=True)
    link(targets["TopKLossXLA"], targets, output.with_name("libtopkloss_xla.so"))
    link(targets["TopKLoss"], targets, output)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
