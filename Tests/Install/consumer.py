"""A program out of the tree, with nothing but Python: as consumer.c, through the generated declarations."""

import ctypes

import _abi

library = ctypes.CDLL("./libtopkloss.so")
logits = (ctypes.c_double * 8)(1, 1, 1, 1, -3, -3, -3, -3)
labels = (ctypes.c_int64 * 2)(0, 3)
loss = ctypes.c_void_p()
batch = _abi.batch()
result = _abi.result()


def check(status):
    assert status == _abi.TOPKLOSS_OK, status


check(library.topkloss_cross_entropy_create(None, ctypes.byref(loss)))
check(library.topkloss_batch_init(ctypes.byref(batch), ctypes.c_size_t(ctypes.sizeof(batch))))
check(library.topkloss_result_init(ctypes.byref(result), ctypes.c_size_t(ctypes.sizeof(result))))
batch.rows = 2
batch.classes = 4
batch.dtype = _abi.TOPKLOSS_FLOAT64
batch.logits = ctypes.addressof(logits)
batch.labels = ctypes.addressof(labels)
check(library.topkloss_evaluate(loss, ctypes.byref(batch), ctypes.byref(result)))
library.topkloss_loss_destroy(loss)
print(f"{result.value:.6f}")
