"""The wheel and the source archive that `make wheel` leaves, in environments that have nothing.

Needs the folder with both in the environment variable TOPKLOSS_DIST, as `make test-wheel` sets it.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "examples" / "python" / "geonames"
DIST = os.environ.get("TOPKLOSS_DIST")
pytestmark = pytest.mark.skipif(DIST is None, reason="`make test-wheel` builds what this tests")

ALONE = ("--no-deps", "--no-build-isolation")
LIBRARIES = {"libtopkloss.so": 1e6, "libtopkloss_cuda.so": 2e6, "libtopkloss_xla.so": 1e5}
"""And how many bytes each may have."""

OLDEST_GLIBC = (2, 17)
"""What the README says that the wheel needs."""


def only(pattern):
    (found,) = Path(DIST).glob(pattern)
    return found


@pytest.fixture(scope="module")
def wheel():
    return only(f"*_{os.uname().machine}.whl")


@pytest.fixture(scope="module")
def archive():
    return only("*.tar.gz")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A new virtual environment: its folder, and a function that runs its Python, or pip for it.

    PATH has that folder alone, and so neither Swift nor a compiler.
    """
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    kept = (
        *("HOME", "LANG", "PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_INDEX_URL"),
        "SOURCE_DATE_EPOCH",
    )
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"PATH": str(folder / "bin"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    assert shutil.which("swift", path=environment["PATH"]) is None

    def run(program, *arguments, **variables):
        python = folder / "bin" / "python"
        pip = [sys.executable, "-m", "pip", "--python", python]
        return subprocess.run(
            [*(pip if program == "pip" else [python]), *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment | variables,
            cwd=folder,
        )

    return folder, run


@pytest.fixture(scope="module")
def installed(bare, wheel):
    _, run = bare
    done = run("pip", "install", "--no-compile", wheel)
    assert done.returncode == 0, done.stderr
    return bare


@pytest.fixture(scope="module")
def furnished(bare):
    """The same with the packages of the tests' own environment, behind those that it has itself."""
    folder, _ = bare
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    return bare


def tags_of(wheel):
    """Its version, and its platforms: one may go by two names."""
    name, version, python, abi, platforms = wheel.name.removesuffix(".whl").split("-")
    assert (name, python, abi) == ("topkloss", "py3", "none")
    return version, platforms.split(".")


def glibc_of(platform):
    """The version of glibc and the processor of a name like manylinux_2_17_x86_64."""
    match = re.fullmatch(r"manylinux_(\d+)_(\d+)_(\w+)", platform)
    return ((int(match[1]), int(match[2])), match[3]) if match else None


def test_name_and_tags(wheel):
    """One wheel for every Python 3, for this processor, and for glibc as old as it says."""
    version, platforms = tags_of(wheel)
    (promised,) = filter(None, map(glibc_of, platforms))
    assert promised == (OLDEST_GLIBC, os.uname().machine)
    with zipfile.ZipFile(wheel) as file:
        told = email.message_from_bytes(file.read(f"topkloss-{version}.dist-info/WHEEL"))
    assert told["Root-Is-Purelib"] == "false"
    assert set(told.get_all("Tag")) == {f"py3-none-{platform}" for platform in platforms}


def test_auditwheel_agrees(wheel):
    """The library needs no newer glibc than the tag says, and nothing else of the system's."""
    auditwheel = Path(sys.executable).with_name("auditwheel")
    done = subprocess.run([auditwheel, "show", wheel], capture_output=True, text=True, check=True)
    told = " ".join(done.stdout.split())
    (consistent,) = re.findall(r'consistent with the following platform tag: "(\w+)"', told)
    assert glibc_of(consistent) == (OLDEST_GLIBC, os.uname().machine)
    assert set(re.findall(r"\S+\.so[.\d]*", told)) <= {"libc.so.6", "libm.so.6"}


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = email.message_from_bytes(file.read(name))
        licence = file.read(name.replace("METADATA", "licenses/LICENSE")).decode()
    assert metadata["Name"] == "topkloss"
    assert metadata["License-Expression"] == "MIT"
    assert licence == (ROOT / "LICENSE").read_text()
    assert metadata["Requires-Python"] == ">=3.10"
    requirements = metadata.get_all("Requires-Dist")
    assert [each for each in requirements if "extra" not in each] == ["numpy>=1.24"]
    assert "torch" in metadata.get_all("Provides-Extra")
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "topkloss.torch" in metadata.get_payload()
    assert "long-tailed" in metadata["Keywords"]


def test_content(wheel):
    """The package with its types and its library, and nothing of tests or sources."""
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if not name.endswith("/")}
        libraries = [info for info in file.infolist() if info.filename.endswith(".so")]
    source = ROOT / "bindings" / "python" / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packaged = {name for name in names if name.startswith("topkloss/")}
    assert packaged == expected | {f"topkloss/{name}" for name in LIBRARIES}
    assert "topkloss/py.typed" in packaged
    assert all(name.split("/")[0].startswith("topkloss") for name in names)
    for library in libraries:
        mode = library.external_attr >> 16
        assert stat.S_IMODE(mode) == 0o755
        assert library.file_size < LIBRARIES[library.filename.removeprefix("topkloss/")]


def test_bill_of_materials(wheel):
    """A valid one, of this very library, naming what is in it; fails where the wheel has none."""
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if ".dist-info/sboms/topkloss" in name]
        text = file.read(name).decode()
        libraries = {name: file.read(f"topkloss/{name}") for name in LIBRARIES}
    assert name.endswith("/topkloss.cdx.json")
    schema = pytest.importorskip("cyclonedx.schema")
    validation = pytest.importorskip("cyclonedx.validation.json")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    sbom = json.loads(text)
    assert sbom["metadata"]["component"]["version"] == tags_of(wheel)[0]
    *own, _, _, _ = sbom["components"]
    linked_in = sbom["components"][len(own) :]
    assert {each["name"]: each["hashes"][0]["content"] for each in own} == {
        name: hashlib.sha256(content).hexdigest() for name, content in libraries.items()
    }
    assert [each["name"].split()[0] for each in linked_in] == ["Swift", "GCC,", "glibc,"]
    # Nothing in its bytes tells of which glibc the last is.
    assert all(re.search(r"\d+\.\d+\.\d+", each["version"]) for each in linked_in[:2])


