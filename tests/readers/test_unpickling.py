"""Pickles: plain values are read as they were, everything else is refused in one sentence and never run."""

import io
import pickle
import pickletools
import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skelact.errors import FileError
from skelact.readers.opcodes import OPERATIONS, Limits, load_pickle
from skelact.readers.pickled_arrays import NAMES
from skelact.readers.unpickling import read_pickle

InChild = Callable[[str, Iterable[Path]], dict[Path, Any]]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
SECONDS = 5  # of processor time; a file takes a few milliseconds
READ = "from skelact.readers.unpickling import read_pickle as attempt"
PLAIN = "Lists, dictionaries, texts, numbers and numpy arrays are all it may hold"


def put(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "label.pkl"
    path.write_bytes(content)
    return path


def loaded(content: bytes) -> Any:
    return load_pickle(io.BytesIO(content), len(content), NAMES, Limits())


def same(one: Any, other: Any) -> bool:
    """Of the same types and values, all the way down; NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, np.ndarray):
        alike = (one.dtype, one.shape) == (other.dtype, other.shape)
        return alike and (
            same(one.tolist(), other.tolist()) if one.dtype == object else one.tobytes() == other.tobytes()
        )
    if isinstance(one, set | frozenset):
        return bool(one == other)
    return repr(one) == repr(other)


KEYS = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text() | st.binary()
)
VALUES = st.recursive(
    KEYS | st.integers() | st.floats() | st.complex_numbers() | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.dictionaries(KEYS, inner).map(OrderedDict)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
    ),
    max_leaves=20,
)
TYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | hnp.byte_string_dtypes(min_len=1, max_len=9)
    | hnp.unicode_string_dtypes(endianness="?", min_len=1, max_len=9)
)
ARRAYS = hnp.arrays(
    TYPES,
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    elements={"alphabet": st.characters(exclude_categories=["Cs"])},  # of texts: no halves of characters
)


@settings(max_examples=150, deadline=None)
@given(value=VALUES, protocol=st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert same(loaded(pickle.dumps(value, protocol)), value)


@settings(max_examples=150, deadline=None)
@given(array=ARRAYS, protocol=st.sampled_from(PROTOCOLS), axes=st.permutations(range(4)), fortran=st.booleans())
def test_arrays_come_back(array: Any, protocol: int, axes: list[int], fortran: bool) -> None:
    array = array.transpose([axis for axis in axes if axis < array.ndim])
    array = np.asfortranarray(array) if fortran else array
    found = loaded(pickle.dumps({"x": array, "again": array}, protocol))
    assert same(found, {"x": array, "again": array})
    found["x"][...] = np.zeros((), array.dtype)  # its memory is its own


@settings(max_examples=60, deadline=None)
@given(
    array=ARRAYS.filter(lambda array: array.size),
    values=st.lists(VALUES, max_size=4),
    protocol=st.sampled_from(PROTOCOLS),
)
def test_numbers_types_and_objects_of_numpy_come_back(array: Any, values: list[Any], protocol: int) -> None:
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    for value in (array.flat[0], array.dtype, objects, objects[:, None]):
        found = loaded(pickle.dumps([value, value], protocol))
        assert found[0] is found[1]
        assert same(found[0], value)


def test_names_of_older_numpys_and_of_python_2(tmp_path: Path) -> None:
    new = pickle.dumps(np.arange(3), 2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != new
    np.testing.assert_array_equal(read_pickle(put(tmp_path, old)), np.arange(3))
    assert read_pickle(put(tmp_path, b"(S'caf\\xe9'\nI7\nt.")) == ("café", 7)
    assert read_pickle(put(tmp_path, b"((lp1\nS'it\\'s\\n\\101'\np2\nag2\natp3\n.")) == (["it's\nA", "it's\nA"],)
    array = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x02"
        b"\x85cnumpy\ndtype\nq\x04U\x02f4K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08\x00\x00\x80\xff\x00\x00\x00@tb."
    )
    np.testing.assert_array_equal(read_pickle(put(tmp_path, array)), np.array([-np.inf, 2], np.float32))


class Hostile:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_code_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for function, arguments, named in (
        (eval, (f"open({str(marker)!r}, 'w')",), "builtins.eval"),
        (getattr, ({}, "keys"), "builtins.getattr"),
        (np.load, (str(marker),), "numpy.load"),
        (Path, ("/",), f"{Path.__module__}.Path"),
    ):
        for protocol in (0, 2, 4):
            path = put(tmp_path, pickle.dumps(([Hostile(function, *arguments)], [0]), protocol))
            with pytest.raises(FileError) as caught:
                read_pickle(path)
            expected = named if protocol > 2 else named.replace("builtins", "__builtin__")
            assert str(caught.value) == (
                f"{path}: the pickle names {expected}, which is not read: it could run anything on this machine. "
                f"{PLAIN}"
            )
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\nexec\n.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
        b"cnumpy.f2py\ncompile\n.",
        b"cbuiltins\n__import__\n.",
        b"cnumpy\nndarray.__class__\n.",
        b"Psomewhere\n.",
        b"cnumpy\nndarray\n(K\x04\x85cnumpy\ndtype\n(S'O'\ntRtR.",
        b"]}S'__class__'\nNsb.",
    ],
)
def test_names_in_any_spelling_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError, match="which is not read: it could run anything"):
        read_pickle(put(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps([1, 2, 3])[:-3],
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O'\ntRI7\ntR.",
        b"cnumpy\ndtype\n((lp0\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nset\n(I0\ntS'b'\ntR.",
        b"c_codecs\nencode\n(Vx\nVrot13\ntR.",
        b"cnumpy\ndtype\n(S'V8'\ntR.",
        b"cnumpy\nndarray\n.",
        b"NN.",
        b"(N.",
    ],
)
def test_broken_ones(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileError, match="is not a pickle, or a broken one") as caught:
        read_pickle(put(tmp_path, content))
    assert "Truncated file?" in str(caught.value)


REFUSED = ["PERSID", "BINPERSID", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"]
REFUSED += ["NEXT_BUFFER", "READONLY_BUFFER"]


def test_every_instruction_is_known_or_refused(tmp_path: Path) -> None:
    """Whatever stands around them; bytes that are no instruction are none here."""
    codes = {one.name: one.code.encode("latin1") for one in pickletools.opcodes}
    assert OPERATIONS.keys() == set(codes.values()) - {codes["STOP"]}
    for name in REFUSED:
        content = b"N(c__builtin__\nset\n)" + codes[name] + b"__builtin__\nset\n" + b")." * 9
        with pytest.raises(FileError, match=f"which is not read: it could run anything on this machine. {PLAIN}$"):
            read_pickle(put(tmp_path, content))
    for byte in {bytes([code]) for code in range(256)} - set(codes.values()):
        with pytest.raises(FileError, match=r"is not a pickle, or a broken one \(byte 2: .* is no instruction\)"):
            read_pickle(put(tmp_path, b"N" + byte + b"."))


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def dtype(
    letters: str,
    order: str = "|",
    state: bytes = b"NNN",
    size: int = -1,
    flags: int = 0,
    alignment: int | None = None,
) -> bytes:
    """A type of numpy with a state of one's choice."""
    alignment = alignment or (-1 if size == -1 else 1)
    tail = b"".join(b"J" + struct.pack("<i", value) for value in (size, alignment, flags))
    return name("numpy", "dtype") + text(letters) + b"\x89\x88\x87R(K\x03" + text(order) + state + tail + b"tb"


EMPTY = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"


def array(kind: bytes, shape: bytes, content: bytes) -> bytes:
    """An array with a state of one's choice."""
    return EMPTY + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


def long(value: int) -> bytes:
    content = value.to_bytes(32, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content


def filled(size: int) -> bytes:
    return b"B" + struct.pack("<I", size) + b"A" * size


FLOATS = dtype("f8", "<")
OBJECTS = dtype("O8", flags=63)
PAIRED = b"".join(
    b"h" + bytes([place]) + b"h" + bytes([place]) + b"\x86q" + bytes([place + 1, ord("0")]) for place in range(60)
)
COLLIDING = b"".join(long(place * (2**61 - 1)) + b"N" for place in range(20_000))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "bytes beyond the end": (b"\x8e" + struct.pack("<Q", 10**10) + b"x.", "announces 10,000,000,000 bytes"),
    "short bytes beyond the end": (b"C\x09x.", "the file ends within a value"),
    "byte array beyond the end": (b"\x96" + struct.pack("<Q", 2**63) + b"x.", "the file ends before"),
    "a text beyond the end": (b"\x8d" + struct.pack("<Q", 2**64 - 1) + b"x.", "the file ends before"),
    "a text of negative length": (b"T\xff\xff\xff\xffx.", "announces 4,294,967,295 bytes"),
    "a number beyond the end": (b"\x8b\xff\xff\xff\x7fx.", "the file ends before"),
    "a frame beyond the end": (b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.", "the file ends before"),
    "a number of a million digits": (b"I" + b"7" * 10**6 + b"\n.", "a whole number of too many digits"),
    "a number of 1000 bytes": (b"\x8b\xe8\x03\x00\x00" + b"\x11" * 1000 + b".", "a whole number of too many"),
    "a protocol to come": (b"\x80\x09N.", "protocol 9, known are 0 to 5"),
    "a memo of billions": (b"]r\xff\xff\xff\xff.", "place 4,294,967,295 of the memo, which has 0"),
    "a memo below zero": (b"]p-1\n.", "place -1 of the memo"),
    "what was not remembered": (b"]q\x02h\x01.", "place 1 of the memo, where nothing is"),
    "lists without end": (b"]" * 1_500_000 + b".", "it would take far more memory than it has bytes"),
    "marks without end": (b"(" * 1_500_000 + b".", "it would take far more memory than it has bytes"),
    "arrays without end": (
        name("numpy.core.multiarray", "_reconstruct") + b"q\x000" + name("numpy", "ndarray")
        + b"K\x00\x85C\x01b\x87q\x010" + b"h\x00h\x01R" * 500_000 + b".",
        "it would take far more memory than it has bytes",
    ),
    "lists in lists": (b"]" * 100_000 + b"a" * 99_999 + b".", "deeper than 64"),
    "tuples in tuples": (b")" + b"\x85" * 100_000 + b".", "deeper than 64"),
    "a list in itself": (b"]q\x00h\x00a.", "one that holds itself"),
    "doubled again and again": (b")q\x000" + PAIRED + b"h\x3c.", "values, or deeper than 64"),
    "doubled as a key": (b"})q\x000" + PAIRED + b"h\x3cNs.", "a key that is neither a text nor a number"),
    "a list in many places": (
        b"(]q\x00(" + b"N" * 10_000 + b"e" + b"h\x00" * 10_000 + b"t.",
        "values, or deeper than 64",
    ),
    "keys that collide": (b"}(" + COLLIDING + b"u.", "a key that is neither a text nor a number of usual size"),
    "sets of one list": (
        b"(](" + b"K\x01" * 50_000 + b"eq\x000" + (name("builtins", "set") + b"h\x00\x85R") * 100 + b"t.",
        "it would take far more memory than it has bytes",
    ),
    "byte arrays of one text": (
        b"(" + filled(10**6) + b"q\x000" + (name("builtins", "bytearray") + b"h\x00\x85R") * 200 + b"t.",
        "it would take far more memory than it has bytes",
    ),
    "arrays of one text": (
        b"(" + filled(8 * 10**5) + b"q\x000" + FLOATS + b"q\x010"
        + array(b"h\x01", long(10**5) + b"\x85", b"h\x00") * 200 + b"t.",
        "it would take far more memory than it has bytes",
    ),
    "bytes of a size": (name("builtins", "bytearray") + long(10**10) + b"\x85R.", "bytes of a number"),
    "an array of pointers": (array(OBJECTS, b"K\x04\x85", filled(32)), "whose values are not as many"),
    "objects of which some lack": (array(OBJECTS, b"K\x04\x85", b"]"), "whose values are not as many"),
    "objects without flags": (dtype("O8"), "not as numpy has it"),
    "texts with flags of objects": (dtype("S8", size=8, flags=1), "not as numpy has it"),
    "numbers with flags of objects": (dtype("f8", "<", flags=63), "not as numpy has it"),
    "texts of another size": (dtype("S8", size=-8), "not as numpy has it"),
    "texts without size": (dtype("S8", size=0), "not as numpy has it"),
    "texts of gigabytes": (dtype("U99999999", "<", size=8), "numbers of type 'U99999999'"),
    "a type of arrays": (
        dtype("S8", state=dtype("O8", flags=63) + b"K\x01\x85\x86NN", size=8),
        "a table or holds arrays",
    ),
    "a type of fields": (dtype("S8", state=b"N" + text("a") + b"\x85}", size=8), "a table or holds arrays"),
    "dates": (dtype("M8[ns]", "<"), "numbers of type 'M8[ns]'"),
    "untyped bytes": (dtype("V8"), "numbers of type 'V8'"),
    "types in a text": (dtype("O,O"), "numbers of type 'O,O'"),
    "a type without byte order": (
        array(name("numpy", "dtype") + text("f8") + b"\x85R", b"K\x01\x85", filled(8)),
        "an array without a type",
    ),
    "a type that is filled twice": (
        dtype("f8", "<").replace(b"(K\x03", b"2(K\x03") + b"0(K\x03" + text("<") + b"NNNKKKKK\x00tb",
        "filled twice",
    ),
    "more elements than bytes": (array(FLOATS, long(2**40) + b"\x85", filled(8)), "whose bytes are not as many"),
    "a product that overflows": (array(FLOATS, long(2**62) + b"K\x04\x86", b"C\x00"), "bytes are not as many"),
    "fewer than no elements": (array(FLOATS, long(-1) + long(-1) + b"\x86", filled(8)), "not a tuple of sizes"),
    "no elements in a huge shape": (array(FLOATS, long(2**62) + b"K\x00\x86", b"C\x00"), "shape is too large"),
    "an array without content": (EMPTY, "an array without content where a value"),
    "an array in itself": (
        EMPTY + b"q\x07(K\x01K\x01\x85" + OBJECTS + b"\x89]h\x07atb",
        "an array without content where a value",
    ),
    "truth values that are none": (array(dtype("b1"), b"K\x02\x85", b"C\x02\x01\x02"), "neither true nor false"),
    "characters that are none": (
        array(dtype("U1", "<", size=4, flags=8, alignment=4), b"K\x01\x85", filled(4)),
        "characters that cannot be",
    ),
    "half a character": (b"X\x03\x00\x00\x00\xed\xa0\x80.", "a text in another encoding"),
    "half a character in a line": (b"V\\ud800\n.", "a text with characters that cannot be"),
    "axes in no order": (
        name("numpy.core.numeric", "_frombuffer") + b"(" + filled(8) + FLOATS + b"K\x01\x85" + text("K")
        + b"K\x05\x85tR",
        "axis 5 is out of bounds",
    ),
}  # fmt: skip


def test_hostile_pickles_are_refused_in_one_sentence(tmp_path: Path, in_child: InChild) -> None:
    paths = {case: tmp_path / f"{number}.pkl" for number, case in enumerate(HOSTILE)}
    for case, (content, _) in HOSTILE.items():
        paths[case].write_bytes(content if content.endswith(b".") else content + b".")
    outcomes = in_child(READ, paths.values())
    for case, (_, sentence) in HOSTILE.items():
        outcome = outcomes[paths[case]]
        assert sentence in outcome.message, case
        assert len(outcome.message.removeprefix(str(paths[case]))) < 350, case
        assert outcome.seconds < SECONDS, case


def test_limits_can_be_narrowed(tmp_path: Path) -> None:
    path = put(tmp_path, pickle.dumps([[[1]]]))
    assert read_pickle(path, limits=Limits(depth=3)) == [[[1]]]
    with pytest.raises(FileError, match=r"lists in lists: .*deeper than 2\)\. Truncated file\?$"):
        read_pickle(path, limits=Limits(depth=2))
    with pytest.raises(
        FileError, match=r"it would take far more memory than it has bytes\. Damaged or made to do harm\?$"
    ):
        read_pickle(path, limits=Limits(growth=0, spare=100))


FUZZ = """
import random
from skelact.readers.opcodes import Limits
from skelact.readers.plain import check_plain
from skelact.readers.unpickling import read_pickle

def attempt(path):
    content, rng = path.read_bytes(), random.Random(path.name)
    scratch = path.with_suffix(".mutated")
    for _ in range(100):
        broken = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(broken) + 1)
            if rng.random() < 0.5:
                other = rng.randrange(len(content))
                put = content[other : other + rng.randint(0, 12)]
            else:
                put = bytes(rng.choices(rng.choice([range(256), CODES]), k=rng.randint(0, 4)))
            broken[place : place + rng.choice([0, 1, 1, 2, 9])] = put
        scratch.write_bytes(broken)
        try:
            value = read_pickle(scratch)
        except FileError as error:
            assert str(error).startswith(str(scratch)) and len(str(error)) < 800, broken
            continue
        repr(value)
"""


def test_mutated_pickles_are_read_or_refused(tmp_path: Path, in_child: InChild) -> None:
    rng = np.random.default_rng(0)
    names = [f"S001C001P{number:03}R001A001.skeleton" for number in range(4)]
    good = [
        (names, [0, 1, 2, 2**40]),
        (np.array(names), np.arange(4)),
        {"x": rng.normal(size=(2, 3)), "y": np.asfortranarray(np.eye(3, dtype=np.float32)), "z": np.float64(2)},
        [
            np.array([names, None, 1.5, {2}], dtype=object),
            OrderedDict(a=b"bytes", b=bytearray(3)),
            frozenset({1.5, "x"}),
        ],
    ]
    paths = []
    for number, value in enumerate(good):
        for protocol in PROTOCOLS:
            paths.append(tmp_path / f"{number}-{protocol}.pkl")
            paths[-1].write_bytes(pickle.dumps(value, protocol))
    codes = [ord(one.code) for one in pickletools.opcodes]
    outcomes = in_child(f"CODES = {codes}\n{FUZZ}", paths)
    assert [outcome.message for outcome in outcomes.values()] == [""] * len(paths)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none\.pkl: cannot be opened: No such file or directory$"):
        read_pickle(tmp_path / "none.pkl")


HARMLESS = ("good", "names_plain_S8_0")  # the second is as numpy itself writes it


@pytest.mark.real
def test_pickles_that_crashed_or_ran_are_refused(shared: Path, in_child: InChild) -> None:
    faults = shared / "cases" / "faults"
    paths = sorted(faults.rglob("*.pkl"))
    assert len(paths) > 150
    for path, outcome in in_child(READ, paths).items():
        harmless = path.stem.startswith(HARMLESS)
        assert (outcome.message == "") == harmless, f"{path}: {outcome.message}"
        assert outcome.message.startswith(f"{path}: ") or harmless
        assert outcome.seconds < SECONDS, path


@pytest.mark.real
def test_a_real_one(shared: Path) -> None:
    content = read_pickle(shared / "data" / "pose2d" / "example_UCF101_skeleton.pkl")
    one = content if isinstance(content, dict) else content[0]
    assert one["keypoint"].shape == (2, 163, 17, 2)
