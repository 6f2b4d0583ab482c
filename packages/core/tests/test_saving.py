"""What is saved comes back as it was; what is damaged, forged or foreign is refused with a reason, at no cost."""

import hashlib
import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

import pellucid
from pellucid import registry, saving
from pellucid.estimator import Classifier, Estimator, Regressor
from pellucid.saving import (
    LoadError,
    VersionWarning,
    load,
    load_with_notes,
    read_header,
    read_tree,
    save,
    write_tree,
)
from pellucid.validation import check_rng


class Params(NamedTuple):
    """What Line learns."""

    coef: np.ndarray
    intercept: float


class Line(Regressor):
    """Least squares."""

    def __init__(self, alpha=0.0, inner=None, random_state=None):
        self.alpha = alpha
        self.inner = inner
        self.random_state = random_state

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        A = np.column_stack([X, np.ones(len(X))])
        solution = np.linalg.lstsq(A, y, rcond=None)[0]
        self.params_ = Params(solution[:-1], float(solution[-1]))
        self.noise_ = check_rng(self.random_state).normal()
        return self

    def predict(self, X):
        return self._check_X(X) @ self.params_.coef + self.params_.intercept


class Nearest(Classifier):
    """The class whose mean is nearest."""

    def __init__(self, class_weight=None):
        self.class_weight = class_weight

    def fit(self, X, y):
        X, y, _ = self._check_fit(X, y)
        self.means_ = np.asfortranarray([X[y == k].mean(axis=0) for k in range(len(self.classes_))])
        return self

    def predict(self, X):
        X = self._check_X(X)
        return self.classes_[np.argmin(np.sum((X[:, None] - self.means_) ** 2, axis=2), axis=1)]


class Picky(Estimator):
    """Its constructor refuses what its own get_params would never give."""

    def __init__(self, size=1):
        if size < 0:
            raise ValueError("size must be 0 or more")
        self.size = size


class Counter(Estimator):
    """State of its own kind, saved its own way."""

    def fit(self, X, y=None):
        self._seen = {1, 2}
        return self

    def get_state(self):
        return {"seen": sorted(self._seen)}

    def set_state(self, state):
        self._seen = set(state["seen"])


TOYS = {"line": Line, "nearest": Nearest, "picky": Picky, "counter": Counter}


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """A registry with the models above and nothing else."""
    state = registry._State()
    state.plugins = ()
    monkeypatch.setattr(registry, "_state", state)
    for name, cls in TOYS.items():
        registry.register(cls, id=f"toys/{name}", summary="a toy", tasks=("regression",))


rng = np.random.default_rng(0)
X = rng.normal(size=(30, 3))
y = X @ [1.0, 2.0, 3.0] + 0.1 * rng.normal(size=30)
labels = np.array(["low", "high"], dtype=object)[(y > 0).astype(int)]


