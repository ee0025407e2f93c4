"""Tensors of other frameworks, through both generations of DLPack, and capsules made by hand."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import pytest
from support import bits

import topkloss
from topkloss import TopKLossError


class Exporter:
    """A tensor of some framework: only DLPack, in either generation of the protocol."""

    def __init__(self, array, *, versioned=True, device=(1, 0)):
        self.array, self.versioned, self.device = array, versioned, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        if not self.versioned and options:
            raise TypeError("unexpected keyword")
        return self.array.__dlpack__(**options)


needs_versions = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy exports no versioned capsules"
)


@pytest.mark.parametrize(
    "versioned", [False, pytest.param(True, marks=needs_versions)], ids=["old", "versioned"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_dlpack(versioned, dtype, rng):
    memory = rng.standard_normal((4, 30)).astype(dtype)
    view = memory[::-1, 3:20]
    labels = np.array([0, 1, 2, 16], np.int32)
    loss = topkloss.CrossEntropyLoss()
    expected = loss.value_and_grad(view, labels)
    value, gradient = loss.value_and_grad(
        Exporter(view, versioned=versioned), Exporter(labels, versioned=versioned)
    )
    assert value == expected[0]
    assert bits(gradient) == bits(expected[1])


@needs_versions
def test_dlpack_output(rng):
    logits = rng.standard_normal((4, 9))
    expected = topkloss.CrossEntropyLoss().value_and_grad(logits, [0, 1, 2, 3])[1]
    tensor = Exporter(logits)
    _, gradient = topkloss.CrossEntropyLoss().value_and_grad(tensor, [0, 1, 2, 3], out=tensor)
    assert gradient is tensor
    assert bits(logits) == bits(expected)


@needs_versions
def test_read_only_tensors(rng):
    """They can be read, but not written to."""
    logits = rng.standard_normal((4, 9))
    expected = topkloss.CrossEntropyLoss()(logits, [0, 1, 2, 3])
    before = logits.copy()
    logits.flags.writeable = False
    tensor = Exporter(logits)
    with pytest.raises(TopKLossError, match="out is read-only"):
        topkloss.CrossEntropyLoss().value_and_grad(tensor, [0, 1, 2, 3], out=tensor)
    assert bits(logits) == bits(before)
    assert topkloss.CrossEntropyLoss()(tensor, [0, 1, 2, 3]) == expected


def test_dlpack_output_that_cannot_say_it_is_writable(rng):
    logits = rng.standard_normal((4, 9))
    before = logits.copy()
    tensor = Exporter(logits, versioned=False)
    with pytest.raises(TopKLossError, match="out is read-only"):
        topkloss.CrossEntropyLoss().value_and_grad(tensor, [0, 1, 2, 3], out=tensor)
    assert bits(logits) == bits(before)


def test_dlpack_on_a_device(rng):
    tensor = Exporter(rng.standard_normal((4, 9)), device=(2, 1))
    with pytest.raises(TopKLossError, match="logits cannot be read: it lies on cuda:1"):
        topkloss.CrossEntropyLoss()(tensor, [0, 1, 2, 3])


def test_the_capsule_is_given_back(rng):
    """Nothing keeps the tensor alive once the call has ended."""
    logits = rng.standard_normal((4, 9))
    before = sys.getrefcount(logits)
    for _ in range(10):
        topkloss.CrossEntropyLoss()(Exporter(logits), [0, 1, 2, 3])
    assert sys.getrefcount(logits) == before


class Tensor(ctypes.Structure):
    """DLTensor, as dlpack.h has it."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", ctypes.c_int32 * 2),
        ("ndim", ctypes.c_int32),
        ("dtype", ctypes.c_uint8 * 2),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = [
        ("version", ctypes.c_uint32 * 2),
        ("manager", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    ]


class Handmade:
    """A tensor whose capsule is put together here, over the memory of an array."""

    NAME = b"dltensor_versioned"

    def __init__(self, array, *, dtype=(2, 64), lanes=1, version=(1, 0), offset=0, strides=None):
        self.keep = array
        self.shape = (ctypes.c_int64 * 2)(4, 9)
        self.managed = Versioned((ctypes.c_uint32 * 2)(*version))
        tensor = self.managed.tensor
        tensor.data = array.ctypes.data
        tensor.device = (ctypes.c_int32 * 2)(1, 0)
        tensor.ndim = 2
        tensor.dtype = (ctypes.c_uint8 * 2)(*dtype)
        tensor.lanes = lanes
        tensor.shape = self.shape
        if strides:
            self.strides = (ctypes.c_int64 * 2)(*strides)
            tensor.strides = self.strides
        tensor.byte_offset = offset

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, **_):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed), self.NAME, None)


