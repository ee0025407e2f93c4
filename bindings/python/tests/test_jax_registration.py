"""Which way calls on the CPU go, and what is said of it: handlers that are there, known, or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jax_support import CLASSES, batch, functions, jax

from topkloss.jax import _evaluation, _handlers

ROOT = Path(__file__).parents[3]


def python(script, *arguments, library=None, **more):
    """Runs a script, with another library of handlers if one is named."""
    named = {} if library is None else {"TOPKLOSS_XLA_LIBRARY": str(library)}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **named, **more},
    )


def test_the_interface_is_that_of_jaxlib():
    """Every size, offset and number that was written down anew."""
    include = f"-I{ROOT / 'include'}", f"-I{jax.ffi.include_dir()}"
    command = ["cc", "-std=gnu11", "-fsyntax-only", *include, str(ROOT / "Tests/XLA/layout.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


WITHOUT = """if True:
    import sys, warnings
    import jax, numpy as np
    if "up" in sys.argv:
        jax.devices()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        from topkloss.jax import _handlers, cross_entropy_loss
    assert not _handlers.are_there()
    value = jax.jit(cross_entropy_loss)(np.zeros((2, 3), np.float32), np.zeros(2, int))
    np.testing.assert_allclose(value, np.log(3), rtol=1e-6)
    print(*(one.message for one in said if one.category is RuntimeWarning))
"""


def test_callbacks_when_they_are_asked_for():
    done = python(WITHOUT, library="")
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


@pytest.mark.parametrize(
    ("flags", "backend", "words"),
    [
        (["-DCANDID"], "down", "the handlers are of version 1.9 of XLA's"),
        ([], "up", "API version (1.9) is incompatible"),
    ],
)
def test_handlers_of_another_version(flags, backend, words, tmp_path):
    """Without them: a refusal of XLA's would take its backend along, or the import."""
    library = tmp_path / "later.so"
    how = "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-I{ROOT / 'include'}"
    source = ROOT / "Tests/XLA/later.c"
    subprocess.run(["cc", *how, *flags, source, "-o", library], check=True)
    done = python(WITHOUT, backend, library=library)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("topkloss.jax goes through Python's callbacks")
    assert words in done.stdout
    assert done.stdout.count("callbacks") == 1


@pytest.mark.parametrize("version", [(1, 0), (0, 4), (0, 0)])
def test_jaxlib_of_another_version(version, tmp_path, monkeypatch):
    """Nothing is registered with one whose interface is not known."""
    header = tmp_path / "xla/ffi/api/c_api.h"
    header.parent.mkdir(parents=True)
    names = "MAJOR", "MINOR"
    lines = [f"#define XLA_FFI_API_{n} {v}\n" for n, v in zip(names, version, strict=True)]
    header.write_text("".join(lines))
    monkeypatch.setattr(jax.ffi, "include_dir", lambda: str(tmp_path))
    monkeypatch.setattr(jax.ffi, "register_ffi_target", lambda *_, **__: pytest.fail("registered"))
    with pytest.warns(RuntimeWarning, match=f"jaxlib is of version {version[0]}.{version[1]}"):
        assert not _handlers._register()


@pytest.mark.parametrize("named", ["/nonexistent.so", _handlers.library._name])
def test_a_library_that_is_named_has_handlers(named, monkeypatch):
    """A slip of the pen is told, and not taken for a wish."""
    monkeypatch.setenv("TOPKLOSS_XLA_LIBRARY", named)
    with pytest.raises(ImportError, match="which has no handlers") as caught:
        _handlers._register()
    assert named in str(caught.value)


def test_a_package_without_handlers(tmp_path, monkeypatch):
    """Which is no fault of anyone's."""
    monkeypatch.delenv("TOPKLOSS_XLA_LIBRARY", raising=False)
    monkeypatch.setattr(_handlers.library, "_name", str(tmp_path / "libtopkloss.so"))
    assert not _handlers._register()


BESIDE = """if True:
    import jax, numpy as np
    from jax.extend.backend import register_backend_factory
    from jaxlib import xla_client
    register_backend_factory("beside", xla_client.make_cpu_client, priority=-1)
    from topkloss.jax import _evaluation, cross_entropy_loss
    assert {device.platform for device in jax.local_devices()} == {"cpu"}
    print(_evaluation._is_cpu_alone())
"""


def test_a_backend_that_is_not_the_default():
    """Programs can be for it all the same."""
    assert _evaluation._is_cpu_alone() == (jax.default_backend() == "cpu")
    done = python(BESIDE, JAX_PLATFORMS="")
    assert done.stdout == "False\n", done.stderr


EXPORTED = """if True:
    import sys
    from pathlib import Path
    import jax, numpy as np
    from jax import export
    folder = Path(sys.argv[1])
    given = np.load(folder / "given.npz")
    program = export.deserialize(bytearray((folder / "program").read_bytes()))
    call = jax.jit(program.call)
    try:
        call(given["logits"], given["labels"])
    except Exception as error:
        assert "topkloss" in str(error), error
    else:
        sys.exit("a program ran without its handlers")
    import topkloss.jax
    np.testing.assert_array_equal(call(given["logits"], given["labels"]), given["values"])
"""


def test_exported_programs_in_another_process(tmp_path):
    """With options and all; it has to import topkloss.jax, which registers the handlers."""
    pytest.importorskip("flatbuffers")
    from jax import export

    logits, labels = batch()
    function = jax.jit(lambda z, y: functions.ldam_loss(z, y, np.arange(1, CLASSES + 1)))
    allowed = [export.DisabledSafetyCheck.custom_call(_handlers.TARGET)]
    exported = export.export(function, disabled_checks=allowed)(logits, labels)
    (tmp_path / "program").write_bytes(exported.serialize())
    np.savez(tmp_path / "given.npz", logits=logits, labels=labels, values=function(logits, labels))
    done = python(EXPORTED, tmp_path)
    assert done.returncode == 0, done.stderr
