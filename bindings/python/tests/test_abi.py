"""The C interface itself, through bare ctypes: what Python's checks would never let through."""

from __future__ import annotations

import ctypes
import threading
from ctypes import byref, c_double, c_int64, c_void_p, sizeof

import numpy as np
import pytest
import reference

from topkloss import _abi
from topkloss._library import library

ROWS, CLASSES = 4, 5
LARGEST = 2**63 - 1
LEAST = -(2**63)


def name(status):
    return library.topkloss_status_name(status).decode().removeprefix("TOPKLOSS_ERROR_")


def message():
    return library.topkloss_last_error().decode()


class Call:
    """A call of topkloss_evaluate that succeeds, whose every part can be spoiled.

    The arrays have guards around them, so that a single element written out of place is seen.
    """

    def __init__(self, kind="cross_entropy", dtype=np.float32, rows=ROWS, classes=CLASSES):
        self.rows, self.classes = rows, classes
        self.memory = np.full((rows + 2) * classes, 7, dtype)
        self.gradient = self.memory[classes:-classes].reshape(rows, classes)
        self.row_memory = np.full(rows + 2, 7, dtype)
        self.logits = np.random.default_rng(1).standard_normal((rows, classes)).astype(dtype)
        self.labels = (np.arange(rows) % classes).astype(np.int64)
        self.options = options(kind)
        self.loss = created(kind, self.options)
        self.batch = _abi.batch(sizeof(_abi.batch), rows, classes)
        self.batch.dtype = {"f4": 0, "f8": 1, "f2": 2}[np.dtype(dtype).str[1:]]
        self.batch.logits = self.logits.ctypes.data
        self.batch.labels = self.labels.ctypes.data
        if kind == "two_head_average_k":
            self.second = self.logits[:, ::-1].copy()
            self.batch.multi_label_logits = self.second.ctypes.data
        self.result = _abi.result(sizeof(_abi.result))
        self.result.value = self.result.total_weight = 7
        self.result.gradient = self.gradient.ctypes.data
        self.result.row_values = self.row_memory[1:].ctypes.data

    def run(self):
        return library.topkloss_evaluate(self.loss, byref(self.batch), byref(self.result))

    def refused(self, *statuses):
        """The call fails as it should, and has written nothing, not even a number."""
        status = name(self.run())
        assert status in statuses, (status, message())
        assert (self.memory == 7).all()
        assert (self.row_memory == 7).all()
        assert (self.result.value, self.result.total_weight) == (7, 7)
        assert message()
        return message()

    def __del__(self):
        library.topkloss_loss_destroy(self.loss)


COUNTS = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
NEED_COUNTS = ("logit_adjusted", "ldam", "elm", "vector_scaling", "outlying_mse")
NEED_NOTHING = ("cross_entropy", "focal", "margin_softmax")


def options(kind):
    filled = _abi.LOSS_OPTIONS[kind]()
    initialise = getattr(library, f"topkloss_{kind}_options_init")
    assert initialise(byref(filled), sizeof(filled)) == 0
    if hasattr(filled, "k"):
        filled.k = 2
    if kind in NEED_COUNTS:
        filled.classes, filled.class_counts = CLASSES, COUNTS.ctypes.data
    return filled


def created(kind, filled):
    handle = c_void_p()
    create = getattr(library, f"topkloss_{kind}_create")
    assert create(byref(filled), byref(handle)) == 0, message()
    return handle


def refused_creation(kind, filled, *statuses):
    handle = c_void_p(1)
    status = getattr(library, f"topkloss_{kind}_create")(byref(filled), byref(handle))
    assert name(status) in statuses, (name(status), message())
    assert handle.value is None
    return message()


KINDS = tuple(_abi.LOSS_OPTIONS)
REDUCED_KINDS = tuple(kind for kind in KINDS if kind != "noised_topk_operator")


@pytest.mark.parametrize("kind", KINDS)
def test_the_unspoiled_call_succeeds(kind):
    call = Call(kind)
    assert call.run() == 0
    assert call.result.total_weight == ROWS
    assert (call.gradient != 7).all()
    assert (call.memory[:CLASSES] == 7).all()
    assert (call.memory[-CLASSES:] == 7).all()
    assert (call.row_memory[[0, -1]] == 7).all()
    rows = ROWS if kind in REDUCED_KINDS else 1  # the operator's value is a sum
    assert call.row_memory[1:-1].sum() == pytest.approx(call.result.value * rows, rel=1e-6)


