"""Logits of the shapes that `torch.nn.CrossEntropyLoss` takes, wherever their rows and classes lie.

What a row comes to, the tests of matrices say: here it is the same in every shape and layout.
"""

from __future__ import annotations

import math

import pytest
from pairwise import pairwise
from torch_support import (
    CLASSES,
    COUNTS,
    COUPLED,
    DTYPES,
    MAKERS,
    NOISED,
    ONE_HEAD,
    TWO_HEADS,
    WAYS,
    batch,
    gradient_of,
    modules,
    refuses,
    torch,
)

from topkloss import CrossEntropyLoss
from topkloss.torch import _operators
from topkloss.torch._evaluation import Evaluation

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def _channels_last(scores):
    return scores.contiguous(memory_format=FORMATS[scores.dim()])


def _cropped(scores):
    wide = scores.new_zeros((*scores.shape[:-1], scores.shape[-1] + 3))
    wide[..., 1:-2] = scores
    return wide[..., 1:-2]


def _turned(scores):
    return scores.transpose(-1, -2).contiguous().transpose(-1, -2)


def _every_second_class(scores):
    return scores.repeat_interleave(2, dim=1)[:, ::2]


def _classes_first(scores):
    return scores.transpose(0, 1).contiguous().transpose(0, 1)


def _tokens(scores):
    """As those come who move the last dimension, the classes, to where PyTorch has them."""
    return scores.movedim(1, -1).contiguous().movedim(-1, 1)


# The shape of the rows, and how their scores lie.
LAYOUTS = {
    "one row": ((), torch.clone),
    "contiguous": ((3, 2, 4), torch.clone),
    "channels_last": ((3, 2, 4), _channels_last),
    "channels_last_3d": ((2, 3, 2, 2), _channels_last),
    "sequences": ((4, 6), torch.clone),
    "tokens": ((4, 6), _tokens),
    "volumes": ((2, 3, 2, 2), torch.clone),
    "cropped": ((3, 2, 4), _cropped),
    "turned": ((3, 2, 4), _turned),
    "every second class": ((3, 2, 4), _every_second_class),
    "classes first": ((3, 2, 4), _classes_first),
    "transposed": ((24,), _classes_first),
    "one image": ((1, 4, 6), torch.clone),
    "one pixel": ((24, 1, 1), torch.clone),
    "one column": ((4, 6, 1), _channels_last),
    "no rows": ((0, 2, 4), torch.clone),
    "no pixels": ((3, 0, 4), _channels_last),
}


def spread(scores, layout):
    """Rows of scores, in the shape and layout of this name."""
    shape, lay = LAYOUTS[layout]
    if not shape:
        return scores[0].clone()
    return lay(scores.reshape(*shape, CLASSES).movedim(-1, 1).contiguous())


def as_rows(scores):
    """The same back."""
    return scores.movedim(1, -1).reshape(-1, CLASSES) if scores.dim() > 1 else scores[None]


def heads_of(module, layout, dtype):
    """Scores for all heads, in the layout, and the labels, weights and options of their rows."""
    shape = LAYOUTS[layout][0]
    rows = math.prod(shape)
    logits, labels = batch(rows, dtype, requires_grad=False)
    labels[3::5] = -100
    heads = [spread(logits, layout).requires_grad_()]
    if isinstance(module, modules.TwoHeadAverageKLoss):  # the second as PyTorch would have it
        second = batch(rows, dtype, requires_grad=False, seed=6)[0]
        other = spread(second, layout)
        heads.append(torch.empty_like(other).contiguous().copy_(other).requires_grad_())
    options = {"sample_weight": torch.linspace(0.5, 2, rows, dtype=torch.float64)}
    if isinstance(module, modules.NoisedTopKLoss):
        options["noise"] = torch.randn(rows, module.loss.n_samples, CLASSES)
    return heads, labels, options


def in_shape(options, shape):
    return {name: given.reshape((*shape, *given.shape[1:])) for name, given in options.items()}


@pairwise(name=WAYS, dtype=DTYPES, reduction=["mean", "sum", "none"])
def test_every_shape_and_layout(name, dtype, reduction):
    module = MAKERS[name](reduction=reduction).eval()
    for layout, (shape, _) in LAYOUTS.items():
        heads, labels, options = heads_of(module, layout, dtype)
        rows = [as_rows(head.detach()).requires_grad_() for head in heads]
        expected = module(*rows, labels, **options)
        value = module(*heads, labels.reshape(shape), **in_shape(options, shape))
        assert value.shape == (shape if reduction == "none" else ())
        assert torch.equal(value.reshape(expected.shape), expected), layout

        upstream = torch.linspace(-1, 2, expected.numel()).reshape(expected.shape).to(dtype)
        wanted = torch.autograd.grad(expected, rows, upstream)
        found = torch.autograd.grad(value, heads, upstream.reshape(value.shape))
        for head, gradient, one in zip(heads, found, wanted, strict=True):
            assert gradient.dtype == dtype
            assert gradient.stride() == torch.empty_like(head).stride()
            assert torch.equal(as_rows(gradient), one), layout


def test_only_what_c_cannot_walk_is_copied():
    copied, in_groups = [], []
    for layout, (shape, _) in LAYOUTS.items():
        scores = spread(batch(math.prod(shape), requires_grad=False)[0], layout)
        described = Evaluation(CrossEntropyLoss(), "logits", scores, by_row=True).describe()
        if (described.logits or 0) != scores.data_ptr():
            copied.append(layout)
        elif described.rows_per_group:
            in_groups.append(layout)
    assert copied == ["cropped", "turned"]
    assert in_groups == ["contiguous", "sequences", "volumes", "every second class"]


