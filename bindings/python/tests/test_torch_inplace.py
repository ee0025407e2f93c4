"""The gradient over the logits: ``inplace=True``."""

from __future__ import annotations

import pickle

import pytest
from torch_graphs import compiled, nothing_compiled
from torch_support import (
    AVERAGING,
    CLASSES,
    COUPLED,
    MAKERS,
    NOISED,
    ONE_HEAD,
    TWO_HEADS,
    batch,
    call,
    dtypes,
    each,
    fixed,
    gradient_of,
    modules,
    reductions,
    refuses,
    torch,
)

__all__ = ["nothing_compiled"]

MODIFIED = "modified by an inplace operation"


def computed(logits):
    """Logits as a layer gives them: not leaves, in new memory of the same layout."""
    return logits * 1


class Ends(torch.autograd.Function):
    """Logits from a layer that takes no memory, in either pass."""

    @staticmethod
    def forward(ctx, start, logits):  # noqa: ARG004
        return logits.detach()

    @staticmethod
    def backward(ctx, upstream):  # noqa: ARG004
        return torch.zeros(()), None


def is_coupled(module):
    return module.loss._traits.rows_are_coupled(module.loss) and module.loss.reduction == "none"


def upstream_of(value):
    return torch.arange(1, value.numel() + 1).to(value).reshape(value.shape)


def same_as_elsewhere(maker, logits, labels, **options):
    """In place there are the bits of new memory, in the memory of the logits."""
    expected_value = fixed(maker())(logits, labels, **options)
    upstream = upstream_of(expected_value)
    expected = gradient_of(expected_value, logits, upstream=upstream)
    module, spent = maker(inplace=True), computed(logits)
    value = fixed(module)(spent, labels, **options)
    assert torch.equal(value, expected_value)
    found = gradient_of(value, logits, upstream=upstream)
    assert torch.equal(found, expected)
    assert spent.stride() == logits.stride()
    if is_coupled(module):
        assert torch.equal(spent, logits)
        assert spent._version == 0
    else:  # where what came from above has been multiplied with it, as nobody else needs it
        assert torch.equal(spent, expected)
        assert spent._version > 0


@each
@reductions
def test_every_loss(name, reduction):
    logits, labels = batch()
    labels[1] = -100
    weights = torch.rand(6, dtype=torch.float64)

    def maker(**options):
        return MAKERS[name](reduction=reduction, **options)

    same_as_elsewhere(maker, logits, labels)
    same_as_elsewhere(maker, logits, labels, sample_weight=weights)


@dtypes
@pytest.mark.parametrize("name", [ONE_HEAD, NOISED, TWO_HEADS])
def test_every_dtype(name, dtype):
    same_as_elsewhere(MAKERS[name], *batch(dtype=dtype))


def test_no_memory_of_the_logits_size():
    """And as much as for the gradient without it, so that the measure measures something."""
    logits, labels = torch.randn(64, 500), torch.randint(500, (64,))
    start = torch.zeros((), requires_grad=True)

    def allocated(inplace, **options):
        module, spent = modules.CrossEntropyLoss(inplace=inplace), Ends.apply(start, logits)
        with torch.profiler.profile(profile_memory=True) as profile:
            value = module(spent, labels, **options)
            value.backward(torch.tensor(3.0))
        return max(event.cpu_memory_usage for event in profile.events())

    for options in {}, {"sample_weight": torch.ones(64)}:
        assert allocated(False, **options) >= 4 * logits.numel()
        assert allocated(True, **options) < logits.numel()


LAYOUTS = {
    "rows apart": lambda z: torch.cat([z, z, z], 1)[:, 2 : 2 + CLASSES],
    "by class": lambda z: z.t().contiguous().t(),
    "every other row": lambda z: z.repeat_interleave(2, 0)[::2],
    "reversed view": lambda z: computed(z).view(-1).view(z.shape),
    "one row": lambda z: computed(z)[2],
    "maps": lambda z: computed(z).reshape(2, 3, CLASSES).movedim(-1, 1),
    "channels last": lambda z: z.reshape(1, 2, 3, CLASSES).movedim(-1, 1) * 1,
    "no way for C": lambda z: torch.cat([z.view(1, 2, 3, -1).movedim(-1, 1)] * 2, -1)[..., :3],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [ONE_HEAD, NOISED, AVERAGING])
