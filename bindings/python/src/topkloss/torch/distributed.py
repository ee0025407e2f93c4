"""Batches that several processes have parts of, by `torch.distributed`.

Give rank r of a `torch.nn.parallel.DistributedDataParallel` job its rows as ever, and wrap the
criterion:

    from topkloss.torch import LogitAdjustedLoss
    from topkloss.torch.distributed import GlobalBatch

    criterion = GlobalBatch(LogitAdjustedLoss(class_counts))

and its value and gradients are those of a single process that has all rows, for every loss. What a
metric has counted is put together by

    accuracy = reduce_metric(accuracy)

Where the last layer is split by class, so that no process has the logits of all classes,
`ShardedClasses` is the loss of the whole rows, and `class_range` says how to split:

    own = class_range(num_classes, rank, ranks)
    layer = torch.nn.Linear(features, len(own))
    criterion = ShardedClasses(LogitAdjustedLoss(class_counts), num_classes)

Tensors travel on the logits' device, by whatever backend the group has for it (gloo, NCCL, ...).
"""

from topkloss.torch._global_batch import GlobalBatch, Gradients
from topkloss.torch._metric_reduction import reduce_metric
from topkloss.torch._sharded_classes import ShardedClasses, class_range

__all__ = ["GlobalBatch", "Gradients", "ShardedClasses", "class_range", "reduce_metric"]
