"""The store: what goes in comes out, and nothing broken is taken for whole."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skelact.errors import UserError
from skelact.sequences import Segment, Sequence
from skelact.sequences.store import Store, StoreWriter
from skelact.skeletons import KINECT20, SBU15


def sequence(seed: int = 0, frames: int = 7, people: int = 1, **given: object) -> Sequence:
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(frames, people, 15, 3)).astype(np.float32)
    positions[rng.random((frames, people, 15)) < 0.1] = np.nan
    values = {"skeleton": SBU15, "fps": 15.0, "name": f"clip{seed}", **given}
    return Sequence(positions, **values)  # type: ignore[arg-type]


def by_camera(tags: object) -> str | None:
    return {1: "train", 2: "train", 3: "test"}.get(tags["camera"])  # type: ignore[index]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Eight clips of four cameras and two subjects."""
    writer = StoreWriter(tmp_path / "store")
    for number in range(8):
        tags = {"camera": number % 4 + 1, "subject": f"s{number // 4}"} | ({"odd": 1.5} if number % 2 else {})
        label = "" if number == 7 else "ab"[number % 2]
        writer.add(sequence(number, frames=3 + number, people=1 + number % 2, label=label or None, tags=tags))
    writer.finish("few", ("b", "a", "c"), {"xview": by_camera}, {"made": "here"})
    return tmp_path / "store"


@settings(max_examples=25, deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3)), min_size=1, max_size=6),
    shard_bytes=st.sampled_from([1, 2000, 1 << 30]),
    commit_after=st.integers(0, 6),
)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[tuple[int, int]], shard_bytes: int, commit_after: int
) -> None:
    path = tmp_path_factory.mktemp("stores") / "store"
    writer = StoreWriter(path, shard_bytes=shard_bytes)
    given_ = [sequence(number, *shape, tags={"n": number}) for number, shape in enumerate(shapes)]
    for number, one in enumerate(given_):
        if number == commit_after and number:
            writer.commit()
        writer.add(one)
    writer.finish()
    store = Store(path)
    store.verify()
    assert len(store) == len(given_)
    assert store.persons == max(one.persons for one in given_)
    for row, one in enumerate(given_):
        np.testing.assert_array_equal(store.positions(row), one.positions)
        back = store.sequence(row)
        assert (back.name, back.fps, back.label, back.tags) == (one.name, one.fps, one.label, one.tags)
        assert (back.unit, back.up, back.skeleton) == (one.unit, one.up, one.skeleton)


