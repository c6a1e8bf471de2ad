"""What every entry of the table of encoders keeps: any skeleton, number of people, frames and coordinates."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from skelact.batches import Batch, collate
from skelact.encoders import ENCODERS, Encoder, Features, build_encoder
from skelact.errors import UserError
from skelact.settings import LinearMapSettings, SCDNetEncoderSettings, STGCNSettings
from skelact.skeletons import KINECT20, NTU25, SBU15, SKELETONS, Skeleton

# small ones, for speed; an encoder that is not among them is tested in its usual size
SMALL = {
    "scdnet": SCDNetEncoderSettings(graph_widths=(4, 8), graph_gain=1.0, width=16, heads=2, dropout=0.0),
    "st_gcn": STGCNSettings(widths=(4, 4, 8, 16), kernel=5, dropout=0.0),
    "linear_map": LinearMapSettings(frames=4, width=8),
}


def make_batch(skeleton: Skeleton, persons: int, frames: int, coordinates: int = 3) -> Batch:
    """Five clips: in two of them the later places are empty, in another a few joints and frames are missing."""
    clips = np.random.default_rng(0).normal(size=(5, frames, persons, len(skeleton), coordinates))
    clips[:2, :, 1:] = np.nan
    clips[3, :, 0, 2:4] = clips[3, : frames // 3, 0] = np.nan
    return collate(list(clips), skeleton)


def make_encoder(name: str, skeleton: Skeleton, persons: int, frames: int, coordinates: int = 3) -> Encoder:
    """An encoder as a training may leave it: nothing is where it started."""
    torch.manual_seed(0)
    encoder = build_encoder(skeleton, persons, frames, coordinates, SMALL.get(name, ENCODERS[name].Settings()))
    for key, value in encoder.state_dict().items():
        if key.endswith("running_var"):
            value.uniform_(0.5, 2.0)
        elif value.is_floating_point():
            value += 0.2 * torch.randn_like(value)
    return encoder


def known(features: Features) -> list[Tensor]:
    return [part for part in features if part is not None]


def assert_same(ours: Features, theirs: Features, tolerance: float = 1e-9) -> None:
    assert [part is None for part in ours] == [part is None for part in theirs]
    for one, other in zip(known(ours), known(theirs), strict=True):
        torch.testing.assert_close(one, other.to(one.dtype), rtol=tolerance, atol=tolerance)


SIZES = [(1, 1, 3), (1, 16, 3), (2, 30, 2), (3, 13, 3), (3, 7, 2)]  # persons, frames, coordinates


@pytest.mark.parametrize("name", ENCODERS)
class TestEveryEncoder:
    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
    @pytest.mark.parametrize(("persons", "frames", "coordinates"), SIZES)
    def test_features_of_any_size(
        self, name: str, skeleton: Skeleton, persons: int, frames: int, coordinates: int, training: bool
    ) -> None:
        encoder = make_encoder(name, skeleton, persons, frames, coordinates).train(training)
        features = encoder.features(make_batch(skeleton, persons, frames, coordinates))
        assert features.clip.shape == (5, encoder.dim)
        if features.frames is not None:
            assert (features.frames.ndim, features.frames.shape[0]) == (3, 5)
            assert 1 <= features.frames.shape[1] <= frames
        if features.joints is not None:
            assert (features.joints.ndim, *features.joints.shape[:2]) == (3, 5, len(skeleton))
        assert all(part.isfinite().all() for part in known(features))

    def test_a_clip_has_the_same_features_in_any_batch(self, name: str) -> None:
        encoder = make_encoder(name, SBU15, 2, 13).double().eval()
        batch = make_batch(SBU15, 2, 13).to("cpu", torch.float64)
        together = encoder(batch.positions, batch.valid)
        for row in (0, 3, 4):
            alone = encoder(batch.positions[row : row + 1], batch.valid[row : row + 1])
            assert_same(alone, Features(*(None if part is None else part[row : row + 1] for part in together)))

    @pytest.mark.parametrize("training", [True, False])
    def test_who_is_present_is_worked_out_where_it_is_not_given(self, name: str, training: bool) -> None:
        encoder = make_encoder(name, SBU15, 2, 13).double().train(training)
        batch = make_batch(SBU15, 2, 13).to("cpu", torch.float64)
        twin = copy.deepcopy(encoder)
        assert_same(encoder.features(batch), twin(batch.positions, batch.valid))

    def test_a_clip_of_empty_has_features(self, name: str) -> None:
        encoder = make_encoder(name, SBU15, 2, 13)
        batch = make_batch(SBU15, 2, 13)
        empty = batch.with_positions(batch.positions, torch.zeros_like(batch.valid))
        assert all(part.isfinite().all() for part in known(encoder.features(empty)))

    def test_copies_and_saved_weights_give_the_same_features(self, name: str) -> None:
        encoder, batch = make_encoder(name, KINECT20, 2, 13).eval(), make_batch(KINECT20, 2, 13)
        expected = encoder.features(batch)
        assert_same(copy.deepcopy(encoder).features(batch), expected)
        torch.manual_seed(9)
        fresh = build_encoder(KINECT20, 2, 13, 3, SMALL.get(name, ENCODERS[name].Settings())).eval()
        fresh.load_state_dict(encoder.state_dict())
        assert_same(fresh.features(batch), expected)

    @pytest.mark.parametrize("training", [True, False])
    def test_float64_gives_the_same_up_to_rounding(self, name: str, training: bool) -> None:
        encoder, batch = make_encoder(name, NTU25, 2, 13).train(training), make_batch(NTU25, 2, 13)
        exact = copy.deepcopy(encoder).double().features(batch.to("cpu", torch.float64))
        assert exact.clip.dtype == torch.float64
        assert_same(encoder.features(batch), exact, tolerance=2e-4)

    def test_every_weight_gets_a_gradient(self, name: str) -> None:
        encoder, batch = make_encoder(name, SBU15, 2, 13).double(), make_batch(SBU15, 2, 13)
        clip = encoder.embed(batch.to("cpu", torch.float64))
        (clip * torch.randn_like(clip)).sum().backward()
        for key, parameter in encoder.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key

    def test_torch_makes_no_synchronised_norms_of_its_own(self, name: str) -> None:
        """They would need a GPU; ours are synchronised by themselves."""
        encoder, batch = make_encoder(name, SBU15, 2, 13).double(), make_batch(SBU15, 2, 13)
        batch = batch.to("cpu", torch.float64)
        converted = torch.nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(encoder))
        assert_same(converted.features(batch), encoder.features(batch))

    @pytest.mark.slow
    @pytest.mark.parametrize(("skeleton", "persons", "coordinates"), [(NTU25, 2, 3), (SBU15, 1, 2)])
    def test_it_can_be_exported(self, name: str, skeleton: Skeleton, persons: int, coordinates: int) -> None:
        """With any number of clips, with and without absent people and gaps."""
        encoder = make_encoder(name, skeleton, persons, 13, coordinates).eval()
        batch = make_batch(skeleton, persons, 13, coordinates)
        clips = {0: torch.export.Dim("clips", min=1, max=1024)}
        example = batch.positions[:3], batch.valid[:3]
        program = torch.export.export(encoder, example, dynamic_shapes={"positions": clips, "valid": clips})
        whole = torch.ones_like(batch.valid)
        for given in [
            (batch.positions, batch.valid),
            (batch.positions[:1], batch.valid[:1]),
            (batch.positions, whole),
        ]:
            assert_same(program.module()(*given), encoder(*given), tolerance=1e-5)

    def test_wrong_batches_are_refused(self, name: str) -> None:
        encoder = make_encoder(name, NTU25, 2, 16)
        expected = r"the encoder expects skeleton ntu25 \(25 joints\), this batch has kinect20 \(20\)"
        with pytest.raises(UserError, match=expected):
            encoder.embed(make_batch(KINECT20, 2, 16))
        with pytest.raises(UserError, match=r"\(16, 2, 25, 3\), got \(20, 2, 25, 3\)"):
            encoder.embed(make_batch(NTU25, 2, 20))


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(UserError, match=r"unknown encoder 'scd'; did you mean 'scdnet'\?"):
        build_encoder(NTU25, 2, 64, 3, replace(SMALL["scdnet"], name="scd"))