def test_outputs_are_optional():
    call = Call()
    call.result.gradient = call.result.row_values = None
    assert call.run() == 0
    assert (call.memory == 7).all()
    assert (call.row_memory == 7).all()
    expected = reference.softmax_margin(call.logits, call.labels)[0]
    assert call.result.value == pytest.approx(expected, rel=1e-6)


# Null pointers


def test_evaluate_without_its_arguments():
    call = Call()
    evaluate = library.topkloss_evaluate
    assert name(evaluate(None, byref(call.batch), byref(call.result))) == "NULL_POINTER"
    assert "loss" in message()
    assert name(evaluate(call.loss, None, byref(call.result))) == "NULL_POINTER"
    assert "batch" in message()
    assert name(evaluate(call.loss, byref(call.batch), None)) == "NULL_POINTER"
    assert "result" in message()


@pytest.mark.parametrize("member", ["logits", "labels"])
def test_batch_without(member):
    call = Call()
    setattr(call.batch, member, None)
    assert member in call.refused("NULL_POINTER")


def test_an_empty_batch_needs_no_pointers():
    call = Call(rows=1)
    call.batch.rows = 0
    call.batch.logits = call.batch.labels = None
    call.result.gradient = call.result.row_values = None
    assert call.run() == 0
    assert (call.result.value, call.result.total_weight) == (0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_creation_without_arguments(kind):
    create = getattr(library, f"topkloss_{kind}_create")
    assert name(create(byref(options(kind)), None)) == "NULL_POINTER"
    assert "out" in message()
    handle = c_void_p(1)
    status = create(None, byref(handle))
    if kind in (*NEED_NOTHING, "single_positive"):  # for which no options are the defaults
        assert status == 0
        library.topkloss_loss_destroy(handle)
    else:
        assert name(status) == "NULL_POINTER"
        assert handle.value is None
    initialise = getattr(library, f"topkloss_{kind}_options_init")
    assert name(initialise(None, sizeof(_abi.LOSS_OPTIONS[kind]))) == "NULL_POINTER"


@pytest.mark.parametrize("kind", NEED_COUNTS)
def test_creation_without_counts(kind):
    filled = options(kind)
    filled.class_counts = None
    assert "class_counts" in refused_creation(kind, filled, "NULL_POINTER")


def test_destroying_nothing():
    library.topkloss_loss_destroy(None)


def test_other_functions_without_arguments():
    call, accuracy = Call(), c_double(7)
    batch, data = byref(call.batch), call.gradient.ctypes.data
    adjust = _abi.logit_adjust_options()
    library.topkloss_logit_adjust_options_init(byref(adjust), sizeof(adjust))
    adjust.classes, adjust.class_counts = CLASSES, COUNTS.ctypes.data
    for status in (
        library.topkloss_logit_adjust(None, batch, data, 0),
        library.topkloss_logit_adjust(byref(adjust), None, data, 0),
        library.topkloss_logit_adjust(byref(adjust), batch, None, 0),
        library.topkloss_topk_accuracy(None, None, byref(accuracy)),
        library.topkloss_topk_accuracy(None, batch, None),
        library.topkloss_standard_normal(0, 0, 0, 1, 1, 1, None),
        library.topkloss_batch_init(None, sizeof(_abi.batch)),
        library.topkloss_result_init(None, sizeof(_abi.result)),
        library.topkloss_logit_adjust_options_init(None, sizeof(adjust)),
        library.topkloss_topk_accuracy_options_init(None, sizeof(_abi.topk_accuracy_options)),
    ):
        assert name(status) == "NULL_POINTER"
    assert (call.memory == 7).all()
    assert accuracy.value == 7
    assert library.topkloss_topk_accuracy(None, batch, byref(accuracy)) == 0
    expected = reference.topk_accuracy(call.logits, call.labels)
    assert accuracy.value == expected


# Struct sizes


WRONG_SIZES = [0, 1, 7, 8, 4097, 2**63, 2**64 - 1]


@pytest.mark.parametrize("size", WRONG_SIZES)
@pytest.mark.parametrize("part", ["batch", "result"])
def test_struct_sizes_of_a_call(part, size):
    call = Call()
    getattr(call, part).struct_size = size
    assert part in call.refused("STRUCT_SIZE")


@pytest.mark.parametrize("size", WRONG_SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_struct_sizes_of_options(kind, size):
    filled = options(kind)
    filled.struct_size = size
    assert "size" in refused_creation(kind, filled, "STRUCT_SIZE")


@pytest.mark.parametrize("size", WRONG_SIZES)
def test_struct_sizes_of_initialisation(size):
    """A struct of a size that the library does not know is not touched."""
    for struct, python in _abi.INITIALISED.items():
        memory = (ctypes.c_char * 8192)(*b"\x07" * 8192)
        pointer = ctypes.cast(memory, ctypes.POINTER(python))
        status = getattr(library, f"topkloss_{struct}_init")(pointer, size)
        assert name(status) == "STRUCT_SIZE", struct
        assert memory.raw == b"\x07" * 8192


@pytest.mark.parametrize("size", WRONG_SIZES)
def test_struct_sizes_elsewhere(size):
    call, accuracy = Call(), c_double(7)
    adjust = _abi.logit_adjust_options(size, CLASSES, COUNTS.ctypes.data, 0, 1)
    status = library.topkloss_logit_adjust(
        byref(adjust), byref(call.batch), call.gradient.ctypes.data, 0
    )
    assert name(status) == "STRUCT_SIZE"
    topk = _abi.topk_accuracy_options(size, 1, -100, 0)
    status = library.topkloss_topk_accuracy(byref(topk), byref(call.batch), byref(accuracy))
    assert name(status) == "STRUCT_SIZE"
    executor = _abi.executor(size, _abi.parallel_for(lambda *_: None), None, 2)
    call.batch.executor = ctypes.pointer(executor)
    call.refused("STRUCT_SIZE")
    assert accuracy.value == 7


class LargerBatch(ctypes.Structure):
    """The batch of a later version, with one more member."""

    _fields_ = [*_abi.batch._fields_, ("later", c_int64)]


def test_structs_of_later_versions():
    """A member that this library lacks must be zero, so that nothing asked for is passed over."""
    call = Call()
    larger = LargerBatch()
    ctypes.memmove(byref(larger), byref(call.batch), sizeof(call.batch))
    larger.struct_size = sizeof(larger)
    pointer = ctypes.cast(byref(larger), ctypes.POINTER(_abi.batch))
    evaluate = library.topkloss_evaluate
    larger.later = 1
    assert name(evaluate(call.loss, pointer, byref(call.result))) == "STRUCT_SIZE"
    assert (call.memory == 7).all()
    larger.later = 0
    assert evaluate(call.loss, pointer, byref(call.result)) == 0


RESERVING = [kind for kind in KINDS if hasattr(_abi.LOSS_OPTIONS[kind], "reserved")]


@pytest.mark.parametrize("kind", RESERVING)
def test_reserved_members_are_zero(kind):
    """So that a version which gives one a meaning is not taken for one that has none."""
    filled = options(kind)
    filled.reserved = 1
    words = refused_creation(kind, filled, "STRUCT_SIZE")
    assert "options.reserved is 1" in words
    assert f"topkloss_{kind}_options" in words


# Sizes and strides


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("member", "value"),
    [
        *[("rows", value) for value in (-1, LEAST, LARGEST, 2**61, 2**62)],
        *[("classes", value) for value in (0, -1, LEAST, LARGEST, 2**61, 2**62)],
        *[("logits_row_stride", value) for value in (LARGEST, LEAST, 2**61, -(2**61), 2**62)],
    ],
)
def test_sizes(kind, member, value):
    call = Call(kind)
    setattr(call.batch, member, value)
    words = call.refused("SIZE")
    assert member in words or str(value) in words


@pytest.mark.parametrize("value", [LARGEST, LEAST, 2**61, -(2**61), 1, 4, -4, -1])
def test_gradient_strides(value):
    call = Call()
    call.result.gradient_row_stride = value
    call.refused("SIZE", "ALIASING")


@pytest.mark.parametrize(("rows", "classes"), [(2**31, 2**32), (2**32, 2**31), (2**40, 2**22)])
def test_products_of_sizes_that_overflow(rows, classes):
    call = Call()
    call.batch.rows, call.batch.classes = rows, classes
    call.refused("SIZE")


@pytest.mark.parametrize("member", ["noise_row_stride", "noise_sample_stride"])
@pytest.mark.parametrize("value", [LARGEST, LEAST, 2**61, -(2**61)])
def test_noise_strides(member, value):
    call = Call("noised_topk")
    noise = np.zeros((ROWS, 5, CLASSES), np.float32)
    call.batch.noise = noise.ctypes.data
    assert call.run() == 0
    fresh = Call("noised_topk")
    fresh.batch.noise = noise.ctypes.data
    setattr(fresh.batch, member, value)
    fresh.refused("SIZE")


@pytest.mark.parametrize("first_row", [-1, LEAST, LARGEST])
def test_first_row(first_row):
    call = Call("noised_topk")
    call.batch.first_row = first_row
    assert "first_row" in call.refused("SIZE")


@pytest.mark.parametrize("count", [LEAST, -1, 0, LARGEST, 2**61])
def test_sizes_of_other_functions(count):
    noise = np.full(4, 7, np.float32)
    normal = library.topkloss_standard_normal
    for rows, samples, classes in ((count, 1, 1), (1, count, 1), (1, 1, count)):
        if rows != 0:
            assert name(normal(0, 0, 0, rows, samples, classes, noise.ctypes.data)) == "SIZE"
    call, accuracy = Call(), c_double(7)
    if count != 0:
        call.batch.rows = count
        status = library.topkloss_topk_accuracy(None, byref(call.batch), byref(accuracy))
        assert name(status) == "SIZE"
    adjust = _abi.logit_adjust_options(
        sizeof(_abi.logit_adjust_options), count, COUNTS.ctypes.data, 0, 1
    )
    status = library.topkloss_logit_adjust(
        byref(adjust), byref(call.batch), call.gradient.ctypes.data, 0
    )
    assert name(status) == "SIZE"
    assert (noise == 7).all()
    assert (call.memory == 7).all()
    assert accuracy.value == 7


@pytest.mark.parametrize("kind", [*NEED_COUNTS, *NEED_NOTHING, "noised_topk"])
@pytest.mark.parametrize("classes", [-1, LEAST, LARGEST, 2**61])
def test_sizes_of_options(kind, classes):
    filled = options(kind)
    filled.classes = classes
    vector = "class_weight" if kind in NEED_NOTHING else "class_counts"
    setattr(filled, vector, COUNTS.ctypes.data)
    refused_creation(kind, filled, "SIZE")


# Enumerators


@pytest.mark.parametrize("value", [-1, 4, 100, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("member", ["dtype", "label_type"])
def test_enumerators_of_a_batch(member, value):
    call = Call()
    setattr(call.batch, member, value)
    words = call.refused("ENUMERATOR")
    assert member in words
    assert str(value) in words


@pytest.mark.parametrize("value", [-1, 3, 100])
@pytest.mark.parametrize("kind", REDUCED_KINDS)
def test_reductions(kind, value):
    filled = options(kind)
    filled.reduction = value
    words = refused_creation(kind, filled, "ENUMERATOR")
    assert "reduction" in words
    assert str(value) in words


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        ("noised_topk", "estimator", 2),
        ("noised_topk_operator", "estimator", 2),
        ("two_head_average_k", "class_reduction", 2),
        ("single_positive", "method", 3),
    ],
)
def test_enumerators_of_options(kind, member, value):
    for wrong in (value, -1, 2**31 - 1):
        filled = options(kind)
        setattr(filled, member, wrong)
        words = refused_creation(kind, filled, "ENUMERATOR")
        assert member in words
        assert str(wrong) in words


def test_other_enumerators():
    call, accuracy = Call(), c_double(7)
    topk = _abi.topk_accuracy_options(sizeof(_abi.topk_accuracy_options), 1, -100, 2)
    status = library.topkloss_topk_accuracy(byref(topk), byref(call.batch), byref(accuracy))
    assert name(status) == "ENUMERATOR"
    assert accuracy.value == 7


# Labels of 32 bits, upstream, first rows, executors: what Python does not use


def test_labels_of_32_bits_are_checked():
    call = Call()
    call.batch.label_type = _abi.TOPKLOSS_INT32
    labels = np.array([0, 1, -7, 2], np.int32)
    call.batch.labels = labels.ctypes.data
    words = call.refused("LABEL")
    for word in ("2", "-7", "5"):
        assert word in words


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_upstream_multiplies_the_gradient_only(dtype):
    plain, scaled = Call(dtype=dtype), Call(dtype=dtype)
    upstream = np.array([-2.5])
    scaled.batch.upstream = upstream.ctypes.data
    assert plain.run() == scaled.run() == 0
    assert plain.result.value == scaled.result.value
    np.testing.assert_allclose(scaled.gradient, -2.5 * plain.gradient, rtol=1e-6)


def test_upstream_of_each_row():
    plain, scaled = Call(), Call()
    for call in (plain, scaled):
        library.topkloss_loss_destroy(call.loss)
        call.options.reduction = _abi.TOPKLOSS_NONE
        call.loss = created("cross_entropy", call.options)
    upstream = np.array([1.0, 0.0, -3.0, 0.5])
    scaled.batch.upstream = upstream.ctypes.data
    assert plain.run() == scaled.run() == 0
    assert plain.row_memory.tobytes() == scaled.row_memory.tobytes()
    np.testing.assert_allclose(scaled.gradient, upstream[:, None] * plain.gradient, rtol=1e-6)
    upstream[2] = np.nan
    bad = Call()
    bad.batch.upstream = upstream[2:].ctypes.data
    assert "upstream" in bad.refused("NOT_FINITE")


def test_a_batch_in_parts_has_the_noise_of_the_whole():
    whole, part = Call("noised_topk", rows=6), Call("noised_topk", rows=2)
    whole.batch.step = part.batch.step = 2**40
    assert whole.run() == 0
    for first in (0, 2, 4):
        rows = slice(first, first + 2)
        part.batch.first_row = first
        labels = np.ascontiguousarray(whole.labels[rows])
        part.batch.labels = labels.ctypes.data
        part.batch.logits = whole.logits[rows].ctypes.data
        assert part.run() == 0
        # Means of 6 and of 2 rows.
        np.testing.assert_allclose(part.gradient / 3, whole.gradient[rows], rtol=1e-6)


def with_executor(call, parallel_for, concurrency=3):
    executor = _abi.executor(
        sizeof(_abi.executor), _abi.parallel_for(parallel_for), 1234, concurrency
    )
    call.batch.executor = ctypes.pointer(executor)
    return executor


@pytest.mark.parametrize("kind", KINDS)
def test_executor(kind):
    """The host's threads: here one thread that runs the tasks backwards."""
    expected, call = Call(kind, rows=500, classes=CLASSES), Call(kind, rows=500, classes=CLASSES)
    seen = []

    def backwards(context, count, task, task_context):
        seen.append((context, count))
        for index in reversed(range(count)):
            task(task_context, index)

    keep = with_executor(call, backwards)
    assert expected.run() == call.run() == 0
    assert expected.result.value == call.result.value
    assert expected.memory.tobytes() == call.memory.tobytes()
    assert all(context == 1234 and count >= 1 for context, count in seen)
    del keep


def test_executor_that_forgets_a_task():
    call = Call(rows=2000, classes=CLASSES)

    def lazy(_, count, task, task_context):
        for index in range(count - 1):
            task(task_context, index)

    keep = with_executor(call, lazy)
    assert name(call.run()) == "EXECUTOR"
    assert message()
    del keep


@pytest.mark.parametrize("concurrency", [0, -1, 1025, 2**31 - 1])
def test_executor_concurrency(concurrency):
    call = Call()
    keep = with_executor(call, lambda *_: None, concurrency)
    assert "concurrency" in call.refused("OPTION", "SIZE")
    del keep


def test_executor_without_a_function():
    call = Call()
    executor = _abi.executor(sizeof(_abi.executor), _abi.parallel_for(), None, 2)
    call.batch.executor = ctypes.pointer(executor)
    assert "parallel_for" in call.refused("NULL_POINTER")


def test_row_values_that_overlap_others():
    """Row values may not lie in the gradient, nor over the logits."""
    for target in ("gradient", "logits"):
        call = Call()
        call.result.row_values = getattr(call, target).ctypes.data
        before = call.logits.copy()
        call.refused("ALIASING")
        assert call.logits.tobytes() == before.tobytes()


def test_successful_calls_leave_the_message_alone():
    bad, good = Call(), Call()
    bad.batch.labels = None
    words = bad.refused("NULL_POINTER")
    assert good.run() == 0
    assert message() == words


def test_error_messages_belong_to_their_threads():
    bad = Call()
    bad.batch.rows = -5
    words = bad.refused("SIZE")
    others = []
    thread = threading.Thread(target=lambda: others.append(message()))
    thread.start()
    thread.join()
    assert others == [""]
    assert message() == words


def test_integers_of_python_do_not_wrap():
    """Ctypes cuts integers to their lowest bits: this is why Python checks them before."""
    assert c_int64(2**64 + 3).value == 3