def same(a, b):
    """Equal in value, type, dtype and memory order, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        alike = a.dtype == b.dtype and a.shape == b.shape and a.flags.fnc == b.flags.fnc and b.flags.writeable
        if a.dtype.kind == "O":
            return alike and all(same(p, q) for p, q in zip(a.flat, b.flat, strict=True))
        return alike and a.tobytes() == b.tobytes()
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    if isinstance(a, np.generic) and a.dtype != b.dtype:
        return False
    if isinstance(a, (float, complex, np.generic)):
        return repr(a) == repr(b)  # NaN is NaN, -0.0 is not 0.0
    return a == b


# models come back


def test_a_model_comes_back_as_it_was(tmp_path):
    model = Nearest(class_weight={"low": 1.0, "high": float("inf")}).fit(X, labels)
    path = save(model, tmp_path / "m.npz")
    again = load(path)
    assert path == tmp_path / "m.npz" and type(again) is Nearest
    assert same(again.get_params(), model.get_params()) and same(again.get_state(), model.get_state())
    assert again.predict(X).tolist() == model.predict(X).tolist() and again.classes_.dtype == object
    assert again.means_.flags.f_contiguous
    with pytest.raises(pellucid.NotFittedError):
        load(save(Nearest(), tmp_path / "new")).predict(X)


@pytest.mark.parametrize(
    "params",
    [
        {"alpha": float("nan")},
        {"alpha": -float("inf")},
        {"alpha": np.float32(0.1)},
        {"alpha": {1: "a", None: 2, (1, "b"): 3.5, False: []}},
        {"alpha": (1, [2, {"three": (4,)}], "five")},
        {"alpha": np.arange(6).reshape(2, 3).T},
        {"alpha": np.float64},
        {"alpha": np.dtype("f4")},
        {"alpha": Params(np.ones(2), 3.0)},
        {"alpha": 10**50},
        {"random_state": np.random.SeedSequence(5, spawn_key=(1, 2))},
    ],
)
def test_parameters_of_every_plain_kind_come_back(params, tmp_path):
    again = load(save(Line(**params), tmp_path / "m")).get_params()
    for name, value in params.items():
        if isinstance(value, np.random.SeedSequence):
            assert again[name].generate_state(3).tolist() == value.generate_state(3).tolist()
        else:
            assert same(again[name], value)


def test_models_inside_models_come_back_with_what_they_learnt(tmp_path):
    model = Line(inner=[Nearest({0: 2.0, 1: 1.0}).fit(X, y > 0), {"deep": Line().fit(X, y)}]).fit(X, y)
    model.parts_ = [Line(alpha=n).fit(X, y) for n in range(3)]
    again = load(save(model, tmp_path / "m"))
    assert again.predict(X).tobytes() == model.predict(X).tobytes()
    assert again.inner[0].predict(X).tolist() == model.inner[0].predict(X).tolist()
    assert again.inner[0].class_weight == {0: 2.0, 1: 1.0}
    assert isinstance(again.inner[1]["deep"].params_, Params)
    assert [part.alpha for part in again.parts_] == [0, 1, 2]


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_a_generator_goes_on_where_it_was(bits, tmp_path):
    generator = np.random.Generator(getattr(np.random, bits)(7))
    generator.standard_normal(5, dtype=np.float32)  # leaves half a draw behind
    generator.spawn(2)
    again = load(save(Line(random_state=generator), tmp_path / "m")).random_state
    assert again.bit_generator is not generator.bit_generator
    assert again.standard_normal(700, dtype=np.float32).tobytes() == generator.standard_normal(700, "f4").tobytes()
    assert again.spawn(1)[0].normal() == generator.spawn(1)[0].normal()


def test_notes_travel_with_the_model(tmp_path):
    notes = {"columns": ["a", "b"], "scores": np.array([0.5, 0.75]), "when": None, "model": Line(alpha=2)}
    model, found = load_with_notes(save(Line().fit(X, y), tmp_path / "m", notes=notes))
    assert isinstance(model, Line) and same(found["scores"], notes["scores"]) and found["model"].alpha == 2
    assert load_with_notes(save(Line(), tmp_path / "m"))[1] is None


def test_a_model_may_save_its_state_in_its_own_way(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(save(Counter().fit(X), tmp_path / "m"))._seen == {1, 2}


def test_the_file_can_be_read_without_us(tmp_path):
    path = save(Nearest().fit(X, labels), tmp_path / "m")
    with np.load(path) as arrays_by_name:
        assert arrays_by_name["model/state/means_"].shape == (2, 3)
    header = read_header(path)
    assert header["kind"] == "model" and header["id"] == "toys/nearest" and header["pellucid"] == pellucid.__version__
    assert header["arrays"]["model/state/means_"] == 128 + 48 and "tree" not in header


def test_equal_models_give_equal_files(tmp_path):
    one, two = (save(Line(random_state=1).fit(X, y), tmp_path / name).read_bytes() for name in "ab")
    assert one == two


def test_settings_of_this_process_are_not_kept(tmp_path):
    model = Line().fit(X, y)
    model._sklearn_output_config = {"transform": "pandas"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not hasattr(load(save(model, tmp_path / "m")), "_sklearn_output_config")


# what cannot be saved


def value_error(value):
    return "at module level"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (len, "len is a function, and loading never runs code that a file brings"),
        (lambda x: x, "lambda.* is a function"),
        (value_error, "value_error is a function"),
        (Line, "Line is a class"),
        (b"raw", "bytes; use np.frombuffer"),
        ({1, 2}, r"a set, which has no order; use sorted\(value\)"),
        (np.random.RandomState(1), "a RandomState; use an integer"),
        (stat.ST_MODE.__class__, "int is a class"),
        (object(), "a builtins.object; a file holds plain values"),
        (Path("x"), "pathlib"),
        (type("Text", (str,), {})("a"), r"a Text; use str\(value\)"),
        (type("Default", (dict,), {})(), r"a Default; use dict\(value\)"),
        (np.zeros(2, "i4,f8"), "dtype .* store one array for each field"),
        (np.array(["a"], dtype=np.dtypes.StringDType()), r"dtype StringDType.* use .astype\(object\)"),
        (np.array([1, {2}], dtype=object), "params/alpha/1: a set"),
        (np.bytes_(b"x"), "bytes"),
        (np.dtype("O"), "dtype object"),
        (np.ma.array([1.0]), "MaskedArray"),
        (
            NamedTuple("Elsewhere", [("a", int)])(1),
            "named tuple Elsewhere",
        ),
        (type("Foreign", (Estimator,), {})(), "Foreign is not a registered model"),
        ({"deep": [1, len]}, "params/alpha/deep/1: len"),
    ],
)
def test_what_would_need_code_or_a_guess_is_refused_by_name(value, words, tmp_path):
    with pytest.raises(TypeError, match=words) as caught:
        save(Line(alpha=value), tmp_path / "m")
    assert "cannot save model/params/alpha" in str(caught.value) and list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_registered_is_refused(tmp_path):
    with pytest.raises(TypeError, match="cannot save the model: Local is not a registered model. .*pellucid.register"):
        save(type("Local", (Estimator,), {})(), tmp_path / "m")
    registry.register(type("Bare", (), {}), id="toys/bare", summary="bare", tasks=("network",))
    with pytest.raises(TypeError, match="Bare must define get_params, get_state, set_state"):
        save(registry.make("toys/bare"), tmp_path / "m")
    with pytest.raises(TypeError, match="not a registered model"):
        save({"not": "a model"}, tmp_path / "m")


def test_a_value_that_contains_itself_is_refused(tmp_path):
    loop = []
    loop.append(loop)
    with pytest.raises(TypeError, match="nested 100 deep; does it contain itself"):
        save(Line(alpha=loop), tmp_path / "m")


def test_attributes_that_would_be_lost_are_named(tmp_path):
    model = Line().fit(X, y)
    model._cache, model.remark = 1, "mine"
    with pytest.warns(UserWarning, match="Line has attributes that are not saved, .*: _cache, remark. .*get_state"):
        save(model, tmp_path / "m")


# trees

finite = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text())
plain_arrays = st.one_of(
    arrays(scalar_dtypes(), array_shapes(min_dims=0, min_side=0, max_side=4)),
    arrays(np.float32, array_shapes(min_dims=2, max_dims=3, min_side=0)).map(np.asfortranarray),
    arrays(st.sampled_from(["<U3", ">f8", "<M8[ns]", "S2"]), array_shapes(min_side=0)),
    arrays(
        object, array_shapes(max_dims=2, min_side=0, max_side=3), elements=st.one_of(st.text(), st.none(), st.floats())
    ),
)
scalars = st.one_of(
    st.floats(width=32).map(np.float32), st.integers(-9, 9).map(np.int8), st.text(max_size=3).map(np.str_)
)
keys = st.one_of(st.text(max_size=5), st.integers(), st.tuples(st.integers(), st.text(max_size=2)))
trees = st.recursive(
    st.one_of(finite, plain_arrays, scalars),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=3)
    ),
    max_leaves=8,
)


@given(trees)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_comes_back(tmp_path, tree):
    with np.errstate(all="ignore"):
        again, header = read_tree(write_tree(tmp_path / "t", "test", tree, {"step": 3}), "test")
    assert same(again, tree) and header["step"] == 3


@pytest.mark.parametrize(
    "value",
    [
        np.longdouble(1) / 3,
        np.datetime64("2020-01-01T00:00:00.5"),
        np.timedelta64(3, "h"),
        np.complex64(1 + 2j),
        np.array("zero-dimensional"),
        np.array(None, dtype=object),
        np.array([np.arange(3), [1, 2]], dtype=object),
        np.arange(10.0)[::-3],
        np.empty((0, 3)),
        "\ud800 lone, \0 nul",
        -0.0,
    ],
)
def test_rare_values_come_back(value, tmp_path):
    assert same(read_tree(write_tree(tmp_path / "t", "test", value), "test")[0], value)


def test_a_read_only_memory_map_is_saved_as_an_array(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(5))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    again = read_tree(write_tree(tmp_path / "t", "test", mapped), "test")[0]
    assert type(again) is np.ndarray and again.flags.writeable and again.tolist() == [0, 1, 2, 3, 4]


def test_names_of_arrays_are_plain_and_unique(tmp_path):
    tree = {
        "../a": np.ones(1),
        "..a": np.zeros(1),
        "A": np.ones(2),
        "a": np.ones(3),
        "é" * 300: np.ones(4),
        "": np.ones(5),
    }
    path = write_tree(tmp_path / "t", "test", tree)
    assert same(read_tree(path, "test")[0], tree)
    names = list(read_header(path)["arrays"])
    assert len({name.lower() for name in names}) == 6 and all(".." not in name and len(name) < 200 for name in names)


def test_named_tuples_are_those_the_reader_knows(tmp_path):
    path = write_tree(tmp_path / "t", "test", [Params(np.ones(2), 1.0)], records=[Params])
    assert isinstance(read_tree(path, "test", records=[Params])[0][0], Params)
    with pytest.raises(LoadError, match="named tuple 'Params'"):
        read_tree(path, "test")


def test_a_header_is_plain_and_keeps_to_its_names(tmp_path):
    with pytest.raises(ValueError, match=r"the header keys \['kind', 'tree'\] belong to the format"):
        write_tree(tmp_path / "t", "test", 1, {"tree": 1, "kind": 2})
    for bad in ({"x": np.ones(1)}, {"x": float("nan")}):
        with pytest.raises(TypeError, match="the header must hold plain JSON values"):
            write_tree(tmp_path / "t", "test", 1, bad)
    assert list(tmp_path.iterdir()) == []


# the file on disk


def test_an_extension_is_appended_where_there_is_none(tmp_path):
    assert save(Line(), tmp_path / "plain") == tmp_path / "plain.npz"
    assert save(Line(), str(tmp_path / "v1.model")) == tmp_path / "v1.model"
    assert isinstance(load(tmp_path / "plain"), Line) and isinstance(load(str(tmp_path / "v1.model")), Line)


@pytest.mark.skipif(os.name == "nt", reason="permissions of another kind")
def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path):
    before = os.umask(0o027)
    try:
        path = save(Line(), tmp_path / "m")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o600)
        assert stat.S_IMODE(save(Line(), path).stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    save(Line(alpha=5), tmp_path / "link.npz")
    assert (tmp_path / "link.npz").is_symlink() and load(tmp_path / "real.npz").alpha == 5


@pytest.mark.parametrize("broken", ["numpy.lib.format.write_array", "os.fsync", "os.replace"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_save_leaves_the_old_file_and_nothing_else(broken, error, tmp_path, monkeypatch):
    path = save(Line(alpha=1).fit(X, y), tmp_path / "m")
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(broken, fail)
        with pytest.raises(type(error)):
            save(Line(alpha=2).fit(X, y), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_to(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder .* create it first"):
        save(Line(), tmp_path / "no" / "m.npz")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        save(Line(), tmp_path / "folder.npz")


# damaged files


@pytest.fixture
def small(tmp_path):
    return write_tree(tmp_path / "small", "test", {"a": np.arange(3.0), "b": "text"})


def fails(path, words, kind="test"):
    """Loading fails in one line that names the file, and without taking memory."""
    tracemalloc.start()
    try:
        with pytest.raises(LoadError, match=words) as caught, warnings.catch_warnings():
            warnings.simplefilter("error")
            read_tree(path, kind)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert message.startswith(f"{path}: cannot load: ") and "\n" not in message and len(message) < 500


def test_every_flipped_byte_is_found(small):
    content = small.read_bytes()
    for place in range(len(content)):
        for mask, read in ((1 << place % 8, lambda path: read_tree(path, "test")), (0xFF, read_header)):
            damaged = bytearray(content)
            damaged[place] ^= mask
            small.write_bytes(damaged)
            with pytest.raises(LoadError, match="checksum|zip archive"):
                read(small)


def test_every_truncation_is_found(small):
    content = small.read_bytes()
    for end in range(len(content)):
        small.write_bytes(content[:end])
        with pytest.raises(LoadError, match="checksum|zip archive|empty"):
            read_tree(small, "test")
    for extra in (b"\0", b"\n", content):
        small.write_bytes(content + extra)
        with pytest.raises(LoadError, match="checksum"):
            read_tree(small, "test")


def test_what_is_no_file_of_ours(tmp_path):
    fails(tmp_path / "missing.npz", "No such file")
    (tmp_path / "folder.npz").mkdir()
    fails(tmp_path / "folder.npz", "directory|denied")
    (tmp_path / "text.npz").write_text("not a zip archive at all, but long enough to be looked at" * 10)
    fails(tmp_path / "text.npz", "not a zip archive")
    np.savez(tmp_path / "plain.npz", a=np.ones(3))
    fails(tmp_path / "plain.npz", "no checksum at its end: it was cut short, altered, or not written by pellucid")
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Line()))
    fails(tmp_path / "pickle.npz", "not a zip archive")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such thing there")
def test_what_is_no_regular_file(tmp_path):
    fails(Path(os.devnull), "not a regular file")


def test_a_file_of_another_kind(small):
    fails(small, "it holds a 'test', and a 'model' was asked for", kind="model")


# forged files: each has a right checksum


def seal(content):
    body = content[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def forge(path, members, compression=zipfile.ZIP_STORED):
    """A file of ours with these members, as only our own writer should make it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of duplicate names
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in members:
                archive.writestr(name, content)
            archive.comment = b"pellucid sha256 " + b"0" * 64
    path.write_bytes(seal(path.read_bytes()))
    return path


