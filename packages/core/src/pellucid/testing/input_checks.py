"""What a model makes of its input: every form in which a table may come, and what is refused with which words."""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.checks import TABLES, NotApplicable, check, expect, fail, raises
from pellucid.testing.subjects import Subject, differences, heard, strange_numbers
from pellucid.testing.tasks import Data

ROUNDING = 1e-8  # as a share of the largest answer: another order of the same sums


# The same table in another form


@check("fit", *TABLES)
def lists_do_as_well_as_arrays(model: Subject) -> None:
    """Nested lists and tuples give the same as arrays."""
    X = model.data.X.tolist()
    y = None if model.data.y is None else model.data.y.tolist()
    one = model.glance(Data(X, y))
    for kind, rows in (("lists", X), ("tuples", tuple(map(tuple, X)))):
        saw = differences(model.answers(one, Data(rows)), model.glance_answers)
        expect(not saw, f"with {kind} {saw}")


@check("fit", *TABLES)
def memory_layout_does_not_matter(model: Subject) -> None:
    """Fortran order, every second row of an array, and rows or columns stored backwards give the same."""
    X = model.data.X
    layouts = {
        "Fortran order": np.asfortranarray(X),
        "every second row of an array": np.repeat(X, 2, axis=0)[::2],
        "rows stored backwards": X[::-1].copy()[::-1],
        "columns stored backwards": X[:, ::-1].copy()[:, ::-1],
    }
    for layout, same in layouts.items():
        saw = differences(_learn_and_ask(model, same), model.glance_answers, share=ROUNDING)
        expect(not saw, f"with {layout} {saw}")


@check("fit", *TABLES)
def float32_gives_nearly_the_same(model: Subject) -> None:
    """float32 gives what float64 does, as closely as seven digits allow: numbers to 1 %, 19 of 20 labels."""
    need_numbers(model)
    found, expected = _learn_and_ask(model, model.data.X.astype(np.float32)), model.glance_answers
    for name, value in expected.items():
        if np.asarray(value).dtype.kind == "f":
            saw = differences({name: found[name]}, {name: value}, share=0.01)
            expect(not saw, f"with float32 {saw}")
        else:
            same = np.mean(np.asarray(found[name]) == value)
            expect(same >= 0.95, f"with float32 {name} agrees in {same:.0%} of places")


@check("fit", *TABLES)
def float32_stays_float32(model: Subject) -> None:
    """A neural network that learns from float32 answers in float32."""
    need_numbers(model)
    if "neural network" not in model.spec.tags:
        raise NotApplicable("it is no neural network")
    for name, value in _learn_and_ask(model, model.data.X.astype(np.float32)).items():
        dtype = np.asarray(value).dtype
        expect(dtype.kind != "f" or dtype == np.float32, f"{name} has dtype {dtype}")


@check("fit", *TABLES)
def integers_equal_floats(model: Subject) -> None:
    """Whole numbers give the same as the floats that equal them."""
    need_numbers(model)
    X = np.rint(model.data.X)
    saw = differences(_learn_and_ask(model, X.astype(np.int64)), _learn_and_ask(model, X), share=ROUNDING)
    expect(not saw, saw)


@check("fit", *TABLES)
def bools_equal_zeros_and_ones(model: Subject) -> None:
    """True and False give the same as 1.0 and 0.0."""
    need_numbers(model)
    X = model.data.X > np.median(model.data.X, axis=0)
    saw = differences(_learn_and_ask(model, X), _learn_and_ask(model, X.astype(float)), share=ROUNDING)
    expect(not saw, saw)


@check("fit", *TABLES)
def width_is_remembered(model: Subject) -> None:
    """n_features_in_ is the number of columns at fit, and there is no feature_names_in_ where columns had no names."""
    width = getattr(model.fitted, "n_features_in_", None)
    expect(width == model.data.X.shape[1], f"n_features_in_ is {width} after a fit to {model.data.X.shape[1]} columns")
    expect(not hasattr(model.fitted, "feature_names_in_"), "there is a feature_names_in_ after a fit to an array")