def test_rows_are_frames_and_in_them_people(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(sequence(0, frames=2, people=1))
    writer.add(two := sequence(1, frames=3, people=2))
    writer.finish()
    rows = np.load(tmp_path / "store" / "positions-00000.npy")
    assert rows.shape == (2 + 3 * 2, 15, 3)
    np.testing.assert_array_equal(rows[2 + 1 * 2 + 1], two.positions[1, 1])


def test_positions_are_read_only_and_not_copied(small: Path) -> None:
    positions = Store(small).positions(3)
    assert not positions.flags.writeable
    assert not positions.flags.owndata


def test_shards_do_not_grow_beyond_their_size(tmp_path: Path) -> None:
    clip = sequence(0, frames=4)
    writer = StoreWriter(tmp_path / "store", shard_bytes=2 * clip.positions.nbytes)
    for number in range(5):
        writer.add(sequence(number, frames=4))
    writer.finish()
    store = Store(tmp_path / "store")
    assert [shard["rows"] for shard in store.info["shards"]] == [8, 8, 4]
    assert store.columns["shard"].tolist() == [0, 0, 1, 1, 2]
    np.testing.assert_array_equal(store.positions(4), sequence(4, frames=4).positions)


def test_columns_labels_and_tags(small: Path) -> None:
    store = Store(small)
    assert store.classes == ("b", "a", "c")
    assert store.labels.tolist() == [1, 0, 1, 0, 1, 0, 1, -1]
    assert store.columns["label"].tolist() == ["a", "b", "a", "b", "a", "b", "a", ""]
    assert store.columns["split_xview"].tolist() == ["train", "train", "test", ""] * 2
    assert store.columns["camera"].dtype == np.int64
    assert store.tags == ("camera", "odd", "subject")
    assert store.columns["odd"].tolist() == [None, 1.5] * 4
    assert store.sequence(0).tags == {"camera": 1, "subject": "s0"}
    assert store.sequence(1).tags == {"camera": 2, "subject": "s0", "odd": 1.5}
    assert store.dataset == "few"
    assert store.info["provenance"] == {"made": "here"}


def test_a_tag_of_mixed_kinds_is_text(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(sequence(0, tags={"room": 1}))
    writer.add(sequence(1, tags={"room": "hall"}))
    writer.finish()
    assert Store(tmp_path / "store").columns["room"].tolist() == ["1", "hall"]


def test_a_store_travels_between_processes(small: Path) -> None:
    store = Store(small)
    again = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(again.positions(5), store.positions(5))


def test_the_steps_of_each_sequence_are_kept(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(sequence(0, provenance=("one()", "two()")))
    writer.add(sequence(1, provenance=("one()",)))
    writer.add(sequence(2, provenance=("one()", "two()")))
    writer.finish()
    store = Store(tmp_path / "store")
    assert store.columns["steps"].tolist() == [0, 1, 0]
    assert store.sequence(2).provenance == ("one()", "two()")


def test_half_precision_reads_as_float32(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", half=True)
    writer.add(one := sequence(0))
    writer.finish()
    positions = Store(tmp_path / "store").positions(0)
    assert positions.dtype == np.float32
    np.testing.assert_allclose(positions, one.positions, atol=2e-3)
    assert np.load(tmp_path / "store" / "positions-00000.npy").dtype == np.float16
    store = Store(tmp_path / "store")
    assert store.stored(0).dtype == np.float16
    assert np.array_equal(store.stored(0).astype(np.float32), store.positions(0), equal_nan=True)


def test_half_precision_refuses_what_it_cannot_hold(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store", half=True)
    far = Sequence(np.full((1, 1, 15, 3), 1e6, dtype=np.float32), SBU15, 30.0, name="far")
    with pytest.raises(
        UserError, match=r"^sequence 'far' is too far from the origin for float16; centre it first$"
    ):
        writer.add(far)


def test_the_fingerprint_is_that_of_the_contents(tmp_path: Path) -> None:
    prints = []
    for name, seeds, shown in (("a", (0, 1), {}), ("b", (0, 1), {"source": "elsewhere"}), ("c", (0, 2), {})):
        writer = StoreWriter(tmp_path / name)
        for seed in seeds:
            writer.add(sequence(seed, name="clip"))
        writer.finish(provenance=shown)
        prints.append(Store(tmp_path / name).fingerprint)
    assert prints[0] == prints[1] != prints[2]


def test_parts_of_a_split(small: Path) -> None:
    train, test = Store(small).parts("xview")
    assert (train.tolist(), test.tolist()) == ([0, 1, 4, 5], [2, 6])


def test_without_a_split_everything_is_for_training(small: Path) -> None:
    train, test = Store(small).parts()
    assert (train.tolist(), test.tolist()) == (list(range(8)), [])


def test_holding_out_leaves_the_test_rows_alone(small: Path) -> None:
    train, test = Store(small).parts("xview", "camera=2")
    assert (train.tolist(), test.tolist()) == ([0, 4], [1, 5])
    train, test = Store(small).parts("", "camera=2,4")
    assert (train.tolist(), test.tolist()) == ([0, 2, 4, 6], [1, 3, 5, 7])


@pytest.mark.parametrize(
    ("split", "hold_out", "message"),
    [
        ("xveiw", "", "unknown split of {}: 'xveiw'; did you mean 'xview'? Known: xview"),
        ("xview", "camera", "hold_out 'camera': expected a tag and its values, such as subject=3,5"),
        ("xview", "kamera=2", "unknown tag of {}: 'kamera'; did you mean 'camera'? Known: camera, odd, subject"),
        ("xview", "camera=3", "unknown camera '3'. Known: 1, 2"),
        (
            "xview",
            "camera=1,2",
            "store {}: no sequence is left to train on (split 'xview', hold_out 'camera=1,2')",
        ),
    ],
)
def test_parts_that_cannot_be(small: Path, split: str, hold_out: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        Store(small).parts(split, hold_out)
    assert str(caught.value) == message.format(small)


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        Store(tmp_path)
    make = f"Make one: skelact import SOURCE -o {tmp_path}"
    assert str(caught.value) == f"{tmp_path} is not a store: it has no store.json. {make}"
    with pytest.raises(UserError, match=r"not found. Make one: skelact import SOURCE -o "):
        Store(tmp_path / "nowhere")


def test_an_unknown_version(small: Path) -> None:
    info = json.loads((small / "store.json").read_text()) | {"version": 9}
    (small / "store.json").write_text(json.dumps(info))
    with pytest.raises(UserError) as caught:
        Store(small)
    assert (
        str(caught.value) == f"{small}/store.json: a store of version 9, this skelact reads 1 and 2; import again"
    )


def _change_bit(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("positions-00000.npy", lambda path: _change_bit(path, 500)),
        ("positions-00000.npy", lambda path: _change_bit(path, 3)),
        ("positions-00000.npy", lambda path: path.write_bytes(path.read_bytes()[:-4])),
        ("positions-00000.npy", lambda path: path.unlink()),
        ("index.parquet", lambda path: _change_bit(path, 60)),
        ("index.parquet", lambda path: path.write_bytes(path.read_bytes()[:-30])),
        ("index.parquet", lambda path: path.unlink()),
        ("store.json", lambda path: path.write_text(path.read_text()[:-30])),
        ("store.json", lambda path: _edit(path, '"unit": "m"', '"unit": "mm"')),
        ("store.json", lambda path: _edit(path, '"classes"', '"clases"')),
        ("store.json", lambda path: _edit(path, '"sequences": 8', '"sequences": 7')),
    ],
)
def test_damage_is_found_and_the_file_named(small: Path, file: str, damage: Callable[[Path], None]) -> None:
    Store(small).verify()
    damage(small / file)
    with pytest.raises(UserError, match=file):
        Store(small).verify()


def test_a_changed_number_is_named(small: Path) -> None:
    _change_bit(small / "positions-00000.npy", 500)
    with pytest.raises(UserError) as caught:
        Store(small).verify()
    again = "changed since it was written; import again with --overwrite"
    assert str(caught.value) == f"{small}/positions-00000.npy: sequence 'clip0' {again}"


def test_an_existing_store_is_kept(small: Path) -> None:
    before = (small / "store.json").read_bytes()
    with pytest.raises(UserError) as caught:
        StoreWriter(small)
    assert str(caught.value) == f"{small} holds a store already; --overwrite replaces it"
    with pytest.raises(UserError) as caught:
        StoreWriter(small, resume=True)
    assert str(caught.value) == f"{small} is finished; --overwrite replaces it"
    assert (small / "store.json").read_bytes() == before


def test_overwriting_replaces_it_wholly(small: Path) -> None:
    writer = StoreWriter(small, overwrite=True)
    writer.add(sequence(9))
    writer.finish()
    store = Store(small)
    store.verify()
    assert store.columns["name"].tolist() == ["clip9"]


def test_files_that_are_not_ours_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError) as caught:
        StoreWriter(tmp_path, overwrite=True)
    assert str(caught.value) == f"{tmp_path} holds other files (thesis.txt); choose a folder that is empty or new"
    with pytest.raises(UserError, match=r"thesis.txt is a file; a store is a folder"):
        StoreWriter(tmp_path / "thesis.txt", overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("shard_bytes", [1, 3000, 1 << 30])
def test_going_on_after_an_interruption_gives_the_same_bytes(tmp_path: Path, shard_bytes: int) -> None:
    straight = StoreWriter(tmp_path / "straight", shard_bytes=shard_bytes)
    first = StoreWriter(tmp_path / "resumed", shard_bytes=shard_bytes)
    for number in range(6):
        straight.add(sequence(number, tags={"camera": number % 2}, label="a", provenance=(f"step{number % 2}",)))
    straight.finish("few", splits={"xview": by_camera})
    for number in range(5):
        first.add(sequence(number, tags={"camera": number % 2}, label="a", provenance=(f"step{number % 2}",)))
        if number == 2:
            first.commit("few", splits={"xview": by_camera})
    first.close()  # with two sequences that never counted
    assert len(Store(tmp_path / "resumed")) == 3
    Store(tmp_path / "resumed").verify()
    second = StoreWriter(tmp_path / "resumed", shard_bytes=shard_bytes, resume=True)
    assert len(second) == 3
    for number in range(3, 6):
        second.add(sequence(number, tags={"camera": number % 2}, label="a", provenance=(f"step{number % 2}",)))
    second.finish("few", splits={"xview": by_camera})
    files = {path.name: path.read_bytes() for path in (tmp_path / "resumed").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "straight").iterdir()}


def test_going_on_with_a_damaged_shard_is_refused(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(sequence(0))
    writer.commit()
    writer.close()
    _change_bit(tmp_path / "store" / "positions-00000.npy", 200)
    with pytest.raises(UserError, match=r"positions-00000.npy: damaged; import again with --overwrite$"):
        StoreWriter(tmp_path / "store", resume=True)


def test_an_interruption_before_the_first_commit_leaves_no_store(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(sequence(0))
    with pytest.raises(UserError, match="is not a store"):
        Store(tmp_path / "store")
    writer.close()
    StoreWriter(tmp_path / "store")  # what is left of it is no hindrance


def test_a_store_holds_one_kind_of_sequences(tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "store")
    writer.add(sequence(0))
    other = Sequence(np.zeros((1, 1, 20, 3), dtype=np.float32), KINECT20, 30.0, name="other")
    with pytest.raises(UserError) as caught:
        writer.add(other)
    mend = "Import them to two stores."
    assert str(caught.value) == f"sequence 'other' has skeleton kinect20, the store holds sbu15. {mend}"
    with pytest.raises(UserError) as caught:
        writer.add(sequence(1, unit="mm"))
    assert str(caught.value) == f"sequence 'clip1' has unit 'mm', the store holds 'm'. {mend}"


def test_what_a_writer_refuses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^no sequence to put in the store "):
        StoreWriter(tmp_path / "empty").finish()
    writer = StoreWriter(tmp_path / "store")
    with pytest.raises(UserError, match=r"^sequence 'clip0': a tag cannot be called 'frames', a column is$"):
        writer.add(sequence(0, tags={"frames": 3}))
    writer.add(sequence(1, label="run"))
    with pytest.raises(UserError, match=r"^sequence 'clip1' has label 'run', which is not one of the classes$"):
        writer.finish(classes=("walk",))


def test_opening_a_store_loads_no_torch() -> None:
    import subprocess
    import sys

    program = "import sys, skelact.sequences.store, skelact.importing.run; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"


def test_segments_are_kept_and_survive_an_interruption(tmp_path: Path) -> None:
    said = [(Segment(0, 3, "a"), Segment(2, 7, 'b "é"')), (), (Segment(6, 7, "a"),)]
    given_ = [sequence(number, segments=one) for number, one in enumerate(said)]
    writer = StoreWriter(tmp_path / "store")
    writer.add(given_[1])
    writer.commit()
    assert "segments" not in Store(tmp_path / "store").columns
    writer.add(given_[0])
    writer.commit()
    writer.close()
    writer = StoreWriter(tmp_path / "store", resume=True)
    writer.add(given_[2])
    writer.finish()
    store = Store(tmp_path / "store")
    store.verify()
    assert [store.segments(row) for row in range(3)] == [said[1], said[0], said[2]]
    assert store.sequence(1).segments == said[0]
    assert store.columns["segments"][1] == '[[0, 3, "a"], [2, 7, "b \\"é\\""]]'
    assert store.tags == ()


def test_a_tag_cannot_be_called_segments(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a tag cannot be called 'segments', a column is$"):
        StoreWriter(tmp_path / "store").add(sequence(tags={"segments": 1}))