def header(tree=None, **changes):
    about = {"format": "pellucid", "format_version": 1, "kind": "test", "tree": tree, **changes}
    return ("header.json", json.dumps(about))


def npy(array=None, **changes):
    """An array in npy format, or one whose header says something else."""
    array = np.arange(3.0) if array is None else array
    file = io.BytesIO()
    if not changes:
        np.lib.format.write_array(file, array)
        return file.getvalue()
    about = {"descr": "<f8", "fortran_order": False, "shape": (3,), **changes}
    words = repr(about).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(words)) + words + array.tobytes()


def test_a_forged_file_that_is_right_is_right(tmp_path):
    path = forge(tmp_path / "f.npz", [header({"array": "a"}), ("a.npy", npy())])
    assert same(read_tree(path, "test")[0], np.arange(3.0))


@pytest.mark.parametrize(
    "name",
    [
        "../a.npy",
        "/a.npy",
        "a/../../b.npy",
        "C:a.npy",
        "a\\b.npy",
        "a//b.npy",
        "a.txt",
        ".npy",
        "a b.npy",
        "a/",
        "é.npy",
    ],
)
def test_unsafe_names_are_refused(name, tmp_path):
    path = forge(tmp_path / "f.npz", [header(), (name, npy())])
    fails(path, "unsafe name" if os.name != "nt" else "unsafe name|refer")


