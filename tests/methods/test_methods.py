"""Contract of all methods, and the arithmetic of each against its formula written out."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._pytree import tree_leaves

from skelact.batches import Batch, collate, downstream_clip
from skelact.encoders import build_encoder
from skelact.errors import UserError
from skelact.methods import (
    METHODS,
    ClosedFormMethod,
    MeanTeacher,
    Method,
    MoCo,
    SCDNet,
    StepLoss,
    Supervised,
    Whitening,
    build_method,
)
from skelact.methods.mean_teacher import ramp
from skelact.settings import (
    DataSettings,
    LinearMapSettings,
    MeanTeacherSettings,
    MethodSettings,
    MoCoSettings,
    Recipe,
    SCDNetEncoderSettings,
    SCDNetSettings,
    SupervisedSettings,
    ViewSettings,
    WhiteningSettings,
)
from skelact.skeletons import KINECT20, SBU15, Skeleton

RECIPE = Recipe(
    data=DataSettings(frames=16),
    views=ViewSettings(min_frames=8),
    encoder=SCDNetEncoderSettings(graph_widths=(4, 8), width=16, heads=2, dropout=0.0),
    method=SCDNetSettings(queue=24, projection=8),
)
SMALL: dict[str, MethodSettings] = {
    "scdnet": SCDNetSettings(queue=24, projection=8),
    "moco": MoCoSettings(queue=24, projection=8),
    "supervised": SupervisedSettings(),
    "mean_teacher": MeanTeacherSettings(),
    "whitening": WhiteningSettings(),
}
STEPPING = [name for name, kind in METHODS.items() if not issubclass(kind, ClosedFormMethod)]


# The same for all clips and joints, so gone with the mean that the norm after it takes away.
BEFORE_A_NORM = ("shortcut.bias", "time.reduce.bias", "time.kernel_bias")


def alone(own: torch.Tensor) -> torch.Tensor:
    """What all processes carry, where there is one."""
    return own


def make_batch(count: int = 6, skeleton: Skeleton = KINECT20, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    clips = [rng.normal(size=(rng.integers(12, 30), 2, len(skeleton), 3)) for _ in range(count)]
    for clip in clips[::2]:
        clip[:, 1] = np.nan  # the second person is absent
    return collate(clips, skeleton, label=rng.integers(0, 3, size=count))


def make_method(name: str, skeleton: Skeleton = KINECT20, recipe: Recipe = RECIPE) -> Method:
    torch.manual_seed(0)
    if recipe.method.name != name:
        recipe = replace(recipe, method=SMALL.get(name, replace(recipe.method, name=name)))
    encoder = build_encoder(skeleton, 2, recipe.data.frames, 3, recipe.encoder)
    return build_method(encoder, recipe, classes=3)


def make_views(method: Method, skeleton: Skeleton = KINECT20, seed: int = 0) -> object:
    batches = {feed: make_batch(skeleton=skeleton, seed=number) for number, feed in enumerate(method.feeds)}
    return method.views(batches, torch.Generator().manual_seed(seed))


def parameters_to_learn(method: Method) -> list[nn.Parameter]:
    return [parameter for parameter in method.parameters() if parameter.requires_grad]


@pytest.mark.parametrize("name", STEPPING)
class TestEveryMethod:
    def test_a_step_lowers_the_loss_of_its_views(self, name: str) -> None:
        method = make_method(name).train()
        views = make_views(method)
        before = method(views, 0.0)
        optimizer = torch.optim.SGD(parameters_to_learn(method), lr=0.02)
        before.total.backward()
        optimizer.step()
        assert method(views, 0.0).total < before.total

    def test_every_learnt_parameter_of_the_encoder_gets_a_gradient(self, name: str) -> None:
        """But for what a batch norm takes away again: of that nothing is left but rounding, or not even that."""
        method = make_method(name).double().train()
        with torch.no_grad():
            for module in method.encoder.modules():
                if hasattr(module, "alpha"):
                    module.alpha.fill_(0.5)  # at its start 0, it hides what is multiplied by it
                    module.norm.weight.fill_(1.0)
        views = make_views(method)
        in_float64 = [view.to("cpu", torch.float64) for view in batches_in(views)]
        method(in_float64[0] if isinstance(views, Batch) else tuple(in_float64), 0.0).total.backward()
        largest = {
            n: 0.0 if p.grad is None else float(p.grad.abs().max()) for n, p in method.encoder.named_parameters()
        }
        without = {n for n in largest if n.endswith(BEFORE_A_NORM)}
        assert {n for n, gradient in largest.items() if gradient < 1e-6} == without
        assert all(largest[n] < 1e-10 for n in without)

    def test_the_loss_remembers_nothing_but_batch_statistics(self, name: str) -> None:
        method = make_method(name).train()
        views = make_views(method)
        before = copy.deepcopy(method.state_dict())
        first, again = method(views, 0.0), method(views, 0.0)
        assert torch.equal(first.total, again.total)
        changed = [n for n, value in method.state_dict().items() if not torch.equal(value, before[n])]
        assert all("running_" in n or "num_batches" in n for n in changed), changed

    def test_views_come_from_the_generator_alone(self, name: str) -> None:
        method = make_method(name)
        torch.manual_seed(5)
        first = make_views(method, seed=3)
        torch.manual_seed(6)
        again = make_views(method, seed=3)
        for one, other in zip(batches_in(first), batches_in(again), strict=True):
            assert torch.equal(one.positions, other.positions)

    def test_any_skeleton(self, name: str) -> None:
        method = make_method(name, SBU15).train()
        assert method(make_views(method, SBU15), 0.0).total.isfinite()

    def test_another_encoder_is_trained_or_refused_in_words(self, name: str) -> None:
        recipe = replace(RECIPE, encoder=LinearMapSettings(width=8), method=SMALL[name])
        if name == "scdnet":
            sentence = "method scdnet needs an encoder of type SCDNetEncoder, encoder linear_map is not one"
            with pytest.raises(UserError, match=sentence):
                make_method(name, recipe=recipe)
            return
        method = make_method(name, recipe=recipe).train()
        method(make_views(method), 0.0).total.backward()

    def test_what_a_step_leaves_is_in_the_state(self, name: str) -> None:
        """A method built anew takes up the state and goes on with the same numbers."""
        method = make_method(name).train()
        method.after_step(method(make_views(method), 0.0), alone)
        twin = make_method(name).train()
        twin.load_state_dict(method.state_dict())
        views = make_views(method, seed=1)
        assert torch.equal(method(views, 0.5).total, twin(views, 0.5).total)

    def test_keys_of_all_processes_are_gathered(self, name: str) -> None:
        method = make_method(name).train()
        step = method(make_views(method), 0.0)
        asked: list[torch.Tensor] = []

        def twice(own: torch.Tensor) -> torch.Tensor:
            asked.append(own)
            return torch.cat([own, own])

        method.after_step(step, twice)
        assert len(asked) == len(step.carry)


def batches_in(views: object) -> list[Batch]:
    return [views] if isinstance(views, Batch) else list(views)  # type: ignore[call-overload]


def test_losses_of_a_step_are_summed() -> None:
    assert StepLoss({"a": torch.tensor(1.0), "b": torch.tensor(2.5)}).total == 3.5
    assert not tree_leaves(StepLoss({"a": torch.tensor(1.0)}).carry)


def test_scdnet_loss_is_the_formula() -> None:
    """Clues predict the whole of the other view, the whole predicts the clues; each against its own queue."""
    method = make_method("scdnet").double().train()
    assert isinstance(method, SCDNet)
    views = tuple(view.to("cpu", torch.float64) for view in batches_in(make_views(method)))
    twin = copy.deepcopy(method)
    loss = method(views, 0.0)
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
    loss = method(make_views(method), 0.0)
    for value in loss.parts.values():
        assert value.item() == pytest.approx(np.log(counted), rel=1e-5)


def test_keys_join_their_own_queues_after_the_step() -> None:
    method = make_method("scdnet").train()
    assert isinstance(method, SCDNet)
    queues = (method.temporal_queue, method.spatial_queue, method.instance_queue)
    before = [queue.keys.clone() for queue in queues]
    step = method(make_views(method), 0.0)
    for queue, old in zip(queues, before, strict=True):
        assert torch.equal(queue.keys, old)
    method.after_step(step, alone)
    for queue, name in zip(queues, ("temporal", "spatial", "instance"), strict=True):
        torch.testing.assert_close(queue.keys[:6], step.carry[name])


@pytest.mark.parametrize("name", ["scdnet", "moco", "mean_teacher"])
def test_a_momentum_encoder_starts_as_a_copy_and_moves_after_the_step(name: str) -> None:
    recipe = replace(RECIPE, method=replace(SMALL[name], momentum=0.75))  # type: ignore[call-arg]
    method = make_method(name, recipe=recipe)
    assert isinstance(method, SCDNet | MoCo | MeanTeacher)
    own, twin = (method.student, method.teacher) if isinstance(method, MeanTeacher) else (method.query, method.key)
    ours, theirs = next(own.parameters()), next(twin.parameters())
    assert torch.equal(ours, theirs)
    step = method.train()(make_views(method), 0.0)
    with torch.no_grad():
        ours.add_(1.0)
    method.after_step(step, alone)
    torch.testing.assert_close(ours - theirs, torch.full_like(theirs, 0.75))


def test_moco_loss_is_the_formula() -> None:
    method = make_method("moco").double().train()
    assert isinstance(method, MoCo)
    views = tuple(view.to("cpu", torch.float64) for view in batches_in(make_views(method)))
    twin = copy.deepcopy(method)
    loss = method(views, 0.0)
    q, k = (
        F.normalize(side["projector"](side["encoder"].embed(view)), dim=1)
        for side, view in zip((twin.query, twin.key), views, strict=True)
    )
    own = torch.exp((q * k).sum(dim=1) / 0.07)
    others = torch.exp(q @ twin.queue.keys.T / 0.07).sum(dim=1)
    torch.testing.assert_close(loss.total, -torch.log(own / (own + others)).mean(), rtol=1e-10, atol=1e-10)
    method.after_step(loss, alone)
    torch.testing.assert_close(method.queue.keys[:6], k)


def test_supervised_loss_is_the_cross_entropy_of_its_labels() -> None:
    method = make_method("supervised").double().train()
    assert isinstance(method, Supervised)
    view = batches_in(make_views(method))[0].to("cpu", torch.float64)
    scores = copy.deepcopy(method).classifier(copy.deepcopy(method).encoder.embed(view))
    expected = -scores.log_softmax(dim=1)[torch.arange(6), view.label].mean()
    torch.testing.assert_close(method(view, 0.0).total, expected)


def test_mean_teacher_loss_is_the_formula() -> None:
    method = make_method("mean_teacher").double().train()
    assert isinstance(method, MeanTeacher)
    with torch.no_grad():
        for parameter in method.teacher.parameters():
            parameter.mul_(1.1)
    views = tuple(view.to("cpu", torch.float64) for view in batches_in(make_views(method)))
    twin = copy.deepcopy(method)
    scores = [
        side["classifier"](side["encoder"].embed(view))
        for side, view in zip((twin.student, twin.teacher, twin.student, twin.teacher), views, strict=True)
    ]
    # the student sees the labelled clips first, then the others; running statistics change nothing in training
    difference = [(scores[i].softmax(1) - scores[i + 1].softmax(1)).square().mean() for i in (0, 2)]
    loss = method(views, 0.1)
    weight = math.exp(-5 * (1 - 0.1 / 0.2) ** 2)
    torch.testing.assert_close(loss.parts["consistency"], weight * sum(difference) / 2)
    expected = F.cross_entropy(scores[0], views[0].label)
    torch.testing.assert_close(loss.parts["cross_entropy"], expected)
    assert (ramp(0.2, 0.2), ramp(1.0, 0.0)) == (1.0, 1.0)


class TestWhitening:
    RECIPE = replace(RECIPE, encoder=LinearMapSettings(frames=2, width=12), method=WhiteningSettings(epsilon=1e-9))

    def fitted(self, *batches: Batch) -> tuple[Whitening, dict[str, float]]:
        method = make_method("whitening", recipe=self.RECIPE)
        assert isinstance(method, Whitening)
        return method, method.fit(iter(batches))

    def test_features_of_the_training_clips_are_white(self) -> None:
        batch = make_batch(200)
        method, logged = self.fitted(batch)
        features = method.encoder.embed(downstream_clip(batch, self.RECIPE.data)).double()
        torch.testing.assert_close(features.mean(dim=0), torch.zeros(12).double(), atol=1e-4, rtol=0)
        covariance = features.T @ features / len(features)
        torch.testing.assert_close(covariance, torch.eye(12).double(), atol=1e-3, rtol=0)
        assert 0 < logged["kept_variance"] < 1

    def test_it_equals_the_principal_components_of_scikit_learn(self) -> None:
        from sklearn.decomposition import PCA

        batch = make_batch(200)
        method, logged = self.fitted(batch)
        clip = downstream_clip(batch, self.RECIPE.data)
        x = method.fitted.inputs(clip.positions).double().numpy()
        reference = PCA(12, whiten=True).fit(x)
        expected = reference.transform(x) * math.sqrt(200 / 199)  # by N and not by N - 1
        ours = method.encoder.embed(clip).detach().double().numpy()
        np.testing.assert_allclose(np.abs(ours), np.abs(expected), atol=1e-3)
        assert logged["kept_variance"] == pytest.approx(reference.explained_variance_ratio_.sum(), rel=1e-6)

    def test_parts_of_the_clips_sum_up(self) -> None:
        batch = make_batch(60)
        halves = collate_halves(batch)
        whole, _ = self.fitted(batch)
        parts, _ = self.fitted(*halves)
        ours, theirs = (m.encoder.map.weight.detach().abs() for m in (whole, parts))
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)

    def test_clips_that_are_all_the_same_are_refused(self) -> None:
        clips = [np.ones((5, 2, len(KINECT20), 3))] * 4
        with pytest.raises(UserError, match="whitening needs clips that differ"):
            self.fitted(collate(clips, KINECT20))

    def test_it_needs_a_linear_map(self) -> None:
        sentence = "method whitening needs an encoder of type LinearMapEncoder, encoder scdnet is not one"
        with pytest.raises(UserError, match=sentence):
            make_method("whitening")


def collate_halves(batch: Batch) -> tuple[Batch, Batch]:
    clips = [
        np.where(valid[..., None], positions, np.nan)[:frames]
        for positions, valid, frames in zip(
            batch.positions.numpy(), batch.valid.numpy(), batch.frames, strict=True
        )
    ]
    half = len(clips) // 2
    first, second = (collate(part, batch.skeleton, persons=2) for part in (clips[:half], clips[half:]))
    return first, second


def test_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown method 'scd-net'; did you mean 'scdnet'\? Known: mean_teacher,"):
        make_method("scd-net")
