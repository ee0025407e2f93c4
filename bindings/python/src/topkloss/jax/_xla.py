"""XLA's foreign function interface, in its C ABI and as far as it is used here.

The structures are those of ``xla/ffi/api/c_api.h``, which jaxlib ships. Within one major version of
the interface they grow at their end only, so the members named here stay where they are.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any, ClassVar, TypeAlias

from topkloss import _abi

MAJOR = 0
OLDEST_MINOR = 1  # of the jaxlib (0.5) that first has jax.ffi
METADATA = 1  # XLA_FFI_Extension_Metadata
INVALID_ARGUMENT = 3  # XLA_FFI_Error_Code_INVALID_ARGUMENT

# Element types by XLA's names for them: what they are to the library.
FLOATS = {
    11: _abi.TOPKLOSS_FLOAT32,
    12: _abi.TOPKLOSS_FLOAT64,
    10: _abi.TOPKLOSS_FLOAT16,
    16: _abi.TOPKLOSS_BFLOAT16,
}
INTEGERS = {4: _abi.TOPKLOSS_INT32, 5: _abi.TOPKLOSS_INT64}
DTYPE_NAMES = {
    4: "int32",
    5: "int64",
    8: "uint32",
    10: "float16",
    11: "float32",
    12: "float64",
    16: "bfloat16",
}
DTYPES = {name: code for code, name in DTYPE_NAMES.items()}

Fields: TypeAlias = list[tuple[str, Any]]


class Extension(Structure):
    """XLA_FFI_Extension_Base."""

    _fields_: ClassVar[Fields] = [("struct_size", c_size_t), ("type", c_int), ("next", c_void_p)]


class Version(Structure):
    """XLA_FFI_Api_Version."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("major", c_int),
        ("minor", c_int),
    ]


class Metadata(Structure):
    """XLA_FFI_Metadata: what a handler says of itself when asked."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("version", Version),
        ("traits", c_uint32),
    ]


class MetadataExtension(Structure):
    """XLA_FFI_Metadata_Extension."""

    _fields_: ClassVar[Fields] = [("base", Extension), ("metadata", POINTER(Metadata))]


class Buffer(Structure):
    """XLA_FFI_Buffer: an array, row-major."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("dtype", c_int),
        ("data", c_void_p),
        ("rank", c_int64),
        ("dims", POINTER(c_int64)),
    ]


class Buffers(Structure):
    """XLA_FFI_Args, and XLA_FFI_Rets, which is laid out alike."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("size", c_int64),
        ("types", c_void_p),
        ("buffers", POINTER(POINTER(Buffer))),
    ]


class Scalar(Structure):
    """XLA_FFI_Scalar, for those that are int64."""

    _fields_: ClassVar[Fields] = [("dtype", c_int), ("value", POINTER(c_int64))]


class Attributes(Structure):
    """XLA_FFI_Attrs."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("size", c_int64),
        ("types", c_void_p),
        ("names", c_void_p),
        ("attributes", POINTER(POINTER(Scalar))),
    ]


class ErrorArguments(Structure):
    """XLA_FFI_Error_Create_Args."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("message", c_char_p),
        ("code", c_int),
    ]


CreateError = ctypes.CFUNCTYPE(c_void_p, POINTER(ErrorArguments))


class Interface(Structure):
    """XLA_FFI_Api, its beginning."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", c_void_p),
        ("version", Version),
        ("internal", c_void_p),
        ("create_error", CreateError),
    ]


class Frame(Structure):
    """XLA_FFI_CallFrame: one call."""

    _fields_: ClassVar[Fields] = [
        ("struct_size", c_size_t),
        ("extension_start", POINTER(Extension)),
        ("api", POINTER(Interface)),
        ("context", c_void_p),
        ("stage", c_int),
        ("arguments", Buffers),
        ("results", Buffers),
        ("attributes", Attributes),
    ]


Handler = ctypes.CFUNCTYPE(c_void_p, c_void_p)


def error(frame: Frame, message: str) -> int | None:
    """An error for a handler to return; it becomes XLA's."""
    # XLA compares with the size without the padding at the end.
    size = ErrorArguments.code.offset + ErrorArguments.code.size
    arguments = ErrorArguments(size, None, message.encode(), INVALID_ARGUMENT)
    made: int | None = frame.api.contents.create_error(ctypes.byref(arguments))
    return made


def answer_metadata(frame: Frame) -> bool:
    """Says which version of the interface is spoken here, if that is what the call asks.

    That is the minor version of whoever asks: later ones only add to what is used here. Those who
    do not say theirs have the oldest. Another major version refuses the handler with a message
    of XLA's.
    """
    if not frame.extension_start or frame.extension_start.contents.type != METADATA:
        return False
    address = ctypes.cast(frame.extension_start, c_void_p).value
    assert address is not None
    spoken = MetadataExtension.from_address(address).metadata.contents.version
    spoken.major = MAJOR
    spoken.minor = frame.api.contents.version.minor if frame.api else OLDEST_MINOR
    return True
