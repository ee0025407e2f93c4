"""What `make release` leaves, as somebody has it who has downloaded it.

Needs that folder in the environment variable TOPKLOSS_RELEASE; `make test-release` fills one, of
this processor, and of aarch64 where its library is built already.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "include/topkloss.h").read_text()
(VERSION,) = re.findall(r'TOPKLOSS_VERSION "(.+)"', HEADER)
FOLDER = os.environ.get("TOPKLOSS_RELEASE")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="`make test-release` makes what this tests")

HERE = Path(FOLDER or ".")
TARBALLS = sorted(HERE.glob("*.tar.xz"))
LIBRARIES = {
    "x86_64": {"libtopkloss.so", "libtopkloss_cuda.so", "libtopkloss_xla.so"},
    "aarch64": {"libtopkloss.so", "libtopkloss_xla.so"},
}


def processor_of(file: Path) -> str:
    """The processor that a file of the release is for."""
    (machine,) = [each for each in LIBRARIES if each in file.name]
    return machine


def run(*command: str | Path, **variables: str) -> str:
    """What a program prints; it sees no folders of this machine's."""
    hidden = ("LD_LIBRARY_PATH", "PKG_CONFIG_PATH", "CPATH", "LIBRARY_PATH")
    kept = {name: each for name, each in os.environ.items() if name not in hidden}
    done = subprocess.run(command, capture_output=True, text=True, env=kept | variables)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def unpacked(tarball: Path, folder: Path) -> Path:
    """The one folder that a tarball has, in another."""
    with tarfile.open(tarball) as file:
        file.extractall(folder, filter="data")
    (found,) = folder.iterdir()
    assert f"{found.name}.tar.xz" == tarball.name
    return found


def in_wheel(machine: str) -> dict[str, bytes]:
    """The libraries in a processor's wheel."""
    (wheel,) = HERE.glob(f"*_{machine}.whl")
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if name.endswith(".so")]
        return {Path(name).name: file.read(name) for name in names}


def test_what_there_is() -> None:
    machines = [processor_of(each) for each in TARBALLS]
    assert os.uname().machine in machines
    wheels = [f"topkloss-{VERSION}-py3-none-manylinux*_{each}.whl" for each in machines]
    names = [f"topkloss-{VERSION}.tar.gz", f"topkloss-{VERSION}.cdx.json", "SHA256SUMS", *wheels]
    names += [f"topkloss-{VERSION}-linux-{each}.tar.xz" for each in machines]
    found = [file for name in names for file in HERE.glob(name)]
    assert sorted(found) == sorted(HERE.iterdir())
    assert len(found) == len(names)


def test_checksums() -> None:
    """Of every file, as the usual program reads them."""
    lines = (HERE / "SHA256SUMS").read_text().splitlines()
    named = {line.split("  ")[1] for line in lines}
    assert named == {each.name for each in HERE.iterdir()} - {"SHA256SUMS"}
    told = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.count(": OK\n") == len(named)


def test_an_index_would_take_the_packages() -> None:
    packages = [*HERE.glob("*.whl"), *HERE.glob("*.tar.gz")]
    told = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *packages)
    assert told.count("PASSED") == len(packages)


def test_metadata_is_complete() -> None:
    for wheel in HERE.glob("*.whl"):
        with zipfile.ZipFile(wheel) as file:
            (name,) = [each for each in file.namelist() if each.endswith(".dist-info/METADATA")]
            metadata = email.message_from_bytes(file.read(name))
        assert metadata["Version"] == VERSION
        classifiers = metadata.get_all("Classifier") or []
        for name in ("Development Status", "Intended Audience", "Operating System", "Typing"):
            assert any(each.startswith(name) for each in classifiers), name
        assert {"License-File", "Keywords", "Author", "Provides-Extra", "Summary"} <= set(metadata)
        # None is known that is real, and one that is made up leads somewhere else.
        assert not {"Project-URL", "Home-page"} & set(metadata)