@check("fit", *TABLES)
def pandas_frames_work(model: Subject) -> None:
    """A pandas data frame gives the same as its array, and its columns' names are remembered."""
    _expect_frames_work(model, "pandas")


@check("fit", *TABLES)
def polars_frames_work(model: Subject) -> None:
    """A polars data frame gives the same as its array, and its columns' names are remembered."""
    _expect_frames_work(model, "polars")


@check("fit", *TABLES)
def columns_in_another_order_are_noticed(model: Subject) -> None:
    """After a fit to named columns, the same columns in another order are a ValueError, or warned of."""
    frame = next((frame for frame in map(_frame_maker, ("pandas", "polars")) if frame is not None), None)
    if frame is None:
        raise NotApplicable("neither pandas nor polars is installed")
    X, names = model.data.X, _names(model.data.X)
    if len(names) < 2:
        raise NotApplicable("it is for one column")
    one = model.glance(replace(model.data, X=frame(X, names)))
    for method in _methods(model):
        try:
            with heard() as warned:
                getattr(one, method)(frame(X[:, ::-1], names[::-1]))
        except ValueError:
            continue
        expect(warned, f"{method} of the columns {', '.join(names[::-1])} took them for {', '.join(names)}")


# What is refused


@check("fit", *TABLES)
def nan_is_refused(model: Subject) -> None:
    """NaN in X is a ValueError that says so, unless the spec's tags have "missing values"."""
    need_numbers(model)
    if "missing values" in model.spec.tags:
        raise NotApplicable("it takes NaN for a missing value")
    _expect_refused(model, "NaN in X", _with(model.data.X, np.nan), words=("nan",))


@check("fit", *TABLES)
def infinity_is_refused(model: Subject) -> None:
    """Infinity in X is a ValueError that says so."""
    need_numbers(model)
    for infinity in (np.inf, -np.inf):
        _expect_refused(model, f"{infinity} in X", _with(model.data.X, infinity), words=("inf",))


@check("fit", *TABLES)
def complex_numbers_are_refused(model: Subject) -> None:
    """Complex numbers in X are a ValueError that says so."""
    need_numbers(model)
    _expect_refused(model, "complex X", model.data.X + 1j, words=("complex",))


@check("fit", *TABLES)
def text_is_refused(model: Subject) -> None:
    """Text in X that is no number is a ValueError or TypeError that speaks of numbers or shows the text."""
    need_numbers(model)
    words = ("red", "text", "string", "str", "number", "numeric")
    for X in (np.full(model.data.X.shape, "red"), _with(model.data.X.astype(object), "red")):
        _expect_refused(model, f"text in X of dtype {X.dtype}", X, ValueError, TypeError, words=words)


@check("fit", *TABLES)
def objects_are_refused(model: Subject) -> None:
    """Objects in X that are no numbers are a ValueError or TypeError that says so."""
    need_numbers(model)
    X = _with(model.data.X.astype(object), object())
    _expect_refused(model, "an object in X", X, ValueError, TypeError, words=("object", "number", "numeric", "float"))


@check("fit", *TABLES)
def sparse_matrices_are_no_surprise(model: Subject) -> None:
    """A sparse matrix gives the same as its array, or is a TypeError or ValueError that says sparse."""
    need_numbers(model)
    real = sys.modules.get("scipy.sparse")  # loaded by a model that knows SciPy's matrices
    X = _CSR(model.data.X) if real is None else real.csr_array(model.data.X)
    with _whatever_warns():
        try:
            found = _learn_and_ask(model, X)
        except (TypeError, ValueError):
            _expect_refused(model, "a sparse X", X, ValueError, TypeError, words=("sparse",))
            return
    saw = differences(found, model.glance_answers, share=ROUNDING)
    expect(not saw, f"it took a sparse matrix, and {saw}")


