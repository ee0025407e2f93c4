"""The tarball of a processor: libraries, headers, and the files of pkg-config and CMake.

It is what `make install` installs, in a folder that can lie anywhere.
"""

from __future__ import annotations

import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from paths import ROOT, version

sys.path.append(str(ROOT / "bindings/python"))

from hatch_build import machine_of

_BESIDE = "libtopkloss_cuda.so", "libtopkloss_xla.so"
_ADDED = "LICENSE", "CHANGELOG.md", "packaging/release/README.md"
"""What lies beside lib and include."""


def write(folder: Path, library: Path, seconds: int) -> tuple[Path, dict[str, bytes]]:
    """Writes it. library: a processor's libtopkloss.so; seconds: the time that its files have.

    Returns its path, and the libraries in it by processor and name, as "aarch64/libtopkloss.so".
    """
    machine = machine_of(library)
    name = f"topkloss-{version()}-linux-{machine}"
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        _install(root, library, machine)
        for each in _ADDED:
            (root / Path(each).name).write_bytes((ROOT / each).read_bytes())
        path = folder / f"{name}.tar.xz"
        path.write_bytes(lzma.compress(_archive(root, name, seconds), preset=9))
        files = {
            f"{machine}/{each.name.removesuffix(f'.{version()}')}": each.read_bytes()
            for each in sorted((root / "lib").glob(f"*.so.{version()}"))
        }
    return path, files


def _install(root: Path, library: Path, machine: str) -> None:
    """Installs a processor's libraries in a folder, which they then can be moved with."""
    beside = [library.with_name(each) for each in _BESIDE]
    arguments = [library, *(each if each.exists() else "" for each in beside)]
    strip = "strip" if machine == os.uname().machine else f"{machine}-linux-gnu-strip"
    variables = {"PREFIX": "/", "LIBDIR": "/lib", "INCLUDEDIR": "/include", "DESTDIR": str(root)}
    subprocess.run(
        [ROOT / "packaging/install", "install", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **variables, "STRIP": strip},
    )
    # Of paths on the machine that it was installed on, for `make uninstall`.
    (root / "lib/cmake/topkloss/install_manifest.txt").unlink()
    for file in root.glob("lib/pkgconfig/*.pc"):
        _, *lines = file.read_text().splitlines()
        file.write_text("\n".join(["prefix=${pcfiledir}/../..", *lines, ""]))


def _archive(root: Path, name: str, seconds: int) -> bytes:
    """A folder as a tar archive, under a name: nothing in it is of the machine or of the moment."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = seconds
        info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
        return info

    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        # Names of a folder are sorted, and those of links are what they are.
        archive.add(root, name, filter=plain)
    return output.getvalue()
