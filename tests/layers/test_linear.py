"""Products by oneDNN are those of torch's linear layers up to rounding."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from skelact.layers import linear as module
from skelact.layers.linear import Linear, linear


@pytest.fixture(autouse=True)
def every_product_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE", 1)


def layer(rows: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Input, weight, bias and a direction for the output."""
    torch.manual_seed(0)
    x, weight, bias = torch.randn(*rows, 24), torch.randn(40, 24), torch.randn(40)
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), torch.randn(*rows, 40)


@pytest.mark.parametrize("rows", [(7,), (3, 5), (1, 1), (0,), (2, 3, 4)])
@pytest.mark.parametrize("biased", [True, False])
def test_numbers_and_gradients_are_those_of_torch(rows: tuple[int, ...], biased: bool) -> None:
    x, weight, bias, direction = layer(rows)
    inputs = (x, weight, bias) if biased else (x, weight)
    ours, theirs = linear(*inputs), F.linear(*inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    of_ours = torch.autograd.grad((ours * direction).sum(), inputs)
    of_theirs = torch.autograd.grad((theirs * direction).sum(), inputs)
    for one, other in zip(of_ours, of_theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_rows_may_lie_apart_and_inference_may_be_on() -> None:
    x, weight, bias, _ = layer((4, 6))
    with torch.inference_mode():
        across = x.transpose(0, 1)
        torch.testing.assert_close(linear(across, weight, bias), F.linear(across, weight, bias))


def test_it_is_onednn_that_multiplies_in_float32_alone() -> None:
    x, weight, bias, _ = layer((4,))
    assert "Mkldnn" in called(linear(x, weight, bias))
    assert "Mkldnn" not in called(linear(x.double(), weight.double(), bias.double()))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = linear(x, weight, bias)
    assert rounded.dtype == torch.bfloat16
    assert "Mkldnn" not in called(rounded)


def test_small_products_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight, bias, _ = layer((4,))
    monkeypatch.setattr(module, "LARGE", weight.numel() + 1)
    assert "Mkldnn" not in called(linear(x, weight, bias))


def called(y: Tensor) -> str:
    """The operators that made a tensor."""
    names, now = [], y.grad_fn
    while now is not None:
        names.append(now.name())
        now = now.next_functions[0][0] if now.next_functions else None
    return " ".join(names)


def test_the_layer_has_the_names_and_numbers_of_torchs() -> None:
    ours, theirs = Linear(24, 40), torch.nn.Linear(24, 40)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 24)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)