@pytest.mark.parametrize("strides", [None, (9, 1)])
def test_offset_in_bytes(strides, rng):
    memory = rng.standard_normal(50)
    expected = topkloss.CrossEntropyLoss()(memory[5:41].reshape(4, 9), [0, 1, 2, 3])
    tensor = Handmade(memory, offset=40, strides=strides)
    assert topkloss.CrossEntropyLoss()(tensor, [0, 1, 2, 3]) == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"version": (2, 0)}, "version 2 of DLPack"),
        ({"dtype": (5, 64)}, "no NumPy dtype"),  # complex
        ({"dtype": (2, 8)}, "floats of 8 bits"),
        ({"dtype": (17, 4)}, "no NumPy dtype"),  # float4
        ({"lanes": 2}, "no NumPy dtype"),
        ({"dtype": (0, 64)}, "logits has dtype int64"),
        ({"dtype": (6, 8)}, "logits has dtype bool"),
    ],
)
def test_capsules_that_cannot_be_used(options, words):
    tensor = Handmade(np.zeros(50), **options)
    with pytest.raises(TopKLossError, match=words) as caught:
        topkloss.CrossEntropyLoss()(tensor, [0, 1, 2, 3])
    assert caught.value.status == "TOPKLOSS_ERROR_ENUMERATOR"


@pytest.mark.parametrize(
    ("strides", "words"),
    [((2**62, 1), "no tensor in memory"), ((2**60, 1), "strides in bytes"), ((-(2**62), 1), "")],
)
def test_strides_beyond_memory(strides, words):
    with pytest.raises(TopKLossError, match=f"logits cannot be read: .*{words}"):
        topkloss.CrossEntropyLoss()(Handmade(np.zeros(50), strides=strides), [0, 1, 2, 3])


def test_a_stride_along_one_element_means_nothing(rng):
    logits = rng.standard_normal(50)
    tensor = Handmade(logits, strides=(2**62, 1))
    tensor.shape[0] = 1
    expected = topkloss.CrossEntropyLoss()(logits[None, :9], [3])
    assert topkloss.CrossEntropyLoss()(tensor, [3]) == expected


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("shape", None),
        ("data", None),
        ("ndim", -1),
        ("ndim", 0),
        ("ndim", 10**6),
        ("shape", (ctypes.c_int64 * 2)(-4, 9)),
        ("shape", (ctypes.c_int64 * 2)(0, -9)),
        ("shape", (ctypes.c_int64 * 2)(2**62, 2**62)),
    ],
)
def test_tensors_that_cannot_be(member, value):
    tensor = Handmade(np.zeros(50))
    setattr(tensor.managed.tensor, member, value)
    if member == "ndim" and value == 10**6:
        tensor.managed.tensor.shape = None
    with pytest.raises(TopKLossError, match="logits"):
        topkloss.CrossEntropyLoss()(tensor, [0, 1, 2, 3])


@pytest.mark.parametrize("answer", [KeyError("gone"), None, (1,), ("cpu", 0), TypeError()])
@pytest.mark.parametrize("question", ["__dlpack_device__", "__dlpack__"])
def test_errors_of_the_tensor_name_the_argument(question, answer):
    def asked(_, **__):
        if isinstance(answer, Exception):
            raise answer
        return answer

    class Broken(Handmade):
        pass

    setattr(Broken, question, asked)
    with pytest.raises(TopKLossError, match="logits cannot be read"):
        topkloss.CrossEntropyLoss()(Broken(np.zeros(50)), [0, 1, 2, 3])


def test_no_capsule_at_all():
    class Liar(Handmade):
        NAME = b"something else"

    with pytest.raises(TopKLossError, match="gave no DLPack capsule"):
        topkloss.CrossEntropyLoss()(Liar(np.zeros(50)), [0, 1, 2, 3])


def test_no_elements():
    tensor = Exporter(np.zeros((0, 9)))
    assert topkloss.CrossEntropyLoss()(tensor, Exporter(np.zeros(0, int))) == 0
