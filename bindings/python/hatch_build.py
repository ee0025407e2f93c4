"""Puts libtopkloss.so into the wheel: built with the Swift toolchain, or a file that is named.

With it go libtopkloss_cuda.so, for devices, and libtopkloss_xla.so, for JAX: from the same build,
or from beside the file that is named, if they are there. A source archive gets the Swift package
instead, in a folder of its own, to be built where it is installed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILD = ["swift", "build", "-c", "release", "--product"]
_PRODUCTS = "topkloss", "topkloss_cuda", "topkloss_xla"
_SWIFT_PACKAGE = ("Package.swift", "Sources", "Tests", "include")
_SOURCES = {
    *(".S", ".c", ".cpp", ".gz", ".h", ".hpp", ".ll", ".map", ".md", ".modulemap", ".ptx", ".py"),
    *(".supp", ".swift", ".toml", ".txt"),
}
_MACHINES = {62: "x86_64", 183: "aarch64"}
"""Processors by the numbers that files of the ELF format have for them."""


class BuildError(Exception):
    """What keeps the package from being built, in one sentence for whoever installs it."""


def _repository(root: Path) -> Path:
    """The folder of Package.swift: the repository, or what a source archive has of it."""
    for folder in (root / "swift", root.parent.parent):
        if (folder / "Package.swift").exists():
            return folder
    raise BuildError(f"topkloss finds no Package.swift around {root} to build its library from")


def _swift_files(repository: Path) -> Iterator[Path]:
    """Every file of the Swift package, through symbolic links: some targets share their sources.

    By their names, as nothing says outside a checkout what is tracked: caches, build folders and
    what editors leave stay out.
    """
    for name in _SWIFT_PACKAGE:
        path = repository / name
        if path.is_file():
            yield path
        for folder, folders, files in os.walk(path, followlinks=True):
            folders[:] = [each for each in folders if not each.startswith((".", "__"))]
            for file in map(Path, files):
                hidden = file.name.startswith(".")
                is_script = not file.suffix and os.access(Path(folder) / file, os.X_OK)
                if not hidden and (file.suffix in _SOURCES or is_script):
                    yield Path(folder) / file


def _build(package: Path) -> Path:
    """Builds the libraries, beside each other, outside the source tree of the Python package."""
    if shutil.which("swift") is None:
        raise BuildError(
            "topkloss needs the Swift toolchain to build its library: install Swift 6.3 or later, "
            "or name a built libtopkloss.so in the environment variable TOPKLOSS_LIBRARY_FILE"
        )
    for product in _PRODUCTS:
        command = [*_BUILD, product, "--package-path", str(package)]
        if subprocess.run(command).returncode:
            raise BuildError("topkloss could not build its library: swift says why above")
    folder = subprocess.run(
        [*command, "--show-bin-path"], check=True, capture_output=True, text=True
    ).stdout.strip()
    return Path(folder) / "libtopkloss.so"


def machine_of(library: Path) -> str:
    """The processor that a library is for, which need not be this one."""
    header = library.read_bytes()[:20]
    number = int.from_bytes(header[18:20], "little")
    if not header.startswith(b"\x7fELF") or number not in _MACHINES:
        raise BuildError(f"topkloss knows no processor that {library} is for")
    return _MACHINES[number]


def _strip(library: Path, folder: Path) -> Path:
    """A copy without the names of what is not exported, where they can be taken out.

    They are a fifth of the file.
    """
    copy = folder / library.name
    shutil.copyfile(library, copy)
    copy.chmod(0o755)  # whatever it was unpacked with
    machine = machine_of(library)
    tool = "strip" if machine == os.uname().machine else f"{machine}-linux-gnu-strip"
    if strip := shutil.which(tool):
        subprocess.run([strip, str(copy)], check=True)
    return copy


def linked_in(library: bytes) -> list[dict[str, Any]]:
    """What has code in the library besides its own sources, as far as its bytes say which it is."""

    def version(pattern: bytes) -> str:
        match = re.search(pattern, library)
        return match[1].decode() if match else "unknown"

    # The linker is that of the Swift toolchain, and names the commit that both were built from.
    return [
        {
            "type": "library",
            "bom-ref": "swift-embedded-standard-library",
            "name": "Swift standard library, Embedded",
            "version": version(rb"Linker: LLD ([\x20-\x7e]+)"),
            "description": "Generic code specialised into the library; no runtime is loaded. "
            "Swift's own version is not in it: this is that of the linker of the same toolchain.",
            "licenses": [{"expression": "Apache-2.0 WITH Swift-exception"}],
        },
        {
            "type": "library",
            "bom-ref": "gcc-runtime",
            "name": "GCC, startup files and libgcc",
            "version": version(rb"GCC: ([\x20-\x7e]+)"),
            "licenses": [{"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}],
        },
        {
            "type": "library",
            "bom-ref": "glibc-static-parts",
            "name": "glibc, startup files and libc_nonshared.a",
            "description": "Such as pthread_atfork, which calls what the installed libc has.",
            "licenses": [{"expression": "LGPL-2.1-or-later WITH GNU-compiler-exception"}],
        },
    ]


def _sbom(name: str, version: str, libraries: list[Path]) -> dict[str, Any]:
    """The bill of materials, in CycloneDX's terms: of the libraries' bytes, with no time in it.

    The first library's bytes say what is linked into all of them: one toolchain made them.
    """
    parts = linked_in(libraries[0].read_bytes())
    package = f"pkg:pypi/{name}@{version}"
    own = [
        {
            "type": "library",
            "bom-ref": library.name,
            "name": library.name,
            "version": version,
            "licenses": [{"license": {"id": "MIT"}}],
            "hashes": [{"alg": "SHA-256", "content": _sha256(library)}],
        }
        for library in libraries
    ]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": package,
                "name": name,
                "version": version,
                "purl": package,
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": [*own, *parts],
        "dependencies": [
            {"ref": package, "dependsOn": [library.name for library in libraries]},
            *(
                {"ref": library.name, "dependsOn": [each["bom-ref"] for each in parts]}
                for library in libraries
            ),
        ],
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class LibraryHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the library to a wheel and tags it for this platform and every Python 3."""

    _folder: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files; version is "standard" or "editable".

        An editable install has no place for the library: TOPKLOSS_LIBRARY names it at run time.
        """
        try:
            self._add(version, build_data)
        except BuildError as error:
            # Not an exception: installers show a sentence as it is, and a traceback for those.
            self.app.abort(str(error))

    def _add(self, version: str, build_data: dict[str, Any]) -> None:
        repository = _repository(Path(self.root))
        included: dict[str, str] = build_data["force_include"]
        if self.target_name == "sdist":
            for file in _swift_files(repository):
                included[str(file)] = f"swift/{file.relative_to(repository)}"
            return
        build_data["pure_python"] = False
        if version == "editable":
            return
        named = os.environ.get("TOPKLOSS_LIBRARY_FILE")
        library = Path(named).resolve() if named else _build(repository)
        if not library.is_file():
            raise BuildError(f"topkloss finds no library at {library}")
        build_data["tag"] = f"py3-none-linux_{machine_of(library)}"
        # It lasts as long as this hook: the wheel is written after this returns.
        self._folder = tempfile.TemporaryDirectory()
        beside = [library.with_name(f"lib{product}.so") for product in _PRODUCTS[1:]]
        there = [library, *filter(Path.is_file, beside)]
        stripped = [_strip(each, Path(self._folder.name)) for each in there]
        for copy in stripped:
            name = "libtopkloss.so" if copy is stripped[0] else copy.name
            included[str(copy)] = f"topkloss/{name}"
        sbom = _sbom(self.metadata.name, self.metadata.version, stripped)
        file = Path(self._folder.name) / f"{self.metadata.name}.cdx.json"
        file.write_text(json.dumps(sbom, indent=2) + "\n")
        build_data["sbom_files"].append(str(file))