def test_duplicate_members_are_refused(tmp_path):
    fails(
        forge(tmp_path / "f.npz", [header({"array": "a"}), ("a.npy", npy()), ("a.npy", npy())]),
        "two members named 'a.npy'",
    )
    fails(forge(tmp_path / "g.npz", [header(), header()]), "two members named 'header.json'")


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path):
    zeros = npy(np.zeros(2_000_000))
    path = forge(tmp_path / "f.npz", [header({"array": "a"}), ("a.npy", zeros)], zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    fails(path, "compressed or encrypted")
    bomb = [("header.json", " " * 50_000_000)]
    fails(forge(tmp_path / "g.npz", bomb, zipfile.ZIP_DEFLATED), "compressed or encrypted .* would become 50,000,000")


def test_declared_sizes_beyond_the_file_are_refused(tmp_path):
    path = forge(tmp_path / "f.npz", [header({"array": "a"}), ("a.npy", npy())])
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 20), (b"PK\x03\x04", 18)):  # central directory, local header: both sizes
        place = content.rindex(signature)
        content[place + offset : place + offset + 8] = struct.pack("<II", 2**31, 2**31)
    path.write_bytes(seal(bytes(content)))
    fails(path, "its members declare at least 2,147,.* bytes, but the whole file has")


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (npy(shape=(10**12,)), r"declares 8,000,000,000,000 bytes \(shape \(1000000000000,\), float64\), but has 24"),
        (npy(shape=(2**40, 2**40)), "declares .* bytes"),
        (npy(shape=(2,)), "declares 16 bytes .* but has 24"),
        (npy(np.empty(0), shape=(0, 2**62)), "impossible shape"),
        (npy(np.empty(0), shape=(10**30, 0)), "impossible shape|not an array"),
        (npy(shape=(-3,)), "impossible shape"),
        (npy(shape=(True,)), "impossible shape"),
        (npy(shape="(3,)"), "not an array in npy format"),
        (npy(descr="<U0", shape=(2**40,)), "only plain numbers|declares"),
        (npy(descr="|O"), "has the dtype object; only plain numbers"),
        (npy(descr="<V8"), "only plain numbers"),
        (npy(descr=[("a", "<f8")]), "only plain numbers"),
        (npy(descr="nonsense"), "not an array in npy format"),
        (npy(np.array([Line, len], dtype=object)), "has the dtype object; only plain numbers"),
        (pickle.dumps([1, 2]), "not an array in npy format"),
        (b"", "not an array in npy format"),
        (b"\x93NUMPY\x03\x00" + npy()[8:], "unknown version"),
        (b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000, "not an array in npy format"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{}", "not an array in npy format"),
    ],
)
def test_forged_arrays_are_refused(member, words, tmp_path):
    fails(forge(tmp_path / "f.npz", [header({"array": "a"}), ("a.npy", member)]), words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "it has no header.json"),
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON|nested too deeply"),
        (b"\xff\xfe\xfa", "not valid JSON"),
        ("1" * 10_000, "not valid JSON|does not say"),
        ('{"format": "pellucid", "format_version": 1, "kind": "test", "tree": NaN}', "NaN is not JSON"),
        ('{"format": "pellucid", "format": "pellucid"}', "the same key twice"),
        ("[]", "does not say that it is a file of pellucid's"),
        ("{}", "does not say that it is a file of pellucid's"),
        (header(format="other")[1], "does not say that it is a file of pellucid's"),
        (
            header(format_version=2)[1],
            "format version 2, and this pellucid reads up to 1: pip install --upgrade pellucid",
        ),
        (header(format_version=10**9)[1], "format version 1000000000"),
        (header(format_version="1")[1], "not a number"),
        (header(format_version=True)[1], "not a number"),
        (header(format_version=0)[1], "not a number"),
        (header(kind=None)[1], "it holds a 'None'"),
        ('{"format": "pellucid", "format_version": 1, "kind": "test"}', "no tree"),
    ],
)
def test_forged_headers_are_refused(content, words, tmp_path):
    fails(forge(tmp_path / "f.npz", [("a.npy", npy())] if content is None else [("header.json", content)]), words)


