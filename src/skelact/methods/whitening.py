"""Whitening: principal components of raw coordinates, each scaled to variance 1. No gradient steps.

Source: Hotelling 1933; as a baseline for retrieval: Jegou and Chum, ECCV 2012, sec. 2.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from skelact.batches import Batch, downstream_clip
from skelact.encoders import Encoder, LinearMapEncoder
from skelact.errors import UserError
from skelact.methods.method import ClosedFormMethod
from skelact.settings import Recipe, WhiteningSettings


class Whitening(ClosedFormMethod):
    """Sets a linear map so that features of the training clips have mean 0 and covariance about 1.

    With covariance ``C = U S U^T`` of the inputs, features are ``(S + epsilon s_1)^-1/2 U^T (x - mean)`` over the
    first D directions. Mean and covariance are summed in float64 as clips come, so memory does not grow.
    """

    Settings = WhiteningSettings
    needs = LinearMapEncoder

    def __init__(self, encoder: Encoder, recipe: Recipe, classes: int) -> None:
        super().__init__(encoder, recipe, classes)
        assert isinstance(encoder, LinearMapEncoder)
        self.fitted = encoder
        self.epsilon = self.own_settings(WhiteningSettings).epsilon

    @property
    def encoder(self) -> LinearMapEncoder:
        """The linear map."""
        return self.fitted

    @torch.no_grad()
    def fit(self, batches: Iterable[Batch]) -> dict[str, float]:
        """One pass over the clips; returns the share of the variance that the features keep."""
        mean, covariance = self._moments(batches)
        variance, directions = torch.linalg.eigh(covariance)  # ascending
        variance = variance.flip(0).clamp(min=0.0)
        if variance[0] == 0:
            raise UserError("whitening needs clips that differ: all training clips are the same")
        kept = min(self.fitted.dim, len(variance))
        scale = torch.rsqrt(variance[:kept] + self.epsilon * variance[0])
        weight = torch.zeros_like(self.fitted.map.weight)
        weight[:kept] = (directions.flip(1)[:, :kept] * scale).T.to(weight)
        self.fitted.map.weight.copy_(weight)
        self.fitted.map.bias.copy_(-(weight.double() @ mean))
        return {"kept_variance": float(variance[:kept].sum() / variance.sum())}

    def _moments(self, batches: Iterable[Batch]) -> tuple[Tensor, Tensor]:
        """Mean (I,) and covariance (I, I) of the inputs of the map, float64."""
        width = self.fitted.map.in_features
        device = self.fitted.map.weight.device
        count, total = 0, torch.zeros(width, dtype=torch.float64, device=device)
        squares = torch.zeros(width, width, dtype=torch.float64, device=device)
        for batch in batches:
            clip = downstream_clip(batch, self.recipe.data)
            inputs = self.fitted.inputs(clip.positions).double()
            count, total = count + len(inputs), total + inputs.sum(dim=0)
            squares += inputs.T @ inputs
        mean = total / count
        return mean, squares / count - mean[:, None] * mean
