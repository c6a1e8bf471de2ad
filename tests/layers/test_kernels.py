"""What computes graph blocks is said as it is."""

import pytest

from skelact.layers.kernels import graph, kernels_in_use


def test_the_compiled_module_is_in_use_where_it_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels_in_use() == ("torch" if graph.graph_fast is None else "compiled")
    monkeypatch.setattr(graph, "graph_fast", None)
    assert kernels_in_use() == "torch"