def nested(depth):
    tree = 1
    for _ in range(depth):
        tree = [tree]
    return tree


PCG = {
    "dict": [
        ["bit_generator", "PCG64"],
        ["state", {"dict": [["state", 1], ["inc", 1]]}],
        ["has_uint32", 0],
        ["uinteger", 0],
    ]
}


def generator(name="PCG64", state=PCG, seed=None):
    return {"generator": {"dict": [["name", name], ["state", state], ["seed", seed]]}}


def seeds(**changes):
    fields = {"entropy": 1, "spawn_key": [], "pool_size": 4, "n_children_spawned": 0, **changes}
    return {"seed_sequence": {"dict": [list(pair) for pair in fields.items()]}}


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({}, "unknown tag 'nothing'"),
        ({"array": "a", "float": "nan"}, "an object with 2 keys where one tag must be"),
        ({"eval": "1+1"}, "unknown tag 'eval'"),
        ({"array": "b"}, "array 'b' that is not there"),
        ({"array": ["a"]}, "that is not there"),
        ({"array": "header.json"}, "that is not there"),
        ([{"array": "a"}, {"array": "a"}], "refers to it twice"),
        (1, "arrays that its header does not refer to, such as 'a'"),
        ({"float": "1.5"}, "the float '1.5'"),
        ({"float": 1}, "the float '1'"),
        ({"complex": [1]}, "'complex' without a pair"),
        ({"complex": [1, "2"]}, "'complex' without numbers"),
        ({"tuple": 3}, "'tuple' without a list"),
        ({"dict": [[1]]}, "'dict' without a pair"),
        ({"dict": [[[], 1]]}, "a key that cannot be one"),
        ({"dict": [[1, 2], [True, 3]]}, "the same key twice"),
        ({"objects": [[2], ["a"]]}, "an array of 1 objects with the shape"),
        ({"objects": [[-1, -1], ["a"]]}, "an array of 1 objects"),
        ({"objects": [[0, 2**62, 2**62], []]}, "impossible shape"),
        ({"objects": [["1"], ["a"]]}, "an array of 1 objects"),
        ({"objects": [[1.0], ["a"]]}, "an array of 1 objects"),
        ({"objects": [[1] * 100, ["a"]]}, "impossible shape"),
        ({"scalar": ["<f8", "x"]}, "a scalar of float64 that is 'x'"),
        ({"scalar": ["<i1", 300]}, "a scalar of int8 that is 300"),
        ({"scalar": ["<f4", 1e300]}, "a scalar of float32 that is 1e"),
        ({"scalar": ["<f8", {"array": "a"}]}, "a scalar of float64 that is an array"),
        ({"scalar": ["|O", 1]}, "the dtype"),
        ({"dtype": ["O", False]}, "the dtype 'O'"),
        ({"dtype": ["f8,i4", False]}, "the dtype"),
        ({"dtype": ["<U0", False]}, "the dtype"),
        ({"dtype": ["pellucid", False]}, "the dtype"),
        ({"dtype": [["f8"], False]}, "the dtype"),
        ({"record": ["Params", {}]}, "named tuple 'Params' that the model's module does not know"),
        ({"record": [["Params"], {}]}, "does not know"),
        (nested(150), "nested too deeply"),
        (generator("RandomState"), "a random generator that is none"),
        (generator("__import__"), "a random generator that is none"),
        (generator(state={"dict": []}), "a random generator that is none"),
        (generator(seed=3), "a random generator that is none"),
        (generator("MT19937"), "a random generator that is none"),
        ({"generator": 3}, "a random generator that is none"),
        (seeds(entropy=-1), "a seed sequence that is none"),
        (seeds(entropy="x"), "a seed sequence that is none"),
        (seeds(pool_size=2**40), "a seed sequence that is none"),
        (seeds(spawn_key=[[1]]), "a seed sequence that is none"),
        ({"seed_sequence": []}, "a seed sequence that is none"),
        ({"model": {}}, "a model without id, version, params and state"),
        ({"model": [1]}, "a model without id, version, params and state"),
    ],
)
def test_forged_trees_are_refused(tree, words, tmp_path):
    fails(forge(tmp_path / "f.npz", [header(tree), ("a.npy", npy())]), words)


