"""Settings: frozen dataclasses with the defaults, TOML recipes that override them, checks of every key."""

from skelact.settings.data import DataSettings, Stream, ViewSettings
from skelact.settings.encoders import EncoderSettings, LinearMapSettings, SCDNetEncoderSettings, STGCNSettings
from skelact.settings.explain import ExplainedGroup, ExplainedSetting, explain, explained_toml
from skelact.settings.methods import (
    MeanTeacherSettings,
    MethodSettings,
    MoCoSettings,
    SCDNetSettings,
    SupervisedSettings,
    WhiteningSettings,
)
from skelact.settings.named import DEFAULT_RECIPE, RecipeHeader, recipe_header, recipe_names, recipe_text
from skelact.settings.protocols import (
    FewShotSettings,
    FinetuneSettings,
    KnnSettings,
    LinearSettings,
    ProtocolSettings,
    RobustSettings,
    SemiSettings,
)
from skelact.settings.recipe import (
    PROTOCOL_TABLES,
    TRAINING_TABLES,
    Recipe,
    load_recipe,
    override,
    recipe_from_dict,
    recipe_of_model,
    recipe_to_dict,
    to_toml,
)
from skelact.settings.schema import add_choice, choices, from_dict, setting, to_dict
from skelact.settings.training import Precision, TrainSettings

__all__ = [
    "DEFAULT_RECIPE",
    "PROTOCOL_TABLES",
    "TRAINING_TABLES",
    "DataSettings",
    "EncoderSettings",
    "ExplainedGroup",
    "ExplainedSetting",
    "FewShotSettings",
    "FinetuneSettings",
    "KnnSettings",
    "LinearMapSettings",
    "LinearSettings",
    "MeanTeacherSettings",
    "MethodSettings",
    "MoCoSettings",
    "Precision",
    "ProtocolSettings",
    "Recipe",
    "RecipeHeader",
    "RobustSettings",
    "SCDNetEncoderSettings",
    "SCDNetSettings",
    "STGCNSettings",
    "SemiSettings",
    "Stream",
    "SupervisedSettings",
    "TrainSettings",
    "ViewSettings",
    "WhiteningSettings",
    "add_choice",
    "choices",
    "explain",
    "explained_toml",
    "from_dict",
    "load_recipe",
    "override",
    "recipe_from_dict",
    "recipe_header",
    "recipe_names",
    "recipe_of_model",
    "recipe_text",
    "recipe_to_dict",
    "setting",
    "to_dict",
    "to_toml",
]