@pytest.mark.parametrize("tarball", TARBALLS, ids=processor_of)
def test_a_program_is_built_with_pkg_config_alone(tarball: Path, tmp_path: Path) -> None:
    """In an empty folder with a space in its name, and run there."""
    folder = tmp_path / "some where"
    root = unpacked(tarball, folder)
    machine = processor_of(tarball)
    is_other = machine != os.uname().machine
    where = str(root / "lib/pkgconfig")
    found = run("pkg-config", "--cflags", "--libs", "topkloss", PKG_CONFIG_LIBDIR=where)
    told = run("pkg-config", "--modversion", "topkloss", PKG_CONFIG_LIBDIR=where)
    assert told.strip() == VERSION
    compiler = f"{machine}-linux-gnu-gcc" if is_other else "cc"
    program = folder / "consumer"
    command = f'{compiler} -std=c99 -Wall -Werror "$0" {found.strip()} -lm -o "$1"'
    run("sh", "-c", command, ROOT / "Tests/Install/consumer.c", program)
    emulator = [f"qemu-{machine}-static", "-L", f"/usr/{machine}-linux-gnu"] if is_other else []
    variables = {"LD_LIBRARY_PATH": str(root / "lib")}
    if is_other:
        variables = {"QEMU_SET_ENV": f"LD_LIBRARY_PATH={root / 'lib'}"}
    assert run(*emulator, program, **variables).strip() == "1.386294"


@pytest.mark.parametrize("tarball", TARBALLS, ids=processor_of)
def test_tarball_and_wheel_have_the_same_libraries(tarball: Path, tmp_path: Path) -> None:
    root = unpacked(tarball, tmp_path)
    machine = processor_of(tarball)
    shipped = {name: (root / "lib" / name).read_bytes() for name in LIBRARIES[machine]}
    assert {each.name for each in root.glob("lib/*.so")} == LIBRARIES[machine]
    assert shipped == in_wheel(machine)
    texts = [each for each in root.rglob("*") if each.suffix in (".pc", ".cmake", ".md", ".h")]
    assert not [each for each in texts if str(ROOT) in each.read_text()]


def test_bill_of_materials() -> None:
    """A valid one, of the very libraries in the wheels, and of what they need here."""
    schema = pytest.importorskip("cyclonedx.schema")
    validation = pytest.importorskip("cyclonedx.validation.json")
    text = (HERE / f"topkloss-{VERSION}.cdx.json").read_text()
    assert validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    assert bill["metadata"]["component"]["version"] == VERSION
    tools = {each["name"]: each["version"] for each in bill["metadata"]["tools"]["components"]}
    assert list(tools) == ["LLVM, of Swift", "Swift", "llvmlite"]
    assert all(re.match(r"\d+\.\d+", each) for each in tools.values())
    hashes = {
        each["bom-ref"]: each["hashes"][0]["content"]
        for each in bill["components"]
        if "hashes" in each
    }
    assert hashes == {
        f"{machine}/{name}": hashlib.sha256(content).hexdigest()
        for machine in map(processor_of, TARBALLS)
        for name, content in in_wheel(machine).items()
    }
    needs = {
        property_["value"]
        for each in bill["components"]
        for property_ in each.get("properties", ())
        if property_["name"] == "topkloss:needs"
    }
    of_glibc = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-aarch64.so.1"}
    assert needs <= of_glibc
    assert "libc.so.6" in needs
    for dependency in bill["dependencies"]:
        if dependency["ref"] in hashes:
            assert len(dependency["dependsOn"]) == 3  # of Swift, GCC, glibc


def test_the_same_bytes_again(tmp_path: Path) -> None:
    """Whatever the umask, and with other files beside it."""
    with tarfile.open(TARBALLS[-1]) as file:
        times = {member.mtime for member in file.getmembers()}
        assert {member.uid for member in file.getmembers()} == {0}
    (seconds,) = times
    library = ROOT / ".build/release/libtopkloss.so"
    command = 'umask 077; exec "$0" "$@"'
    run(
        *("sh", "-c", command, sys.executable, ROOT / "packaging/release", tmp_path, library),
        SOURCE_DATE_EPOCH=str(int(seconds)),
    )
    (again,) = tmp_path.glob("*.tar.xz")
    assert again.read_bytes() == (HERE / again.name).read_bytes()