@check("fit", *TABLES)
def one_dimension_is_refused(model: Subject) -> None:
    """An X of one dimension is a ValueError that says what came."""
    if "one column" in model.spec.tags:
        raise NotApplicable("it is for one column, which may come as a row of numbers")
    words = ("1d", "1-d", "2d", "2-d", "dim", "shape")
    _expect_refused(model, "an X of one dimension", model.data.X[:, 0], words=words)


@check("fit", *TABLES)
def three_dimensions_are_refused(model: Subject) -> None:
    """An X of three dimensions is a ValueError that says what came."""
    _expect_refused(model, "an X of three dimensions", model.data.X[:, :, None], words=("3d", "3-d", "dim", "shape"))


@check("fit", *TABLES)
def no_rows_are_refused(model: Subject) -> None:
    """An X without rows is a ValueError that says so, at fit and after it."""
    words = ("0 sample", "0 row", "no row", "no sample", "empty", "shape", "at least one", "at least 1")
    _expect_refused(model, "an X without rows", model.data.X[:0], words=words)


@check("fit", *TABLES)
def no_columns_are_refused(model: Subject) -> None:
    """An X without columns is a ValueError that says so."""
    words = ("0 feature", "0 column", "no column", "no feature", "empty", "shape", "at least one", "at least 1")
    _expect_refused(model, "an X without columns", model.data.X[:, :0], words=words)


@check("fit", *TABLES)
def another_width_is_refused(model: Subject) -> None:
    """After fit, an X with fewer or more columns is a ValueError that names both numbers."""
    X = model.data.X
    fewer = [X[:, :-1]] if X.shape[1] > 1 else []
    for other in (*fewer, np.column_stack([X, X[:, 0]])):
        for method in _methods(model):
            what = f"{method} of {other.shape[1]} columns after a fit to {X.shape[1]}"
            for number in (other.shape[1], X.shape[1]):
                raises(what, partial(getattr(model.fitted, method), other), saying=str(number))


# Tables at the edge


@check("fit", *TABLES)
def one_row_is_enough_or_refused(model: Subject) -> None:
    """A single row gives finite answers, or a ValueError that says how many are needed."""
    expect_sense(model, "one row", _rows(model.data, slice(1)))


@check("fit", *TABLES)
def one_column_is_enough_or_refused(model: Subject) -> None:
    """A single column gives finite answers, or a ValueError."""
    expect_sense(model, "one column", replace(model.data, X=model.data.X[:, :1]))


@check("fit", *TABLES)
def two_identical_rows_make_sense(model: Subject) -> None:
    """Two identical rows give finite answers, or a ValueError."""
    expect_sense(model, "two identical rows", _rows(model.data, [0, 0]))


@check("fit", *TABLES)
def identical_rows_make_sense(model: Subject) -> None:
    """A table of one and the same row gives finite answers, or a ValueError."""
    row = model.data.X[:1]
    row = row if row.dtype == object else np.rint(row)  # whole numbers, whose mean is exact
    expect_sense(model, "identical rows", replace(model.data, X=np.repeat(row, len(model.data.X), axis=0)))


@check("fit", *TABLES)
def constant_column_makes_sense(model: Subject) -> None:
    """A column that is the same in every row gives finite answers, or a ValueError."""
    X = model.data.X
    X[:, -1] = X[0, -1] if X.dtype == object else 1.0
    expect_sense(model, "a constant column", replace(model.data, X=X))


@check("fit", *TABLES)
def repeated_column_makes_sense(model: Subject) -> None:
    """Two identical columns give finite answers, or a ValueError."""
    X = model.data.X
    if X.shape[1] < 2:
        raise NotApplicable("it is for one column")
    X[:, 1] = X[:, 0]
    expect_sense(model, "two identical columns", replace(model.data, X=X))