def test_repeated_images():
    scores = batch(8, requires_grad=False)[0].T.reshape(1, CLASSES, 2, 4)
    labels = torch.randint(CLASSES, (3, 2, 4))
    loss = modules.CrossEntropyLoss(reduction="none")
    for repeated in (scores.expand(3, -1, -1, -1), scores[..., :1].expand(3, -1, -1, 4)):
        assert torch.equal(loss(repeated, labels), loss(repeated.clone(), labels))


@pairwise(smoothing=[0.0, 0.1], weighted=[False, True], reduction=["mean", "sum", "none"])
def test_cross_entropy_is_pytorchs(smoothing, weighted, reduction):
    weight = torch.rand(CLASSES, dtype=torch.float64) + 0.1 if weighted else None
    options = {"label_smoothing": smoothing, "reduction": reduction, "ignore_index": 255}
    for layout in ("one row", "contiguous", "channels_last", "tokens", "cropped"):
        shape = LAYOUTS[layout][0]
        logits, labels = batch(math.prod(shape), requires_grad=False)
        labels[3::4] = 255
        logits, labels = spread(5 * logits, layout).requires_grad_(), labels.reshape(shape)
        expected = torch.nn.CrossEntropyLoss(weight=weight, **options)(logits, labels)
        value = modules.CrossEntropyLoss(class_weight=weight, **options)(logits, labels)
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-12)
        upstream = torch.linspace(-1, 2, value.numel(), dtype=torch.float64).reshape(value.shape)
        found, wanted = (gradient_of(one, logits, upstream=upstream) for one in (value, expected))
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [ONE_HEAD, COUPLED, TWO_HEADS])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_graph(name):
    """Shapes and strides are those that the graph was made with."""
    module = MAKERS[name](reduction="none").eval()
    torch._dynamo.reset()
    function = torch.compile(module, fullgraph=True, backend="aot_eager", dynamic=True)
    for layout in ("channels_last", "one row"):
        heads, labels, options = heads_of(module, layout, torch.float64)
        shape = LAYOUTS[layout][0]
        arguments = *heads, labels.reshape(shape)
        options = in_shape(options, shape)
        answers = []
        for way in (module, function):
            value = way(*arguments, **options)
            upstream = torch.linspace(-1, 2, value.numel(), dtype=torch.float64)
            answers.append(
                (value, *torch.autograd.grad(value, heads, upstream.reshape(value.shape)))
            )
        for found, expected in zip(*answers, strict=True):
            torch.testing.assert_close(found, expected, check_stride=True)


@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_operators(by_row):
    """Their fake forms have the shapes and strides of what they give."""
    module = MAKERS[ONE_HEAD](reduction="none" if by_row else "mean")
    tests = "test_schema", "test_faketensor", "test_aot_dispatch_dynamic"
    for layout in ("channels_last", "cropped", "turned", "tokens"):
        (logits,), labels, _ = heads_of(module, layout, torch.float32)
        labels = labels.reshape(LAYOUTS[layout][0])
        arguments = module._ticket, logits, labels, None, None, None, by_row, True, torch.float32
        found = torch.library.opcheck(_operators.one_head, arguments, test_utils=tests)
        assert found == dict.fromkeys(tests, "SUCCESS")


def test_predictions():
    module = modules.OutlyingMSELoss(COUNTS, alpha=0.01)
    for layout, (shape, _) in LAYOUTS.items():
        scores = batch(math.prod(shape), requires_grad=False)[0]
        found = module.predict(spread(scores, layout), "nearest")
        assert torch.equal(found, module.predict(scores, "nearest").reshape(shape))


LABELS = torch.zeros(2, 5, dtype=torch.int64)
WRONG = [
    ((2, 5, CLASSES), LABELS, "give logits.movedim(-1, 1)"),
    ((2, CLASSES, 5), LABELS[:, None], "give labels.squeeze(1)"),
    ((2, CLASSES, 5), LABELS[:, :4], "for the rows of these logits it must be (2, 5)"),
    ((2, CLASSES, 5), torch.zeros(2, CLASSES, 5, dtype=torch.int64), "soft labels of a floating"),
    ((2, CLASSES, 5), torch.zeros(2, 5), "labels have the shape of the logits, (2, 21, 5)"),
    ((CLASSES,), LABELS[0], "of which all is the classes"),
]


def test_what_is_said_of_other_shapes():
    for shape, labels, words in WRONG:
        status = "ENUMERATOR" if labels.is_floating_point() else "SIZE"
        arguments = torch.zeros(shape), labels
        refuses(lambda given=arguments: MAKERS[ONE_HEAD]()(*given), status, words, "labels has")
    weight = torch.ones(3)
    refuses(
        lambda: modules.CrossEntropyLoss()(torch.zeros(2, 3, 5), LABELS, sample_weight=weight),
        *("SIZE", "sample_weight has shape (3,)", "it must be (2, 5)"),
    )


def test_a_number_is_no_row():
    for name in (ONE_HEAD, NOISED, COUPLED):
        refuses(
            lambda name=name: MAKERS[name]()(torch.zeros(()), torch.tensor(0)),
            *("SIZE", "logits has shape ()", "(C), (N, C) or (N, C, d1"),
        )