def test_snippet_of_the_page_for_numpy(installed):
    folder, run = installed
    text = (ROOT / "docs/python.md").read_text()
    snippets = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    others = r"^(?:import|from) (?!numpy|topkloss\n)"
    (snippet,) = [each for each in snippets if not re.search(others, each, re.M)]
    (folder / "snippet.py").write_text(snippet)
    done = run("python", "snippet.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("loss ")


def test_it_is_the_wheel_that_runs(installed):
    folder, run = installed
    done = run("python", "-c", "import topkloss._library as l; print(l.library._name)")
    assert Path(done.stdout.strip()).is_relative_to(folder), done.stderr


def test_missing_frameworks_are_named(installed):
    _, run = installed
    done = run("python", "-c", "import topkloss.torch")
    assert done.stderr.strip().splitlines()[-1] == (
        "ImportError: topkloss.torch needs PyTorch: pip install topkloss[torch]"
    )


@pytest.mark.usefixtures("furnished")
def test_an_example(installed):
    folder, run = installed
    output = folder / "output"
    done = run("python", DEMO, "--quick", "--losses", "ldam", "--epochs", 1, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "LDAM" in done.stdout
    assert (output / "results.json").exists()


# The source archive


def test_content_of_the_archive(archive):
    """All that a build needs, as files: the links between targets have become copies."""
    with tarfile.open(archive) as file:
        members = file.getmembers()
    assert all(member.isfile() for member in members)
    names = [member.name.split("/", 1)[1] for member in members]
    assert len(names) == len(set(names))
    swift = {name.removeprefix("swift/") for name in names if name.startswith("swift/")}
    listed = subprocess.run(
        ["git", "ls-files", "--", "Package.swift", "include", "Sources", "Tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    tracked = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    assert tracked
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_dir():  # a link
            shared = f"{(ROOT / name).resolve().relative_to(ROOT)}/"
            tracked |= {
                f"{name}/{each.removeprefix(shared)}" for each in tracked if each.startswith(shared)
            }
    assert swift == tracked
    kernels = {name.split("/", 2)[2] for name in swift if name.startswith("Sources/Kernels/")}
    assert kernels
    for level in ("AVX2", "AVX512"):
        prefix = f"Sources/Kernels{level}/"
        assert kernels == {name.split("/", 2)[2] for name in swift if name.startswith(prefix)}
    assert {"pyproject.toml", "hatch_build.py", "LICENSE", "src/topkloss/py.typed"} <= set(names)


@pytest.mark.skipif(shutil.which("swift") is None, reason="needs Swift")
def test_swift_finds_all_it_needs_in_the_archive(archive, tmp_path):
    """Reading the package fails for a target without sources, and needs no build."""
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    (package,) = tmp_path.glob("*/swift")
    subprocess.run(["swift", "package", "describe"], cwd=package, check=True, capture_output=True)


def test_without_swift_the_archive_says_what_is_missing(furnished, archive):
    """One sentence, and no traceback."""
    _, run = furnished
    done = run("pip", "install", *ALONE, "--force-reinstall", archive)
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    (sentence,) = [line.strip() for line in told.splitlines() if "Swift" in line]
    assert sentence.startswith("topkloss needs the Swift toolchain to build its library: install")
    assert "Swift 6.3 or later" in sentence
    assert "[1 lines of output]" in told


def test_with_a_library_the_archive_needs_no_swift(furnished, archive, wheel, tmp_path):
    """And the wheel that comes of it is that of `make wheel`, byte by byte."""
    _, run = furnished
    with zipfile.ZipFile(wheel) as file:
        library, *_ = [file.extract(f"topkloss/{name}", tmp_path) for name in LIBRARIES]
    done = run("pip", "wheel", *ALONE, "-w", tmp_path, archive, TOPKLOSS_LIBRARY_FILE=library)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = tmp_path.glob("*.whl")
    auditwheel = Path(sys.executable).with_name("auditwheel")
    environment = {**os.environ, "PATH": f"{auditwheel.parent}:{os.environ['PATH']}"}
    command = [auditwheel, "repair", "--wheel-dir", tmp_path / "again", made]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    assert (tmp_path / "again" / wheel.name).read_bytes() == wheel.read_bytes()
