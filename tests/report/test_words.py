"""Sentences about the best baseline: above, level, below."""

from dataclasses import replace

import pytest

from skelact.evaluation.results.results import Environment, Measured, PairedTest, SystemResult, Versus
from skelact.report.words import headline, losses, signed, verdicts

HERE = Environment("cpu", 2, 1, None, "Linux", "3.11", "2.6", "torch")


def system(name: str, value: float) -> SystemResult:
    return SystemResult(value, None, (0.0, 1.0), {"0": value}, name, None, None, {}, {}, {}, {"bow": value})


def entry(ours: float, untrained: float, raw: float, p: float = 0.2, protocol: str = "knn") -> Measured:
    systems = {
        "model": system("trained encoder", ours),
        "untrained": system("untrained encoder", untrained),
        "raw": system("raw coordinates", raw),
    }
    test = {"0": PairedTest(1, 2, p)}
    versus = {name: Versus(ours - systems[name].value, test) for name in ("untrained", "raw")}
    return Measured("1-NN", protocol, "", "", HERE, {}, (), (), 1, systems, versus, ((10,),))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            entry(0.8, 0.7, 0.75),
            "5.0 points above the best baseline, raw coordinates (McNemar p = 0.200).",
        ),
        (
            entry(0.8, 0.7, 0.6, p=1e-9),
            "10.0 points above the best baseline, untrained encoder (McNemar p <0.001).",
        ),
        (
            entry(0.7, 0.6, 0.8),
            "10.0 points below the best baseline, raw coordinates, which is better than the trained encoder "
            "(McNemar p = 0.200).",
        ),
        (entry(0.7, 0.7, 0.6), "No better than the best baseline, untrained encoder (McNemar p = 0.200)."),
    ],
)
def test_the_best_baseline_decides(found: Measured, sentence: str) -> None:
    assert headline(found) == sentence


def test_an_entry_without_baselines_has_no_sentence() -> None:
    one = entry(0.8, 0.7, 0.6)
    alone = replace(one, systems={"model": one.model}, versus={})
    assert alone.best_baseline is None
    assert headline(alone) == ""
    assert verdicts({"knn": alone}) == {}


def test_losses_of_a_family_are_counted_and_the_first_named() -> None:
    won, lost = (entry(0.8, 0.7, raw, protocol="semi") for raw in (0.6, 0.9))
    assert losses({"semi/1": won}) == ""
    several = {f"semi/{k}": lost if k else won for k in range(7)}
    named = "; ".join(["1-NN (raw coordinates, −10.0)"] * 4)
    sentence = f"A baseline is better than the trained encoder in 6 of 7: {named}; and 2 more."
    assert losses(several) == sentence
    assert verdicts(several) == {"linear probe, few labels": sentence}
    assert signed(-0.1) == "−10.0"
