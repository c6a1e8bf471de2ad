"""The transformer equals torch's in numbers and names."""

import pytest
import torch
from torch import nn

from skelact.layers.transformer import Transformer


@pytest.mark.parametrize("training", [True, False])
def test_numbers_gradients_and_names_are_those_of_torch(training: bool) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, dim_feedforward=16, dropout=0.0, batch_first=True)
    theirs = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).double().train(training)
    ours = Transformer(16, 4, 0.0, 2).double().train(training)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(3, 5, 16, dtype=torch.float64, requires_grad=True)
    y, z = ours(x), theirs(x)
    torch.testing.assert_close(y, z, rtol=1e-10, atol=1e-10)
    direction = torch.randn_like(z)
    (of_ours,) = torch.autograd.grad((y * direction).sum(), x)
    (of_theirs,) = torch.autograd.grad((z * direction).sum(), x)
    torch.testing.assert_close(of_ours, of_theirs, rtol=1e-9, atol=1e-9)


def test_it_starts_with_the_weights_that_torch_draws() -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, dim_feedforward=16, dropout=0.0, batch_first=True)
    theirs = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).state_dict()
    torch.manual_seed(0)
    ours = Transformer(16, 4, 0.0, 2).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_dropout_drops_in_training_alone() -> None:
    torch.manual_seed(0)
    transformer = Transformer(16, 4, 0.5, 1)
    x = torch.randn(3, 5, 16)
    once, again = (transformer(x) for _ in range(2))
    assert not torch.equal(once, again)
    transformer.eval()
    once, again = (transformer(x) for _ in range(2))
    assert torch.equal(once, again)
