"""oneDNN's product agrees with torch's, and is taken only where nothing else is going on."""

from __future__ import annotations

import gc

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from swinkit.layers.linear import Linear
from swinkit.ops.linear import PACKED, linear, packed, predicts_on_cpu

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


def operands(dtype=torch.float32, rows=(3, 17), inputs=24, outputs=40, bias=True):
    torch.manual_seed(0)
    x, weight = torch.randn(*rows, inputs), torch.randn(outputs, inputs)
    return x.to(dtype), weight.to(dtype), torch.randn(outputs).to(dtype) if bias else None


@pytest.mark.parametrize("with_packed", [False, True])
@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_agrees_with_the_product_in_float64(dtype, bias, gelu, with_packed):
    x, weight, offset = operands(dtype, bias=bias)
    if not predicts_on_cpu(x, weight):
        pytest.skip(f"oneDNN does not multiply {dtype} here")
    got = linear(x, weight, offset, gelu=gelu, packed=packed(weight) if with_packed else None)
    wanted = F.linear(x.double(), weight.double(), None if offset is None else offset.double())
    wanted = F.gelu(wanted) if gelu else wanted
    assert got.dtype == dtype and got.shape == (3, 17, 40)
    assert (got - wanted).abs().max() <= TOLERANCE[dtype] * wanted.abs().max()


def test_rows_that_do_not_lie_in_order_and_no_rows():
    x, weight, bias = operands()
    turned = x.transpose(0, 1)
    torch.testing.assert_close(linear(turned, weight, bias), F.linear(turned, weight, bias))
    assert linear(x[:0], weight, bias).shape == (0, 17, 40)


def test_what_is_differentiated_counted_cast_or_traced_is_left_to_torch():
    x, weight, bias = operands()
    assert predicts_on_cpu(x, weight)
    weight.requires_grad_()
    assert not predicts_on_cpu(x, weight)
    with torch.no_grad():
        assert predicts_on_cpu(x, weight)
        with torch.autocast("cpu", torch.bfloat16):
            assert not predicts_on_cpu(x, weight)
            assert linear(x, weight, bias).dtype == torch.bfloat16
        with FlopCounterMode(display=False) as counter:
            linear(x, weight, bias)
        assert counter.get_total_flops() == 2 * 3 * 17 * 24 * 40
        with torch.backends.mkldnn.flags(enabled=False):
            assert not predicts_on_cpu(x, weight)
    for other in (x.double(), x.half(), x.to("meta")):
        assert not predicts_on_cpu(other, weight)
    assert packed(weight.detach().double()) is None


def test_forward_derivatives_pass():
    x, weight, bias = operands()
    direction = torch.randn_like(x)
    _, slope = torch.func.jvp(lambda y: linear(y, weight, bias, gelu=True), (x,), (direction,))
    _, wanted = torch.func.jvp(lambda y: F.gelu(F.linear(y, weight, bias)), (x,), (direction,))
    torch.testing.assert_close(slope, wanted)


def test_gradients_are_torch_s():
    x, weight, bias = operands()
    leaves = [y.requires_grad_() for y in (x, weight, bias)]
    got = torch.autograd.grad(linear(*leaves, gelu=True).square().sum(), leaves)
    wanted = torch.autograd.grad(F.gelu(F.linear(*leaves)).square().sum(), leaves)
    for a, b in zip(got, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_a_packed_weight_of_another_type_is_not_used():
    x, weight, bias = operands()
    other = packed(weight)
    x, weight, bias = (y.bfloat16() for y in (x, weight, bias))
    torch.testing.assert_close(linear(x, weight, bias, packed=other), F.linear(x, weight, bias), rtol=2e-2, atol=0.1)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("rows", [(3, 7), (2, 600)])
def test_gradients_agree_with_those_in_float64(rows, bias):
    x, weight, offset = operands(rows=rows, bias=bias)
    leaves = [y.requires_grad_() for y in (x, weight, offset) if y is not None]
    direction = torch.randn(*rows, 40)
    got = torch.autograd.grad(linear(*leaves, *(() if bias else (None,))), leaves, direction)
    wide = [y.detach().double().requires_grad_() for y in leaves]
    wanted = torch.autograd.grad(F.linear(*wide), wide, direction.double())
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == torch.float32 and (a - b).abs().max() <= 1e-5 * b.abs().max()


def test_only_what_is_asked_for_gets_a_gradient():
    x, weight, bias = operands()
    (alone,) = torch.autograd.grad(linear(x, weight, bias.requires_grad_()).sum(), [bias])
    assert alone.eq(3 * 17).all()
    weight.requires_grad_()
    linear(x, weight, bias.detach()).sum().backward()
    assert weight.grad is not None and x.grad is None


def test_gradients_of_gradients_and_transforms_pass():
    x, weight, bias = operands(rows=(2, 3), inputs=4, outputs=5)

    def penalty(product, x, weight):
        (slope,) = torch.autograd.grad(product(x, weight, bias).tanh().sum(), [x], create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [x, weight])

    leaves = [y.requires_grad_() for y in (x, weight)]
    for a, b in zip(penalty(linear, *leaves), penalty(F.linear, *leaves), strict=True):
        torch.testing.assert_close(a, b)
    x, weight = x.detach(), weight.detach()
    by_sample = torch.func.vmap(torch.func.grad(lambda w, y: linear(y, w, bias).square().sum()), (None, 0))
    wanted = torch.func.vmap(torch.func.grad(lambda w, y: F.linear(y, w, bias).square().sum()), (None, 0))
    torch.testing.assert_close(by_sample(weight, x), wanted(weight, x))


@pytest.mark.parametrize("gelu", [False, True])
def test_a_compiled_graph_calls_it_whole(gelu):
    x, weight, bias = operands()
    run = torch.compile(lambda y: linear(y * 2, weight, bias, gelu=gelu) + 1, fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(run(x), linear(x * 2, weight, bias, gelu=gelu) + 1)
    torch.library.opcheck(torch.ops.swinkit.linear.default, (x, weight, bias, gelu, 0))


def test_a_compiled_graph_takes_the_packed_weight_while_it_is_kept():
    x, weight, bias = operands()
    holder = Linear(24, 40)
    holder.packed = packed(weight * 2)
    run = torch.compile(lambda y: linear(y, weight, bias, packed=holder.packed), fullgraph=True)
    wanted = F.linear(x, weight * 2, bias)
    with torch.no_grad():
        torch.testing.assert_close(run(x), wanted)
    number, holder.packed = holder.packed.number, None
    torch.compiler.reset()
    gc.collect()
    assert PACKED.get(number) is None