def test_views_and_strides(name, layout):
    leaf, _ = batch()
    make = LAYOUTS[layout]
    shape = make(leaf).shape
    labels = torch.randint(CLASSES, (*shape[:1], *shape[2:]) if len(shape) > 1 else ())
    second = torch.randn(shape, dtype=torch.float64)

    def of(module, logits):
        if name == AVERAGING:
            return module(logits, second, labels)
        return fixed(module)(logits, labels)

    expected = gradient_of(of(MAKERS[name](), make(leaf)), leaf)
    logits = make(leaf)
    over = gradient_of(of(MAKERS[name](), logits), logits)
    value = of(MAKERS[name](inplace=True), logits)
    assert torch.equal(logits, over)
    assert torch.equal(gradient_of(value, leaf), expected)


def test_what_is_beside_a_view_is_as_it_was():
    """In value and in gradient, also where it is looked up after the loss."""
    leaf, labels = batch()
    for before in False, True:
        together = torch.cat([leaf, 2 * leaf], 1)
        logits, others = together[:, :CLASSES], together[:, CLASSES:]
        square = others.square().sum() if before else None
        value = MAKERS[ONE_HEAD](inplace=True)(logits, labels)
        if square is None:
            assert torch.equal(others, 2 * leaf)
            others = together[:, CLASSES:]
            found = gradient_of(value + (3 * others).sum(), leaf)
            expected = gradient_of(MAKERS[ONE_HEAD]()(leaf, labels) + 6 * leaf.sum(), leaf)
            assert torch.allclose(found, expected)
        else:  # a view's version is that of all it is a view of
            with pytest.raises(RuntimeError, match=MODIFIED):
                (value + square).backward()


def test_who_needed_the_logits_before():
    leaf, labels = batch()
    logits = computed(leaf)
    square = logits.square().sum()
    value = MAKERS[ONE_HEAD](inplace=True)(logits, labels)
    with pytest.raises(RuntimeError, match=MODIFIED):
        (value + square).backward()
    logits = leaf.exp()
    with pytest.raises(RuntimeError, match=MODIFIED):
        MAKERS[ONE_HEAD](inplace=True)(logits, labels).backward()


@pytest.mark.parametrize("weighted", [False, True])
def test_who_uses_the_logits_afterwards(weighted):
    leaf, labels = batch()
    options = {"sample_weight": torch.ones(6)} if weighted else {}
    for use in torch.square, torch.sum, MAKERS[ONE_HEAD](), MAKERS[ONE_HEAD](inplace=True):
        logits = computed(leaf)
        value = MAKERS[ONE_HEAD](inplace=True)(logits, labels, **options)
        again = use(logits, labels) if isinstance(use, torch.nn.Module) else use(logits).sum()
        with pytest.raises(RuntimeError, match=MODIFIED):
            (value + again).backward()
    logits = computed(leaf)
    value = MAKERS[ONE_HEAD](inplace=True)(logits, labels, **options)
    logits.zero_()
    with pytest.raises(RuntimeError, match=MODIFIED):
        value.backward()