@check("fit", *TABLES)
def huge_numbers_make_sense(model: Subject) -> None:
    """Numbers around 1e150 give finite answers, or a ValueError; those of transform may overflow to infinity."""
    need_numbers(model)
    X = model.data.X * 1e150
    expect_sense(model, "an X around 1e150", replace(model.data, X=X), overflow=True)
    expect_sense(model, "an X around 1e150 after fit", replace(model.data, X=X), fit=False, overflow=True)
    if model.task == "regression":
        expect_sense(model, "a y around 1e150", replace(model.data, y=model.data.y * 1e150))


@check("fit", *TABLES)
def tiny_numbers_make_sense(model: Subject) -> None:
    """Numbers around 1e-150 give finite answers, or a ValueError."""
    need_numbers(model)
    X = model.data.X * 1e-150
    expect_sense(model, "an X around 1e-150", replace(model.data, X=X))
    expect_sense(model, "an X around 1e-150 after fit", replace(model.data, X=X), fit=False)


@check("fit", "classification", "regression")
def distance_from_zero_does_not_matter(model: Subject) -> None:
    """A model whose answers stay the same with 100 added to X predicts as well with a million added."""
    data = model.data
    if {"binary", "text"} & {*model.spec.tags}:
        raise NotApplicable("its X cannot be moved")
    with _whatever_warns():
        try:
            moved = _learn_and_ask(model, data.X + 100.0)
        except ValueError as error:
            raise NotApplicable("it refuses an X that is moved by 100") from error
        if differences(moved, model.glance_answers, share=1e-5):
            raise NotApplicable("what it learns depends on the distance of X from zero, and may")
        far = _learn_and_ask(model, data.X + 1e6)["predict"]
    here, there = (_closeness(model, found) for found in (model.glance_answers["predict"], far))
    what = "the share of right labels" if model.task == "classification" else "R²"
    expect(there >= here - 0.05, f"{what} is {there:.3f} with a million added to X, and {here:.3f} without")


# Rows


@check("fit", *TABLES)
def each_row_is_answered_alone(model: Subject) -> None:
    """What is said of a row does not depend on the rows beside it."""
    X = model.data.X
    for rows in (slice(5), slice(7, 8)):
        expected = {name: np.asarray(value)[rows] for name, value in _ask(model, model.fitted, X).items()}
        saw = differences(_ask(model, model.fitted, X[rows]), expected, share=ROUNDING)
        expect(not saw, f"asked of rows {rows.start or 0} to {rows.stop - 1} alone, {saw}")


@check("fit", *TABLES)
def answers_follow_their_rows(model: Subject) -> None:
    """Rows in another order give the same answers in that order."""
    X, order = model.data.X, np.random.default_rng(0).permutation(len(model.data.X))
    expected = {name: np.asarray(value)[order] for name, value in _ask(model, model.fitted, X).items()}
    saw = differences(_ask(model, model.fitted, X[order]), expected, share=ROUNDING)
    expect(not saw, saw)


# The target


@check("fit", "classification", "regression")
def y_of_another_length_is_refused(model: Subject) -> None:
    """A y that is shorter or longer than X is a ValueError that names both numbers."""
    data = model.data
    for y in (data.y[:-1], np.append(data.y, data.y[0])):
        for number in (len(data.X), len(y)):
            what = f"fit with {len(data.X)} rows of X and {len(y)} of y"
            raises(what, partial(model.glance, replace(data, y=y)), saying=str(number))


@check("fit", "classification", "regression")
def y_may_not_be_missing(model: Subject) -> None:
    """fit(X, None) is a ValueError that asks for y."""
    error = raises("fit(X, None)", lambda: model.make().fit(model.data.X, None))
    expect(re.search(r"\by\b", str(error)), f"the error for fit(X, None) does not speak of y: {error}")


