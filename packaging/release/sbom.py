"""The bill of materials of a release, as CycloneDX has it.

It says of each library of the tarballs, which are those of the wheels: which bytes it has, what of
others is linked into it, what it needs where it runs, and which compilers made it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from paths import ROOT, version

sys.path.append(str(ROOT / "bindings/python"))

from hatch_build import linked_in

_OPENS = {
    "libtopkloss.so": "functions of an OpenMP that the process has loaded, for its threads",
    "libtopkloss_cuda.so": "libcuda.so.1, NVIDIA's driver, at the first call that needs a device",
    "libtopkloss_xla.so": "libtopkloss.so.1, where the process has loaded it",
}
"""What a library looks for by itself; none is needed for it to load."""


class BuildError(Exception):
    """What keeps the bill from being true."""


def text(libraries: dict[str, bytes], time: datetime) -> str:
    """The bill, as JSON.

    libraries: stripped, by processor and name: "aarch64/libtopkloss.so". time: what it says it was
    made at; nothing else in it is of the moment.
    """
    bom = Bom(serial_number=_serial_number(libraries))
    bom.metadata.timestamp = time
    bom.metadata.tools = ToolRepository(components=_tools(libraries))
    root = Component(
        type=ComponentType.LIBRARY,
        name="topkloss",
        version=version(),
        bom_ref="topkloss",
        purl=PackageURL("generic", name="topkloss", version=version()),
        licenses=[DisjunctiveLicense(id="MIT")],
        description="No code of others is copied into its sources; what compilers link is below.",
    )
    bom.metadata.component = root
    own = {place: _library(place, content) for place, content in libraries.items()}
    for place, library in own.items():
        machine = place.split("/")[0]
        # One toolchain makes all of a processor's.
        parts = [_part(each, machine) for each in linked_in(libraries[f"{machine}/libtopkloss.so"])]
        for each in (library, *parts):
            bom.components.add(each)
        bom.register_dependency(library, parts)
    bom.register_dependency(root, own.values())
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _serial_number(libraries: dict[str, bytes]) -> uuid.UUID:
    """The same for the same release."""
    digests = "".join(hashlib.sha256(content).hexdigest() for content in libraries.values())
    return uuid.uuid5(uuid.NAMESPACE_URL, f"topkloss {version()} {digests}")


def _library(place: str, content: bytes) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        name=Path(place).name,
        version=version(),
        bom_ref=place,
        licenses=[DisjunctiveLicense(id="MIT")],
        description=f"For Linux on {place.split('/')[0]}, stripped.",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())],
        properties=[Property(name=f"topkloss:{k}", value=v) for k, v in _needs(place, content)],
    )


def _part(described: dict[str, Any], machine: str) -> Component:
    """What is linked in, under a name for each processor: versions may differ."""
    renamed = {**described, "bom-ref": f"{machine}/{described['bom-ref']}"}
    made: Component = Component.from_json(renamed)  # type: ignore[attr-defined]
    return made


def _needs(place: str, content: bytes) -> list[tuple[str, str]]:
    """What a library needs where it runs: pairs of what is meant, and which."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        told = _output("readelf", "--wide", "--dynamic", "--version-info", file.name)
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", told)
    symbols = {tuple(map(int, each.split("."))) for each in re.findall(r"GLIBC_([\d.]+)", told)}
    found = [("needs", name) for name in needed]
    if symbols:
        found.append(("needs-glibc-from", ".".join(map(str, max(symbols)))))
    if opens := _OPENS.get(Path(place).name):
        found.append(("looks-for", opens))
    return found


def _tools(libraries: dict[str, bytes]) -> list[Component]:
    """The compilers that are on PATH, if they are those that the libraries say they come from."""
    swiftc = shutil.which("swiftc")
    if swiftc is None:
        raise BuildError("the compiler's version is not known: no swiftc on PATH")
    clang = _output(str(Path(os.path.realpath(swiftc)).with_name("clang")), "--version")
    (commit,) = re.findall(r"\b([0-9a-f]{40})\)", clang)
    for place, content in libraries.items():
        if commit.encode() not in content:
            raise BuildError(f"{place} was linked by another toolchain than {swiftc}")
    (swift,) = re.findall(r"Swift version (\S+)", _output(swiftc, "--version"))
    (llvm,) = re.findall(r"clang version (\S+)", clang)
    ptx = (ROOT / "Sources/CPTX/ptx/turn.ptx").read_text()
    (llvmlite,) = re.findall(r"and llvmlite (\S+)", ptx)
    return [
        _tool("Swift", swift, "The compiler of all sources."),
        _tool("LLVM, of Swift", f"{llvm} ({commit})", "Clang, for the C parts, and the linker."),
        _tool("llvmlite", llvmlite, "The LLVM that made PTX, for libtopkloss_cuda.so."),
    ]


def _tool(name: str, its_version: str, description: str) -> Component:
    return Component(
        type=ComponentType.APPLICATION, name=name, version=its_version, description=description
    )


def _output(*command: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    return done.stdout
