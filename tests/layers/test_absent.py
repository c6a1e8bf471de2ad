"""Who is computed: everyone present once, and each empty place once."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from skelact.layers.absent import for_everyone, person_rows

CPU = torch.device("cpu")


@given(st.integers(0, 2**31), st.integers(1, 7), st.integers(1, 3), st.floats(0.0, 1.0))
def test_every_person_has_a_row_that_looks_the_same(seed: int, clips: int, persons: int, share: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    present = torch.rand(clips, persons, generator=rng) < share
    x = torch.rand(clips, persons, 4, generator=rng) * present[:, :, None]
    x = (x + torch.arange(persons)[:, None]).flatten(0, 1)  # empty places differ from each other, as after a norm
    people = person_rows(present, CPU, torch.float64)
    if people is None:
        assert present.all()
        return
    assert len(people.rows) == int(present.sum()) + int((~present).any(dim=0).sum())
    assert torch.equal(for_everyone(x[people.rows], people), x)
    assert people.counts.dtype == torch.float64
    assert people.counts.sum() == clips * persons
    assert torch.equal(people.counts.long(), people.row_of.bincount(minlength=len(people.rows)))


def test_nothing_changes_where_everybody_is_present() -> None:
    assert person_rows(torch.ones(3, 2, dtype=torch.bool), CPU, torch.float32) is None
    x = torch.rand(6, 2)
    assert for_everyone(x, None) is x
