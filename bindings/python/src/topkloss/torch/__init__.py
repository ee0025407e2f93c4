"""The losses of topkloss as PyTorch modules, with autograd, and the layer that some of them expect.

    from topkloss.torch import LogitAdjustedLoss

    criterion = LogitAdjustedLoss(class_counts)
    criterion(model(images), labels).backward()

Every loss of `topkloss` is here under the same name and with the same arguments, and with it the
operator `noised_topk`; `linear_loss` is any of them with the last layer, for many classes. Each
module has its loss as the attribute ``loss``.

Tensors are read where they are, in float32, float64, float16 or bfloat16; value and gradient are
computed together in the forward pass. They have the dtype of the logits.

**More than one process**: `topkloss.torch.distributed` has the loss of the batch of all processes,
of uneven or weighted parts too, and puts metrics together.

Keep the criterion outside `torch.nn.DataParallel` and `DistributedDataParallel`, which wrap models:
a loss has no parameters, and replicas of it would count steps of noise and average thresholds apart
from each other, or against each other. `copy.copy` of a module shares its buffers, as everywhere
in PyTorch, and so the threshold of a `TwoHeadAverageKLoss`; `copy.deepcopy` does not.

**Soft labels** (mixup, CutMix, distillation): the losses that smooth labels, but for `SeesawLoss`,
take a tensor of numbers q, finite and 0 or more, of the logits' shape, in place of class indices: a
row has the loss ``sum_y q_y l(z, y)``. Class weights, label smoothing and reductions are as in
`torch.nn.CrossEntropyLoss` with probabilities: the mean is over rows, or their sample weights. They
are constants: no gradient with respect to them. They are converted to the dtype of the logits. Of
the other losses, mixup is the sum of two calls:
``share * loss(logits, labels) + (1 - share) * loss(logits, other_labels)``.

**Under autocast** the value is float32, as that of PyTorch's own losses is, and the gradient has
the dtype of the logits. bfloat16 goes straight into the library; float16 is converted to float32
first, so that small gradients are scaled by a `torch.amp.GradScaler` before they are rounded. In
pure float16, without autocast, give the loss ``logits.float()``.

**In place**: a module made with ``inplace=True`` writes the gradient over the logits in the forward
pass: half the memory, and no new pages to be had from the system. The logits are spent then. Who
kept them before for a backward pass (``logits.square()``, or ``logits = x.exp()``) gets PyTorch's
error of a variable "modified by an inplace operation", who uses them afterwards an error in the
backward pass; who only looks at them afterwards sees the gradient. Ask for the gradient of what
made the logits: `torch.autograd.grad` of the logits themselves finds none. As PyTorch has it, they
cannot be leaves that require a gradient, views of such, or one of several views that one call gave
(``chunk``, ``split``): take slices. Logits that require no gradient, or under `torch.no_grad`,
stay as they are. So do float16 logits under autocast, of which the float32 copy is written over;
all logits inside graphs of `torch.compile`; and those of losses whose rows depend on each other
with the reduction ``"none"``, whose gradient is computed in the backward pass.

**torch.compile**: inside a graph a loss is one operator, without a graph break, also with
``fullgraph=True``. It has the same values as outside, counts the same steps of noise, needs no new
graph for other class weights (``set_class_weight``), and has no second derivative there either.
Keep the module as long as the graph.

**CUDA tensors** are accepted, labels and weights on whichever device; the logits of two heads are
on one. The forward pass copies logits and
labels into pinned memory on the current stream, waits for that stream, computes on the CPU, and
copies the gradient back on the stream without waiting; the value comes back with it. So a call
costs two transfers of the logits' size and one synchronisation, and the device is idle meanwhile:
it pays where the model's own step is long against that.

**On the device.** With TOPKLOSS_CUDA=1 in the environment when this module is imported, losses of
CUDA tensors are computed where they are, on the current stream and in memory of PyTorch's
allocator; nothing waits. This path has been proved by emulation, and has not met hardware: hence
the switch. At the first use of a loss with such options and dtype on a device a small batch is
evaluated there and on the CPU; where the answers differ, and for what is not computed on a device
(float64; noised top-K by the exact estimator with k above 15; smooth top-K SVM and top-K
cross-entropy with k above 16), tensors are staged as above, and one warning says why. Scores are
not looked at there to warn of a scale that is meant for cosines.

What is wrong with a batch is found on the device: labels that are no classes, weights that are not
finite or below 0, logits with ``check_finite`` but for rows to be ignored. Value and gradient are
then NaN, of logits that row's. A later call with CUDA tensors, of any loss, raises `TopKLossError`
once the device has come that far; `topkloss.torch.cuda.check()` waits and raises; a module made
with ``check=True`` waits in each of its calls.

Calls can be captured into CUDA graphs after one call with such options and dtype on the device, to
warm up; there faults say so by NaN alone, and ``check`` does not wait. Keep the module as long as
the graph.
"""

try:
    import torch as _framework  # noqa: F401
except ImportError as error:
    raise ImportError("topkloss.torch needs PyTorch: pip install topkloss[torch]") from error

from topkloss.torch import cuda, distributed
from topkloss.torch._layers import NormedLinear
from topkloss.torch._linear import linear_loss
from topkloss.torch._losses import MODULES
from topkloss.torch._noised_topk_operator import noised_topk

globals().update(MODULES)

__all__ = [*sorted(MODULES), "NormedLinear", "cuda", "distributed", "linear_loss", "noised_topk"]