@check("fit", "classification", "regression")
def nan_in_y_is_refused(model: Subject) -> None:
    """NaN in y is a ValueError that says so."""
    y = model.data.y.astype(float)
    y[3] = np.nan
    raises("fit with NaN in y", lambda: model.glance(replace(model.data, y=y)), saying="nan")


@check("fit", "classification", "regression")
def y_may_be_a_column(model: Subject) -> None:
    """A y of shape (N, 1) does as well as one of shape (N,), perhaps with a warning."""
    with _whatever_warns():
        found = _learn_and_ask(model, model.data.X, model.data.y[:, None])
    expected = model.glance_answers
    flat = {name: np.reshape(found[name], np.shape(expected[name])) for name in expected if name in found}
    saw = differences(flat, expected, share=ROUNDING)
    expect(not saw, saw)


@check("fit", "classification")
def one_class_is_learnt_or_refused(model: Subject) -> None:
    """With one class only, every row is of that class, or fit raises a ValueError that speaks of classes."""
    with _whatever_warns():
        try:
            found = _learn_and_ask(model, model.data.X, np.full(len(model.data.X), 7))
        except ValueError as error:
            expect("class" in str(error).lower(), f"the error for one class does not speak of classes: {error}")
            return
    expect(np.all(found["predict"] == 7), f"all rows are of class 7, but predict says {found['predict'][:5]}")
    saw = strange_numbers(found)
    expect(not saw, saw)


@check("fit", "classification")
def labels_keep_their_type(model: Subject) -> None:
    """Labels may be strings, objects, negative numbers or booleans, and predict returns such as were given."""
    y, expected = model.data.y, np.asarray(model.glance_answers["predict"])
    for kinds, labels in {
        "strings": np.array(["ash", "birch", "oak"]),
        "strings in an object array": np.array(["ash", "birch", "oak"], dtype=object),
        "negative numbers": np.array([-3, -2, -1]),
    }.items():
        found = np.asarray(_learn_and_ask(model, model.data.X, labels[y])["predict"])
        expect(found.dtype.kind == labels.dtype.kind, f"for labels that are {kinds} predict has dtype {found.dtype}")
        expect(
            np.array_equal(found, labels[expected]), f"for labels that are {kinds} predict differs in more than name"
        )
    found = np.asarray(_learn_and_ask(model, model.data.X, y == 1)["predict"])
    expect(found.dtype == bool, f"for labels that are booleans predict has dtype {found.dtype}")


@check("fit", "classification")
def unknown_labels_score_nothing(model: Subject) -> None:
    """score counts labels that the model never saw as wrong."""
    model.need("score")
    score = model.fitted.score(model.data.X, model.data.y + 100)
    expect(score == 0, f"the score is {score} for labels of which it knows none")


@check("fit", "regression")
def targets_may_be_of_any_type(model: Subject) -> None:
    """A y of whole numbers, in float32 or as a list does as well as a float array."""
    X, y = model.data.X, np.rint(model.data.y)  # as exact in float32 as in float64
    expected = _learn_and_ask(model, X, y)
    for kind, same in {"int": y.astype(np.int64), "float32": y.astype(np.float32), "a list": y.tolist()}.items():
        saw = differences(_learn_and_ask(model, X, same), expected, share=1e-6)
        expect(not saw, f"with y as {kind} {saw}")


# What the checks share


def need_numbers(model: Subject) -> None:
    """Leave the check where X holds words."""
    if "text" in model.spec.tags:
        raise NotApplicable("its X holds words")


class _CSR:
    """What tells a sparse matrix from an array, and nothing more; its name does not say it either."""

    def __init__(self, X: NDArray[Any]) -> None:
        self._X = X
        self.shape, self.dtype, self.ndim = X.shape, X.dtype, 2

    def toarray(self) -> NDArray[Any]:
        return self._X

    def tocsr(self) -> _CSR:
        return self


