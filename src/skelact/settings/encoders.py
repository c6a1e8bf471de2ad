"""Settings of encoders: one group for each entry of the table of encoders."""

from dataclasses import dataclass
from typing import Literal

from skelact.settings.schema import add_choice, setting


@dataclass(frozen=True)
class EncoderSettings:
    """What every encoder has: the name that chooses it."""

    name: str = setting("", "which encoder")


@dataclass(frozen=True)
class SCDNetEncoderSettings(EncoderSettings):
    """Sizes of the SCD-Net encoder. Source: SCD-Net, sec. "Dual-path decoupling encoder"."""

    name: str = setting("scdnet", "which encoder")
    graph_widths: tuple[int, ...] = setting(
        (64, 256, 64), "channels of the graph-convolution blocks", low=1, high=1_000_000
    )
    input_norm: Literal["joint", "coordinate"] = setting(
        "joint", "what a scale of the input norm is for; coordinate: joints that move more weigh more"
    )
    graph_gain: float = setting(
        1e-6, "weight of graph convolutions' norms at the start; 1 where steps are few", low=0, high=1000
    )
    width: int = setting(2048, "D of the tokens and of each clue; features are 2 D wide", low=1, high=1_000_000)
    heads: int = setting(8, "of the transformer", low=1)
    layers: int = setting(1, "of the transformer", low=1, high=100)
    dropout: float = setting(0.1, "in the transformer", low=0, high=1)


@dataclass(frozen=True)
class STGCNSettings(EncoderSettings):
    """Sizes of the ST-GCN encoder. Source: Yan et al., AAAI 2018, sec. "Implementing ST-GCN"."""

    name: str = setting("st_gcn", "which encoder")
    widths: tuple[int, ...] = setting(
        (64, 64, 64, 64, 128, 128, 128, 256, 256, 256), "channels of the blocks", low=1, high=1_000_000
    )
    kernel: int = setting(9, "frames that a temporal convolution sees; odd", low=1, high=99)
    dropout: float = setting(0.5, "after each temporal convolution", low=0, high=1)
    edge_weights: bool = setting(True, "learn a weight for each edge of the graph, in each block")


@dataclass(frozen=True)
class LinearMapSettings(EncoderSettings):
    """Sizes of a linear map of raw coordinates: what closed-form methods fit."""

    name: str = setting("linear_map", "which encoder")
    frames: int = setting(16, "frames that a view is averaged to before the map", low=1, high=10_000)
    width: int = setting(256, "D, width of the features", low=1, high=1_000_000)


for _kind in (SCDNetEncoderSettings, STGCNSettings, LinearMapSettings):
    add_choice(EncoderSettings, _kind)