def test_any_other_bytes_under_a_right_checksum_load_or_are_refused(tmp_path):
    tree = {
        "a": np.arange(3),
        "b": (1.5, [np.float32(2), None]),
        "c": np.random.default_rng(1),
        "d": np.array(["x"], object),
    }
    path = write_tree(tmp_path / "t", "test", tree)
    content, draw = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(2000):
        forged = bytearray(content)
        for place in draw.integers(0, len(content) - 80, size=draw.integers(1, 4)):
            forged[place] = draw.integers(256)
        path.write_bytes(seal(bytes(forged)))
        try:
            read_tree(path, "test")
        except LoadError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 1000


def test_a_generator_state_that_would_read_outside_its_memory_is_refused(tmp_path):
    def with_position(position):
        fields = {"bit_generator": "MT19937", "state": {"dict": [["key", {"array": "a"}], ["pos", position]]}}
        return [header(generator("MT19937", {"dict": [list(p) for p in fields.items()]})), ("a.npy", npy(key))]

    key = np.random.MT19937(1).state["state"]["key"]
    assert read_tree(forge(tmp_path / "f.npz", with_position(624)), "test")[0].normal() < 9
    fails(forge(tmp_path / "f.npz", with_position(625)), "a random generator that is none")
    fails(forge(tmp_path / "f.npz", with_position(-1)), "a random generator that is none")
    key = key[:10]
    fails(forge(tmp_path / "f.npz", with_position(1)), "a random generator that is none")