@pytest.mark.parametrize("weighted", [False, True])
def test_what_pytorch_does_not_let_be_changed(weighted):
    """It says so before anything is written."""
    leaf, labels = batch()
    options = {"sample_weight": torch.ones(6)} if weighted else {}
    before = leaf.detach().clone()
    module = MAKERS[ONE_HEAD](inplace=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used"):
        module(leaf, labels, **options)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        module(leaf.view(-1).view(6, CLASSES), labels, **options)
    together = torch.cat([leaf, leaf])
    # PyTorch 2.6 says it by an assertion of its own.
    with pytest.raises(RuntimeError, match=r"function that returns multiple|creation_meta"):
        module(together.chunk(2)[0], labels, **options)
    assert torch.equal(leaf, before)
    assert torch.equal(together[:6], before)
    with pytest.raises(RuntimeError, match="single memory location"):
        module(computed(leaf)[:1].expand(6, CLASSES), labels, **options)


def test_without_a_gradient_nothing_is_written():
    logits, labels = batch(requires_grad=False)
    before = logits.clone()
    for name in ONE_HEAD, NOISED, TWO_HEADS:
        function = call(MAKERS[name](inplace=True))
        function(logits, labels)
        with torch.no_grad():
            function(computed(logits).requires_grad_(), labels)
            function(logits.requires_grad_(), labels)
        logits.requires_grad_(False)
        assert torch.equal(logits, before)
        assert logits._version == 0


def test_a_wrong_call_writes_nothing():
    leaf, labels = batch()
    for options in {}, {"sample_weight": torch.ones(6)}:
        logits = computed(leaf)
        labels[4] = CLASSES
        module = MAKERS[ONE_HEAD](inplace=True)
        refuses(lambda: module(logits, labels, **options), "LABEL")  # noqa: B023
        assert torch.equal(logits, leaf)


def test_two_backward_passes():
    leaf, labels = batch()
    expected = gradient_of(MAKERS[ONE_HEAD]()(leaf, labels), leaf)
    value = MAKERS[ONE_HEAD](inplace=True)(computed(leaf), labels)
    for factor in 1, 3, 1:
        upstream = torch.tensor(factor, dtype=value.dtype)
        found = torch.autograd.grad(value, leaf, upstream, retain_graph=True)[0]
        assert torch.allclose(found, factor * expected)


def test_two_heads():
    """Over both; over the one whose gradient is wanted; over two halves of one layer's output."""
    first, labels = batch()
    second, _ = batch(seed=6)
    expected = gradient_of(MAKERS[TWO_HEADS]()(first, second, labels), first, second)
    module = MAKERS[TWO_HEADS](inplace=True)
    one, other = computed(first), computed(second)
    value = module(one, other, labels)
    assert torch.equal(one, expected[0])
    assert torch.equal(other, expected[1])
    for found, wanted in zip(gradient_of(value, first, second), expected, strict=True):
        assert torch.equal(found, wanted)

    one, other = computed(first), second.detach().clone()
    assert torch.equal(gradient_of(module(one, other, labels), first), expected[0])
    assert torch.equal(one, expected[0])
    assert torch.equal(other, second)

    layer = torch.cat([first, second], 1)
    value = module(layer[:, :CLASSES], layer[:, CLASSES:], labels)
    assert torch.equal(layer, torch.cat(expected, 1))
    for found, wanted in zip(gradient_of(value, first, second), expected, strict=True):
        assert torch.equal(found, wanted)

    one = computed(first)
    refuses(lambda: module(one, one, labels), "ALIASING")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@reductions
def test_autocast(dtype, reduction):
    """What is read is written over: a copy, where autocast makes one."""
    leaf, labels = batch(dtype=dtype)

    def maker(**options):
        return MAKERS[ONE_HEAD](reduction=reduction, **options)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = maker()(leaf, labels)
        logits = computed(leaf)
        found = maker(inplace=True)(logits, labels)
    assert found.dtype == torch.float32
    assert torch.equal(found, value)
    expected = gradient_of(value, leaf, upstream=torch.ones_like(value))
    assert torch.equal(gradient_of(found, leaf, upstream=torch.ones_like(value)), expected)
    is_read = dtype == torch.bfloat16 and reduction == "mean"
    assert torch.equal(logits, expected if is_read else leaf)


@pytest.mark.parametrize("name", [ONE_HEAD, TWO_HEADS])
def test_inside_a_graph_the_logits_stay(name):
    leaf, labels = batch()
    module = call(MAKERS[name](inplace=True))
    expected = gradient_of(call(MAKERS[name]())(leaf, labels), leaf)

    def step(logits, labels):
        scores = computed(logits)
        return module(scores, labels), scores

    value, scores = compiled(step)(leaf, labels)
    assert torch.equal(scores, leaf)
    assert torch.equal(gradient_of(value, leaf), expected)


def test_copies_are_in_place_too():
    leaf, labels = batch()
    module = pickle.loads(pickle.dumps(MAKERS[COUPLED](inplace=True)))
    assert module.inplace
    logits = computed(leaf)
    module(logits, labels)
    assert torch.equal(logits, gradient_of(MAKERS[COUPLED]()(leaf, labels), leaf))
