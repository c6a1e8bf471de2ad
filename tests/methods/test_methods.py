"""Contract of all methods, and the arithmetic of SCD-Net against its formula written out."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skelact.batches import Batch, collate
from skelact.config import DataSettings, EncoderSettings, MethodSettings, Recipe, ViewSettings
from skelact.encoders import build_encoder
from skelact.errors import UserError
from skelact.methods import METHODS, Method, SCDNet, build_method
from skelact.skeletons import KINECT20, SBU15, Skeleton

RECIPE = Recipe(
    data=DataSettings(frames=16),
    views=ViewSettings(min_frames=8),
    encoder=EncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.0),
    method=MethodSettings(queue=24, projection=8),
)


BEFORE_A_NORM = (
    "shortcut.bias",
    "time.reduce.bias",
    "time.kernel_bias",
)  # the same for all, so gone with the mean


def make_batch(count: int = 6, skeleton: Skeleton = KINECT20, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    clips = [rng.normal(size=(rng.integers(12, 30), 2, len(skeleton), 3)) for _ in range(count)]
    for clip in clips[::2]:
        clip[:, 1] = np.nan  # nobody beside
    return collate(clips, skeleton, label=rng.integers(0, 3, size=count))


def make_method(name: str, skeleton: Skeleton = KINECT20, recipe: Recipe = RECIPE) -> Method:
    torch.manual_seed(0)
    recipe = replace(recipe, method=replace(recipe.method, name=name))
    encoder = build_encoder(skeleton, 2, recipe.data.frames, 3, recipe.encoder)
    return build_method(encoder, recipe, classes=3)


@pytest.mark.parametrize("name", METHODS)
class TestEveryMethod:
    def test_a_step_lowers_the_loss_of_its_views(self, name: str) -> None:
        method = make_method(name).train()
        views = method.views(make_batch(), torch.Generator().manual_seed(0))
        method.before_step()
        before = method.loss(views, 0.0)
        optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.02)
        before.total.backward()
        optimizer.step()
        assert method.loss(views, 0.0).total < before.total

    def test_every_learnt_parameter_of_the_encoder_gets_a_gradient(self, name: str) -> None:
        """But for what a batch norm takes away again: of that nothing is left but rounding, or not even that."""
        method = make_method(name).double().train()
        with torch.no_grad():
            for module in method.encoder.modules():
                if hasattr(module, "alpha"):
                    module.alpha.fill_(0.5)  # at its start 0, it hides what is multiplied by it
                    module.norm.weight.fill_(1.0)
        views = [
            view.to("cpu", torch.float64) for view in method.views(make_batch(), torch.Generator().manual_seed(0))
        ]
        method.loss(tuple(views), 0.0).total.backward()
        largest = {
            n: 0.0 if p.grad is None else float(p.grad.abs().max()) for n, p in method.encoder.named_parameters()
        }
        assert {n for n, gradient in largest.items() if gradient < 1e-6} == {
            n for n in largest if n.endswith(BEFORE_A_NORM)
        }
        assert all(gradient < 1e-10 for n, gradient in largest.items() if n.endswith(BEFORE_A_NORM))

    def test_the_loss_remembers_nothing_but_batch_statistics(self, name: str) -> None:
        method = make_method(name).train()
        views = method.views(make_batch(), torch.Generator().manual_seed(0))
        before = copy.deepcopy(method.state_dict())
        first = method.loss(views, 0.0)
        again = method.loss(views, 0.0)
        assert torch.equal(first.total, again.total)
        changed = [n for n, value in method.state_dict().items() if not torch.equal(value, before[n])]
        assert all("running_" in n or "num_batches" in n for n in changed), changed

    def test_views_come_from_the_generator_alone(self, name: str) -> None:
        method, batch = make_method(name), make_batch()
        torch.manual_seed(5)
        first = method.views(batch, torch.Generator().manual_seed(3))
        torch.manual_seed(6)
        again = method.views(batch, torch.Generator().manual_seed(3))
        for one, other in zip(first, again, strict=True):
            assert torch.equal(one.positions, other.positions)

    def test_any_skeleton(self, name: str) -> None:
        method = make_method(name, SBU15).train()
        views = method.views(make_batch(skeleton=SBU15), torch.Generator().manual_seed(0))
        assert method.loss(views, 0.0).total.isfinite()


def test_scdnet_loss_is_the_formula() -> None:
    """Clues predict the whole of the other view, the whole predicts the clues; each against its own queue."""
    method = make_method("scdnet").double().train()
    assert isinstance(method, SCDNet)
    views = tuple(
        view.to("cpu", torch.float64) for view in method.views(make_batch(), torch.Generator().manual_seed(0))
    )
    twin = copy.deepcopy(method)
    loss = method.loss(views, 0.0)
    z_t, z_s, z_i = (F.normalize(z, dim=1) for z in twin.query.project(views[0]))
    k_t, k_s, k_i = (F.normalize(k, dim=1) for k in twin.key.project(views[1]))

    def nce(q: torch.Tensor, k: torch.Tensor, queue: torch.Tensor) -> torch.Tensor:
        own = torch.exp((q * k).sum(dim=1) / 0.2)
        return -torch.log(own / (own + torch.exp(q @ queue.T / 0.2).sum(dim=1))).mean()

    expected = {
        "temporal_to_instance": nce(z_t, k_i, twin.instance_queue.keys),
        "spatial_to_instance": nce(z_s, k_i, twin.instance_queue.keys),
        "instance_to_temporal": nce(z_i, k_t, twin.temporal_queue.keys),
        "instance_to_spatial": nce(z_i, k_s, twin.spatial_queue.keys),
    }
    assert list(loss.parts) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(loss.parts[name], value, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(loss.total, sum(expected.values()), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("negatives", "counted"), [("queue", 1 + 24), ("batch", 6), ("both", 6 + 24)])
def test_negatives_come_from_where_the_setting_says(negatives: str, counted: int) -> None:
    """With an encoder that sees no difference every choice is as good: the loss is the log of their number."""
    recipe = replace(RECIPE, method=replace(RECIPE.method, negatives=negatives))
    method = make_method("scdnet", recipe=recipe).train()
    assert isinstance(method, SCDNet)
    blind = torch.zeros(8).index_fill(0, torch.tensor(0), 1.0)
    for side in (method.query, method.key):
        for part in (side.temporal, side.spatial, side.instance):
            torch.nn.init.zeros_(part[2].weight)
            part[2].bias.data.copy_(blind)
    for queue in (method.temporal_queue, method.spatial_queue, method.instance_queue):
        queue.keys.copy_(blind.expand_as(queue.keys))
    loss = method.loss(method.views(make_batch(), torch.Generator().manual_seed(0)), 0.0)
    for value in loss.parts.values():
        assert value.item() == pytest.approx(np.log(counted), rel=1e-5)


def test_keys_join_their_own_queues_after_the_step() -> None:
    method = make_method("scdnet").train()
    assert isinstance(method, SCDNet)
    views = method.views(make_batch(), torch.Generator().manual_seed(0))
    before = [q.keys.clone() for q in (method.temporal_queue, method.spatial_queue, method.instance_queue)]
    step = method.loss(views, 0.0)
    queues = (method.temporal_queue, method.spatial_queue, method.instance_queue)
    for queue, old in zip(queues, before, strict=True):
        assert torch.equal(queue.keys, old)
    method.after_step(step)
    for queue, name in zip(queues, ("temporal", "spatial", "instance"), strict=True):
        torch.testing.assert_close(queue.keys[:6], step.carry[name])


def test_key_encoder_starts_as_a_copy_and_follows() -> None:
    method = make_method("scdnet", recipe=replace(RECIPE, method=replace(RECIPE.method, momentum=0.75)))
    assert isinstance(method, SCDNet)
    query, key = method.query.instance[0].weight, method.key.instance[0].weight
    assert torch.equal(query, key)
    with torch.no_grad():
        query.add_(1.0)
    method.before_step()
    torch.testing.assert_close(query - key, torch.full_like(key, 0.75))


def test_supervised_needs_labels() -> None:
    method = make_method("supervised")
    method.check_labels(np.array([2, 0, 1]))
    with pytest.raises(
        UserError, match="method supervised needs a label for every clip of the training part: 2 of 3 have none"
    ):
        method.check_labels(np.array([-1, 0, -1]))
    make_method("scdnet").check_labels(np.array([-1]))


def test_unknown_method_names_the_nearest() -> None:
    with pytest.raises(
        UserError, match=r"unknown method 'scd-net'; did you mean 'scdnet'\? Known: scdnet, supervised"
    ):
        make_method("scd-net")