def model(**changes):
    return {"model": {"id": "toys/line", "version": None, "params": {}, "state": {}, **changes}}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (model(id="toys/missing"), "no model"),
        (model(id="Line"), "'Line', which is no model id"),
        (model(id="os:system"), "which is no model id"),
        (model(id="../x"), "which is no model id"),
        (model(id="toys/lin"), "no model"),
        (model(id=3), "a model without id"),
        (model(version=3), "a model without id"),
        (model(params=[]), "a model without id"),
        (model(params={"beta": 1}), "toys/line has no parameter 'beta'; it has alpha, inner, random_state"),
        (model(params={"self": 1}), "toys/line has no parameter 'self'"),
        (model(params={"__class__": 1}), "has no parameter '__class__'"),
        (model(state={"_cache": 1}), "cannot take the state '_cache'"),
        (model(state={"predict": 1}), "cannot take the state 'predict'"),
        (model(state={"__dict__": 1}), "cannot take the state '__dict__'"),
        (model(state={"alpha": 1}), "cannot take the state 'alpha'"),
        (model(id="toys/picky", params={"size": -1}), "toys/picky does not take .*ValueError: size must be 0 or more"),
        (model(id="toys/picky", params={"size": "x"}), "toys/picky does not take .*TypeError"),
        (model(id="toys/counter", state={"other": 1}), "toys/counter does not take .*KeyError"),
        (model(state={"params_": {"record": ["Params", {"coef": 1}]}}), r"Params has the fields \['coef'\], expected"),
        (model(state={"params_": {"record": ["Line", {}]}}), "named tuple 'Line'"),
        (model(state={"params_": {"record": ["NamedTuple", {}]}}), "named tuple 'NamedTuple'"),
    ],
)
def test_forged_models_are_refused(record, words, tmp_path):
    fails(forge(tmp_path / "f.npz", [header(record)]), words)


def test_a_model_whose_family_is_not_installed_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(pellucid.OFFICIAL_FAMILIES, "spectral", "pellucid-spectral")
    fails(forge(tmp_path / "f.npz", [header(model(id="spectral/diffusion-map"))]), "pip install pellucid-spectral")


def test_a_file_that_only_says_it_holds_a_model(tmp_path):
    for tree in (1, {"dict": [["model", 1], ["notes", None]]}, {"dict": [["notes", 1]]}):
        path = forge(tmp_path / "f.npz", [header(tree, kind="model")])
        with pytest.raises(LoadError, match="says that it holds a model, but holds none"):
            load(path)


def test_loading_imports_nothing_that_the_file_names(tmp_path):
    evil = tmp_path / "evil_module.py"
    evil.write_text("raise SystemExit('ran')")
    sys.path.insert(0, str(tmp_path))
    try:
        about = {"id": "evil_module/x", "class": "evil_module:Evil"}
        fails(forge(tmp_path / "f.npz", [header(model(id="evil-module/x"), **about)]), "no model")
        assert "evil_module" not in sys.modules
    finally:
        sys.path.remove(str(tmp_path))