def _learn_and_ask(model: Subject, X: Any, y: Any = None) -> Mapping[str, Any]:
    """What a model says of a table that it had a short look at, with the y of the toy data unless given."""
    data = replace(model.data, X=X, y=model.data.y if y is None else y)
    return model.answers(model.glance(data), data)


def _ask(model: Subject, one: Any, X: Any) -> dict[str, Any]:
    """What the methods of a fitted model say of a table."""
    return {name: getattr(one, name)(X) for name in _methods(model)}


def _methods(model: Subject) -> list[str]:
    """The names of the methods that answer; the check is left where there are none."""
    if not model.methods:
        raise NotApplicable("it says nothing of data that it was not fitted to")
    return model.methods


def _expect_refused(
    model: Subject, what: str, X: Any, *kinds: type[BaseException], words: tuple[str, ...] = ()
) -> None:
    """Expect an error with one of these words from fit, and from what comes after it."""
    n_rows = X.shape[0]
    y = None if model.data.y is None else model.data.y[:n_rows]
    calls: dict[str, Callable[[], Any]] = {"fit": lambda: model.glance(replace(model.data, X=X, y=y))}
    for name in model.methods:
        calls[name] = partial(getattr(model.fitted, name), X)
    with _whatever_warns():
        for name, call in calls.items():
            error = raises(f"{name} with {what}", call, *kinds)
            said = str(error).lower()
            expect(any(word in said for word in words), f"{name} with {what} does not say what came: {error}")


def expect_sense(model: Subject, what: str, data: Data, fit: bool = True, overflow: bool = False) -> None:
    """Expect finite answers or a ValueError, of a new model or of the fitted one; with `overflow`, transform may."""
    with _whatever_warns():
        try:
            found = dict(model.answers(model.glance(data) if fit else model.fitted, data))
            wide = {"transform": found.pop("transform")} if overflow and "transform" in found else {}
            saw = strange_numbers(found) or strange_numbers(wide, infinity=False)
        except np.linalg.LinAlgError as error:
            fail(f"{what} raised LinAlgError, which does not say what is wrong with the data: {error}")
        except ValueError as error:
            expect(str(error).strip(), f"{what} raised {type(error).__name__} without a message")
            return
    expect(not saw, f"with {what} {saw}")


def _expect_frames_work(model: Subject, library: str) -> None:
    frame = _frame_maker(library)
    if frame is None:
        raise NotApplicable(f"{library} is not installed")
    data, names = model.data, _names(model.data.X)
    y = None if data.y is None else importlib.import_module(library).Series(data.y)
    framed = Data(frame(data.X, names), y)
    one = model.glance(framed)
    saw = differences(model.answers(one, framed), model.glance_answers, share=ROUNDING)
    expect(not saw, saw)
    found = list(getattr(one, "feature_names_in_", []))
    expect(found == names, f"feature_names_in_ is {found}, and the columns are {names}")


def _frame_maker(library: str) -> Callable[[NDArray[Any], list[str]], Any] | None:
    """What makes a data frame of a table and names for its columns; None where the library is not installed."""
    try:
        frames = importlib.import_module(library)
    except ImportError:
        return None
    return lambda X, names: frames.DataFrame({name: X[:, d] for d, name in enumerate(names)})


def _names(X: NDArray[Any]) -> list[str]:
    return [f"column {d}" for d in range(X.shape[1])]


def _closeness(model: Subject, predicted: Any) -> float:
    """The share of right labels, or R²."""
    y = np.asarray(model.data.y)
    if model.task == "classification":
        return float(np.mean(np.asarray(predicted) == y))
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def _rows(data: Data, rows: Any) -> Data:
    return replace(data, X=data.X[rows], y=None if data.y is None else data.y[rows])


def _with(X: NDArray[Any], value: Any) -> NDArray[Any]:
    """A table with a value in one of its places."""
    X[3, -1] = value
    return X


@contextmanager
def _whatever_warns() -> Iterator[None]:
    """A block in which no warning is shown: what counts is the answer or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield
