"""What every learnt parameter of the SCD-Net encoder starts from, as the paper's code starts it."""

import re
from math import sqrt

import pytest
import torch
from torch import Tensor
from torch.nn import Linear

from skelact.encoders import build_encoder
from skelact.settings import SCDNetEncoderSettings
from skelact.skeletons import NTU25

SEEDS = range(3)
GRAPH, HEAD = r"(temporal|spatial)_graph", r"(temporal|spatial)_head"
WIDTHS = (3, 64, 256, 64)

# of which parameters all numbers are the same
CONSTANT = {
    rf"{GRAPH}\.input_norm\.weight": 1.0,
    rf"{GRAPH}\.input_norm\.bias": 0.0,
    rf"{GRAPH}\.blocks\.\d\.graph\.alpha": 0.0,
    rf"{GRAPH}\.blocks\.\d\.graph\.norm\.weight": 1e-6,
    rf"{GRAPH}\.blocks\.\d\.graph\.norm\.bias": 0.0,
    rf"{GRAPH}\.blocks\.\d\.graph\.(relate|values)\.bias": 0.0,
    rf"{GRAPH}\.blocks\.\d\.graph\.refine_bias": 0.0,
    rf"{GRAPH}\.blocks\.\d\.time\.(reduce|norm|reduce_norm)\.bias": 0.0,
    rf"{GRAPH}\.blocks\.\d\.time\.kernel_bias": 0.0,
    rf"{GRAPH}\.blocks\.\d\.(shortcut|shortcut_norm)\.bias": 0.0,
    rf"{HEAD}\.(tokens\.1|transformer\.layers\.0\.norm[12])\.weight": 1.0,
    rf"{HEAD}\.(tokens\.1|transformer\.layers\.0\.norm[12])\.bias": 0.0,
    rf"{HEAD}\.transformer\.layers\.0\.self_attn\.(in_proj_bias|out_proj\.bias)": 0.0,
}
# of which the numbers are normal, and around which mean; their deviation is in `deviation`
NORMAL = {
    rf"{GRAPH}\.blocks\.\d\.graph\.(relate\.weight|values\.weight|refine_weight)": 0.0,
    rf"{GRAPH}\.blocks\.\d\.time\.(reduce\.weight|kernels)": 0.0,
    rf"{GRAPH}\.blocks\.\d\.shortcut\.weight": 0.0,
    rf"{GRAPH}\.blocks\.\d\.time\.(norm|reduce_norm)\.weight": 1.0,
}
OTHERS = {  # tested by themselves
    rf"{GRAPH}\.blocks\.\d\.graph\.graph",
    rf"{GRAPH}\.blocks\.\d\.shortcut_norm\.weight",
    rf"{HEAD}\.(tokens\.[03]|transformer\.layers\.0\.linear[12])\.(weight|bias)",
    rf"{HEAD}\.transformer\.layers\.0\.self_attn\.(in_proj_weight|out_proj\.weight)",
}


@pytest.fixture(scope="module")
def started() -> dict[str, Tensor]:
    """The parameters of encoders of several seeds, stacked; graph stacks of full size."""
    encoders = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        settings = SCDNetEncoderSettings(graph_widths=WIDTHS[1:], width=32, heads=2)
        encoders.append(dict(build_encoder(NTU25, 2, 64, 3, settings).named_parameters()))
    return {name: torch.stack([each[name].detach() for each in encoders]) for name in encoders[0]}


def deviation(name: str) -> float:
    """Of Kaiming's normal numbers, fan-out; 0.02 of the norms."""
    block = int(name.split(".")[2])
    before, after = WIDTHS[block : block + 2]
    if "norm" in name:
        return 0.02
    fan_out = {"relate": 8 if before == 3 else before // 8, "reduce": after // 4, "kernels": 5 * after // 4}
    return sqrt(2 / next((fan for part, fan in fan_out.items() if f".{part}" in name), after))


def check_normal(values: Tensor, mean: float, spread: float, name: str) -> None:
    """Mean and deviation within six standard errors."""
    numbers = values.double().flatten()
    assert abs(float(numbers.mean()) - mean) < 6 * spread / sqrt(len(numbers)), name
    assert abs(float(numbers.std()) / spread - 1) < 6 / sqrt(2 * len(numbers)), name


def test_every_parameter_is_tested_once(started: dict[str, Tensor]) -> None:
    for name in started:
        assert sum(bool(re.fullmatch(rule, name)) for rule in (*CONSTANT, *NORMAL, *OTHERS)) == 1, name


@pytest.mark.parametrize("rule", CONSTANT)
def test_constants(started: dict[str, Tensor], rule: str) -> None:
    found = {name: values for name, values in started.items() if re.fullmatch(rule, name)}
    assert found
    for name, values in found.items():
        assert torch.equal(values, torch.full_like(values, CONSTANT[rule])), name


@pytest.mark.parametrize("rule", NORMAL)
def test_normal_numbers(started: dict[str, Tensor], rule: str) -> None:
    found = {name: values for name, values in started.items() if re.fullmatch(rule, name)}
    assert found
    for name, values in found.items():
        check_normal(values, NORMAL[rule], deviation(name), name)


def test_norms_of_residuals_within_a_block_start_at_one_and_those_of_blocks_around_it(
    started: dict[str, Tensor],
) -> None:
    for stack in ("temporal_graph", "spatial_graph"):
        for block, after in enumerate(WIDTHS[1:]):
            weight = started[f"{stack}.blocks.{block}.shortcut_norm.weight"]
            within, of_block = weight[:, :after], weight[:, after:]
            assert torch.equal(within, torch.ones_like(within))
            assert of_block.shape[1] == (after if block else 0)
            if block:
                check_normal(of_block, 1.0, 0.02, f"{stack} {block}")


def test_graphs_start_from_the_skeleton(started: dict[str, Tensor]) -> None:
    adjacency = torch.as_tensor(NTU25.adjacency, dtype=torch.float32)
    for name, values in started.items():
        if name.endswith(".graph.graph"):
            assert torch.equal(values, adjacency.expand_as(values)), name


def test_matrices_of_linear_layers_are_xavier_uniform(started: dict[str, Tensor]) -> None:
    """Biases are as torch starts them: the published code gives new numbers to matrices alone."""
    torch.manual_seed(0)
    encoder = build_encoder(NTU25, 2, 64, 3, SCDNetEncoderSettings(width=32, heads=2))
    layers = {name for name, part in encoder.named_modules() if type(part) is Linear}
    assert len(layers) == 8
    matrices = [f"{name}.weight" for name in layers] + [
        name for name in started if name.endswith(("in_proj_weight", "out_proj.weight"))
    ]
    assert len(matrices) == 12
    for name in matrices:
        values = started[name]
        bound = sqrt(6 / sum(values.shape[1:]))
        assert values.abs().max() <= bound, name
        assert values.abs().max() > 0.99 * bound, name
        assert abs(float(values.std()) * sqrt(3) / bound - 1) < 0.05, name
    for name in layers:
        values, fan_in = started[f"{name}.bias"], started[f"{name}.weight"].shape[2]
        assert 0.8 / sqrt(fan_in) < values.abs().max() <= 1 / sqrt(fan_in), name