# versions and names over time


@pytest.mark.parametrize(
    ("written", "installed", "outcome"),
    [
        ("0.2.0", "0.2.5", None),
        ("0.2.5", "0.2.0", None),
        ("0.2.0", "0.2.0.dev3+local", None),
        ("0.1.9", "0.2.0", "warns"),
        ("0.3.0", "0.2.9", "was saved by version 0.3.0, and 0.2.9 is installed: pip install --upgrade"),
        ("1.0", "0.9.9", "was saved by version 1.0"),
        ("0.10.0", "0.9.0", "was saved by version 0.10.0"),
        ("new", "0.2.0", "the version 'new'"),
        (None, "0.2.0", None),
        ("0.3.0", None, None),
    ],
)
def test_versions(written, installed, outcome, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "_family_version", lambda family: written)
    path = save(Line(alpha=3), tmp_path / "m")
    assert read_header(path)["version"] == written
    monkeypatch.setattr(saving, "_family_version", lambda family: installed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if outcome is None:
            assert load(path).alpha == 3
        elif outcome == "warns":
            with pytest.warns(VersionWarning, match="toys/line was saved by version 0.1.9, and 0.2.0 is installed"):
                assert load(path).alpha == 3
        else:
            with pytest.raises(LoadError, match=outcome):
                load(path)


def test_a_renamed_model_loads_by_its_old_id(tmp_path):
    path = save(Line(alpha=3), tmp_path / "m")
    state = registry._State()
    state.plugins = ()
    registry._state = state
    registry.register(Line, id="toys/straight-line", summary="renamed", tasks=("regression",), aliases=("toys/line",))
    assert load(path).alpha == 3


def test_a_parameter_added_later_has_its_default(tmp_path):
    path = forge(tmp_path / "f.npz", [header(model(params={"alpha": 2}))])
    assert read_tree(path, "test")[0].get_params() == {"alpha": 2, "inner": None, "random_state": None}


def test_a_model_loads_where_only_its_family_is_installed(tmp_path):
    site = tmp_path / "site"
    (site / "pellucid_acme").mkdir(parents=True)
    (site / "pellucid_acme" / "__init__.py").write_text("")
    (site / "pellucid_acme" / "_plugin.py").write_text(
        "from pellucid import ModelSpec, hookimpl\n"
        "@hookimpl\n"
        "def pellucid_models():\n"
        "    yield ModelSpec(id='acme/mean', target='pellucid_acme.mean:Mean', summary='mean', tasks=('regression',))\n"
    )
    (site / "pellucid_acme" / "mean.py").write_text(
        "import numpy as np\n"
        "from pellucid import Regressor\n"
        "class Mean(Regressor):\n"
        "    def fit(self, X, y):\n"
        "        X, y, _ = self._check_fit(X, y)\n"
        "        self.mean_ = y.mean()\n"
        "        return self\n"
        "    def predict(self, X):\n"
        "        return np.full(len(self._check_X(X)), self.mean_)\n"
    )
    info = site / "pellucid_acme-0.3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pellucid-acme\nVersion: 0.3.1\n")
    (info / "entry_points.txt").write_text("[pellucid.v1]\nacme = pellucid_acme._plugin\n")
    path = tmp_path / "m.npz"

    def run(program, **changes):
        places = os.pathsep.join([str(Path(pellucid.__file__).parents[1]), str(site)])
        environment = {**os.environ, "PYTHONPATH": places, "PELLUCID_PLUGINS": "pellucid-acme", **changes}
        program = f"path = {str(path)!r}\nimport sys, pellucid\n" + program
        subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, check=True)

    run("pellucid.save(pellucid.make('acme/mean').fit([[1.0], [2.0]], [1.0, 3.0]), path)")
    assert read_header(path)["version"] == "0.3.1" and read_header(path)["class"] == "pellucid_acme.mean:Mean"
    run("m = pellucid.load(path); assert m.predict([[5.0]]) == 2.0; assert 'pellucid_nn' not in sys.modules")
    run("try: pellucid.load(path)\nexcept pellucid.LoadError as e: assert 'acme/mean' in str(e)", PELLUCID_PLUGINS="")


def test_a_folder_is_no_name_for_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IsADirectoryError, match="names a folder"):
        pellucid.save(Line(), ".")


def test_a_name_too_long_for_the_system_is_a_load_error():
    with pytest.raises(LoadError, match="cannot load"):
        pellucid.load("a" * 5000)
