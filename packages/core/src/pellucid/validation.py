"""Checks at the public door: what a model is handed becomes plain arrays, or an error that says what to do.

Every estimator checks its input once, here, and its pure functions may then rely on it: data are two-dimensional,
finite, `float64` or `float32`; targets and weights have one entry a row; random states are generators. Nothing here
writes into its argument, and data that already are as they must be are not copied.

The opening words of the messages are those that scikit-learn's users know (and its own checks look for).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.sklearn_protocols import conversion_warning

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IndexArray: TypeAlias = NDArray[np.int64]


# -- data ----------------------------------------------------------------------------------------------------------


def check_array(
    X: Any, *, name: str = "the model", min_rows: int = 1, min_columns: int = 1, allow_nan: bool = False
) -> FloatArray:
    """Turn tabular data into a float array: anything array-like -> (N, D).

    Parameters
    ----------
    X : array-like of shape (N, D)
        A NumPy array, nested lists, or a pandas or polars data frame. `float32` stays; every other real type becomes
        `float64`. A proper array is returned as it is, not copied.
    name : str
        Who asks, for the messages.
    min_rows, min_columns : int
        The fewest rows and columns that make sense.
    allow_nan : bool
        Whether NaN may stand for a missing value. Infinity is never accepted.

    Returns
    -------
    ndarray of shape (N, D), float64 or float32

    Raises
    ------
    ValueError
        When the data are not two-dimensional, too small, complex, text, dates, NaN or infinite.
    TypeError
        When the data are sparse, or an entry is not a number at all.
    """
    A = _as_real(X, "X")
    if A.ndim != 2:
        raise ValueError(_wrong_dimensions(A, name))
    N, D = A.shape
    if N < min_rows:
        raise ValueError(
            f"Found array with {N} sample(s) (shape={A.shape}) while a minimum of {min_rows} is required by {name}."
        )
    if D < min_columns:
        raise ValueError(
            f"Found array with {D} feature(s) (shape={A.shape}) while a minimum of {min_columns} is required by {name}."
        )
    _check_finite(A, "X", name, X, allow_nan)
    return A


def feature_names(X: Any) -> NDArray[np.object_] | None:
    """Return the column names of a data frame, or None when `X` has no names, or names that are not text.

    Raises
    ------
    TypeError
        When some column names are text and others are not.
    """
    columns = getattr(X, "columns", None)
    if columns is None or callable(columns) or isinstance(X, np.ndarray):
        return None
    names = list(columns)
    kinds = sorted({type(column).__qualname__ for column in names})
    if "str" not in kinds:
        return None
    if len(kinds) > 1:
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your input has "
            f"{kinds} as feature name / column name types. Make them all text, for example with "
            "X.columns = X.columns.astype(str), or pass the values without names: X.to_numpy()."
        )
    return np.array(names, dtype=object)


def check_feature_names(fitted: NDArray[np.object_] | None, X: Any, name: str) -> None:
    """Compare the column names of `X` with those seen at fit.

    Parameters
    ----------
    fitted : ndarray of str, or None
        The names at fit; None when the data had none.
    X : array-like
        The new data.
    name : str
        Who asks, for the messages.

    Raises
    ------
    ValueError
        When both have names and these differ, or stand in another order.
    """
    given = feature_names(X)
    if given is None and fitted is None:
        return
    if fitted is None:
        warnings.warn(f"X has feature names, but {name} was fitted without feature names", UserWarning, stacklevel=4)
        return
    if given is None:
        warnings.warn(
            f"X does not have valid feature names, but {name} was fitted with feature names", UserWarning, stacklevel=4
        )
        return
    if list(fitted) == list(given):
        return
    unseen, missing = sorted(set(given) - set(fitted)), sorted(set(fitted) - set(given))
    message = "The feature names should match those that were passed during fit.\n"
    if unseen:
        message += "Feature names unseen at fit time:\n" + _bullets(unseen)
    if missing:
        message += "Feature names seen at fit time, yet now missing:\n" + _bullets(missing)
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    raise ValueError(message)


def _bullets(names: list[str], most: int = 5) -> str:
    return "".join(f"- {name}\n" for name in names[:most]) + ("- ...\n" if len(names) > most else "")


def _wrong_dimensions(A: NDArray[Any], name: str) -> str:
    if A.ndim > 2:
        return f"Found array with dim {A.ndim}, while dim <= 2 is required by {name}. Its shape is {A.shape}."
    if A.ndim == 1:
        return (
            f"Expected 2D array, got 1D array instead (shape={A.shape}).\nReshape your data either using "
            "array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it contains a single "
            "sample."
        )
    return (
        f"Expected 2D array, got scalar array instead ({A}).\nReshape your data either using array.reshape(-1, 1) "
        "or array.reshape(1, -1)."
    )


def _as_array(values: Any, what: str) -> NDArray[Any]:
    """np.asarray, without what it would do silently: drop a mask, box a sparse matrix or a dict."""
    if hasattr(values, "toarray") or hasattr(values, "todense"):
        raise TypeError(
            f"Sparse data was passed for {what}, but dense data is required. Use '.toarray()' to convert it to a dense "
            "array."
        )
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        raise ValueError(f"{what} is a masked array with masked entries. Fill them first: {what}.filled(value).")
    try:
        A = np.asarray(values)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(f"{what} must be rectangular, every row as long as the first; {_ragged(values)}") from error
    if A.ndim == 0 and A.dtype.kind == "O" and not hasattr(values, "__float__"):  # a dict, a set, a generator, None
        advice = "Call .collect() first." if hasattr(values, "collect") else "Pass an array, lists or a data frame."
        raise TypeError(f"{what} must be array-like, got {type(values).__name__}. {advice}")
    if A.dtype.kind == "c":
        raise ValueError(
            f"Complex data not supported\n{what} has dtype {A.dtype}. Pass real and imaginary parts as columns."
        )
    return A


def _ragged(rows: Any) -> str:
    """What is wrong with rows that NumPy finds inhomogeneous."""
    lengths = [len(row) if hasattr(row, "__len__") else None for row in rows]
    odd = next((n for n, length in enumerate(lengths) if length != lengths[0]), None)
    if odd is None:
        return "its entries are not single numbers."
    words = ["a single value" if lengths[n] is None else f"{lengths[n]} values" for n in (0, odd)]
    return f"row 0 has {words[0]}, row {odd} has {words[1]}."


def _as_real(values: Any, what: str) -> FloatArray:
    """Array-like -> float64 or float32 array of the same shape. `what` is its name in messages."""
    A = _as_array(values, what)
    if A.dtype == np.float64 or A.dtype == np.float32:
        real: FloatArray = A
        return real
    if A.dtype.kind in "fiub":
        with np.errstate(over="ignore"):  # a longdouble beyond float64 becomes inf, and is reported as such
            return A.astype(np.float64)
    if A.dtype.kind == "O":
        if not any(isinstance(v, (str, bytes)) for v in A.flat):
            try:
                return A.astype(np.float64)
            except (TypeError, ValueError, OverflowError):
                pass  # one by one below, to say which entry
        return _objects_to_real(A, what, values)
    kind = {"M": "dates", "m": "time spans", "V": "records"}.get(A.dtype.kind, "text")
    raise ValueError(f"{what} must hold numbers, got {kind} (dtype {A.dtype}). {_advice(kind, what)}")


def _advice(kind: str, what: str) -> str:
    if kind == "dates":
        return f"Turn them into numbers first, for example days: ({what} - {what}.min()) / np.timedelta64(1, 'D')."
    if kind == "time spans":
        return f"Turn them into numbers first, for example hours: {what} / np.timedelta64(1, 'h')."
    if kind == "records":
        return "Use numpy.lib.recfunctions.structured_to_unstructured."
    return "Encode categories as numbers (one column for each category), or convert numerals with .astype(float)."


def _objects_to_real(A: NDArray[Any], what: str, source: Any) -> FloatArray:
    """The slow way for object arrays: an entry that is no number is named with its place."""
    real = np.empty(A.shape, dtype=np.float64)
    for place in np.ndindex(A.shape):
        value = A[place]
        if value is None or type(value).__name__ in ("NAType", "NaTType"):  # pandas.NA and pandas.NaT
            real[place] = np.nan
        elif isinstance(value, (str, bytes)):
            where, advice = _where(place, source), _advice("text", what)
            raise ValueError(f"{what} must hold numbers, got the text {value!r} {where}. {advice}")
        elif isinstance(value, complex):
            raise ValueError(f"Complex data not supported\n{what} holds {value!r} {_where(place, source)}.")
        elif hasattr(value, "isoformat"):
            where, advice = _where(place, source), _advice("dates", what)
            raise ValueError(f"{what} must hold numbers, got the date {value!r} {where}. {advice}")
        else:
            try:
                real[place] = float(value)
            except (TypeError, ValueError, OverflowError) as error:
                where = _where(place, source)
                raise TypeError(f"{what} must hold numbers, got {type(value).__name__} {where} ({error}).") from error
    return real


def _where(place: tuple[int, ...], source: Any) -> str:
    """A place in an array in words, with the column's name if the array came from a data frame."""
    if len(place) < 2:
        return f"in row {place[0]}" if place else "as its only value"
    columns = feature_names(source)
    column = f"column {place[1]}" if columns is None else f"column {columns[place[1]]!r}"
    return f"in row {place[0]}, {column}"


def _check_finite(A: FloatArray, what: str, name: str, source: Any = None, allow_nan: bool = False) -> None:
    """Raise at the first NaN or infinity, saying where it stands and how many there are."""
    with np.errstate(over="ignore", invalid="ignore"):
        flat = A.ravel(order="K") if A.flags.forc else None  # a view
        if np.isfinite(A.sum(dtype=np.float64) if flat is None else flat @ flat):
            return  # one cheap number that is finite only if every entry is; a dot product is the cheapest
    for kind, bad in (("NaN", np.isnan(A)), ("infinity", np.isinf(A))):
        if (kind == "NaN" and allow_nan) or not bad.any():
            continue
        where = _where(tuple(int(i) for i in np.argwhere(bad)[0]), source)
        count = int(np.count_nonzero(bad))
        if kind == "infinity":
            kind = f"infinity or a value too large for {A.dtype!r}"
            advice = "Replace it, or rescale the data."
        else:
            advice = "Drop those rows, or fill the gaps first (with the column's mean or median, say)."
        times = "once" if count == 1 else f"{count} times, first"
        raise ValueError(
            f"Input {what} contains {kind}.\n{name} does not accept it; it stands {times} {where}. {advice}"
        )


def check_rows(n_rows: int, values: NDArray[Any]) -> None:
    """Raise unless `values` has one entry for each of the `n_rows` rows."""
    if values.shape[:1] != (n_rows,):
        got = values.shape[0] if values.ndim else "a single value"
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{n_rows}, {got}]. X and y must have one "
            "entry for each row."
        )


# -- targets -------------------------------------------------------------------------------------------------------


def check_target(
    y: Any,
    *,
    name: str = "the model",
    multi_output: bool = False,
    dtype: np.dtype[Any] | type[np.floating[Any]] = np.float64,
) -> FloatArray:
    """Turn the target of a regression into floats of `dtype`: array-like -> (N,), or (N, T) with `multi_output`.

    A column vector (N, 1) becomes (N,) with a warning, unless `multi_output` is true.

    Raises
    ------
    ValueError
        When `y` is None, of the wrong dimensions, complex, text, NaN or infinite.
    """
    y = _present(y, name)
    values = _one_dimensional(_as_real(y, "y"), multi_output)
    with np.errstate(over="ignore"):  # beyond float32 becomes inf, and is reported as such
        values = values.astype(dtype, copy=False)
    _check_finite(values, "y", name)
    return values


def check_labels(y: Any, *, name: str = "the model", known: Any = None) -> tuple[NDArray[Any], IndexArray]:
    """Turn class labels into indices: array-like of N integers, booleans or strings -> (K,), (N,).

    Parameters
    ----------
    y : array-like of shape (N,)
    name : str
        Who asks, for the messages.
    known : array-like of shape (K,), optional
        The classes there are, for data that need not show all of them.

    Returns
    -------
    classes : ndarray of shape (K,)
        The distinct labels, sorted: those of `known`, else those of `y`. Strings in an object array stay objects.
    indices : ndarray of int64, shape (N,)
        `classes[indices]` equals `y`.

    Raises
    ------
    ValueError
        When `y` is None, not one-dimensional, has missing labels, labels that are not discrete, or not known.
    """
    labels = _one_dimensional(_as_array(_present(y, name), "y"), False)
    if labels.dtype.kind == "T":  # NumPy's variable-length strings
        labels = labels.astype(object)
    if labels.dtype.kind == "O":
        labels = _object_labels(labels, name)
    if labels.dtype.kind == "f":
        _check_finite(labels, "y", name)
        fractions = labels[labels != np.trunc(labels)]
        if len(fractions):
            raise ValueError(
                "Unknown label type: continuous. Maybe you are trying to fit a classifier, which expects discrete "
                f"classes, on a regression target with continuous values (the first: {fractions[0]}). "
                "Use a regressor, or turn y into classes with np.digitize."
            )
    elif labels.dtype.kind not in "iubUO":
        raise ValueError(
            f"Unknown label type: {labels.dtype}. Labels must be integers, booleans or strings."
            + (" Decode bytes first: y.astype(str)." if labels.dtype.kind == "S" else "")
        )
    found, indices = np.unique(labels, return_inverse=True)
    if known is None:
        return found, indices.astype(np.int64, copy=False)
    classes, _ = check_labels(known, name=name)
    place = {label: k for k, label in enumerate(classes.tolist())}
    if strange := [label for label in found.tolist() if label not in place]:
        raise ValueError(f"y has the labels {strange}, but the classes of {name} are {classes.tolist()}.")
    return classes, np.array([place[label] for label in found.tolist()], dtype=np.int64)[indices]


def _object_labels(labels: NDArray[Any], name: str) -> NDArray[Any]:
    """Objects that are all strings stay; all booleans or all numbers become an array of such; others are refused."""
    for n, label in enumerate(labels):
        missing = label is None or type(label).__name__ in ("NAType", "NaTType")
        if missing or (isinstance(label, (float, np.floating)) and np.isnan(label)):
            raise ValueError(
                f"Input y contains NaN.\n{name} needs a label for every row, but row {n} has {label!r}. "
                "Drop those rows first."
            )
    if all(isinstance(label, str) for label in labels):
        return labels
    is_bool = [isinstance(label, (bool, np.bool_)) for label in labels]
    if all(is_bool):
        return labels.astype(bool)
    if not any(is_bool) and all(isinstance(label, (int, float, np.integer, np.floating)) for label in labels):
        return np.array(labels.tolist())
    found = sorted({type(label).__name__ for label in labels})
    raise ValueError(
        f"Unknown label type: unknown. Maybe you are trying to fit a classifier, which expects discrete classes: all "
        f"integers, all booleans or all strings, but y mixes or holds {', '.join(found)}. Convert it, for example with "
        "y.astype(str)."
    )


def _present(y: Any, name: str) -> Any:
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    return y


def _one_dimensional(y: NDArray[Any], multi_output: bool) -> NDArray[Any]:
    if y.ndim == 1 or (multi_output and y.ndim == 2):
        return y
    if y.ndim == 2 and y.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples,), "
            "for example using ravel().",
            conversion_warning(),
            stacklevel=5,
        )
        return y[:, 0]
    expected = "1d or 2d" if multi_output else "1d"
    raise ValueError(f"y should be a {expected} array, got an array of shape {y.shape} instead.")


# -- weights -------------------------------------------------------------------------------------------------------


def check_sample_weight(
    sample_weight: Any,
    n_rows: int,
    *,
    name: str = "the model",
    dtype: np.dtype[Any] | type[np.floating[Any]] = np.float64,
    allow_negative: bool = False,
) -> FloatArray | None:
    """Turn sample weights into floats: None, a number or array-like of N numbers -> None or (N,).

    Raises
    ------
    ValueError
        When there is not one weight a row, one is NaN, infinite or negative, or all are zero.
    """
    if sample_weight is None:
        return None
    weights = _as_real(sample_weight, "sample_weight").astype(dtype, copy=False)
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got an array of shape {weights.shape}.")
    if len(weights) != n_rows:
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(n_rows,)}: one weight for each row of X.")
    _check_finite(weights, "sample_weight", name)
    if not allow_negative and np.any(weights < 0):
        row = int(np.argmax(weights < 0))
        raise ValueError(
            f"Negative values in data passed to `sample_weight`: row {row} has {weights[row]}. Weights must be 0 or "
            "more."
        )
    if not np.any(weights):
        raise ValueError("Sample weights must contain at least one non-zero number; all are zero.")
    return weights


def check_class_weight(
    class_weight: Any, classes: NDArray[Any], indices: IndexArray, sample_weight: FloatArray | None = None
) -> FloatArray:
    """Return the weight of each class: None, "balanced" or a mapping -> (K,).

    Parameters
    ----------
    class_weight : None, "balanced" or dict
        None gives every class 1. "balanced" gives class k the weight N / (K Nₖ), so that the classes count alike; Nₖ
        is a sum of sample weights when there are any. A mapping gives weights by label; labels it leaves out have 1.
    classes : ndarray of shape (K,)
    indices : ndarray of shape (N,)
        Which class each row has.
    sample_weight : ndarray of shape (N,), optional

    Raises
    ------
    ValueError
        When the mapping names labels that `y` does not have while it leaves out some that `y` has, or when a weight
        is negative or not finite.
    """
    K = len(classes)
    if class_weight is None:
        return np.ones(K)
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(indices, weights=sample_weight, minlength=K)  # (K,)
        with np.errstate(divide="ignore"):
            return np.where(counts > 0, counts.sum() / (K * counts), 0.0)
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict of label to weight, got {class_weight!r}.")
    labels = classes.tolist()
    left_out = [label for label in labels if label not in class_weight]
    if left_out and K - len(left_out) != len(class_weight):
        raise ValueError(
            f"The classes, {left_out}, are not in class_weight, while it names classes that y does not have: "
            f"{[label for label in class_weight if label not in labels]}. The classes of y are {labels}."
        )
    weights = _as_real([class_weight.get(label, 1.0) for label in labels], "class_weight")
    if not np.isfinite(weights).all() or np.any(weights < 0):
        raise ValueError(f"class_weight must hold finite numbers of 0 or more, got {dict(class_weight)!r}.")
    return weights


# -- random states -------------------------------------------------------------------------------------------------


def is_whole(value: Any) -> bool:
    """Whether a parameter is an integer, of Python or NumPy, and not True or False."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def is_number(value: Any) -> bool:
    """Whether a parameter is an integer or a float, of Python or NumPy, and not NaN, True or False."""
    return is_whole(value) or (isinstance(value, (float, np.floating)) and value == value)


def check_rng(random_state: Any = None) -> np.random.Generator:
    """Turn a `random_state` into a generator.

    Parameters
    ----------
    random_state : None, int, Generator, SeedSequence, BitGenerator or RandomState
        None draws fresh entropy from the system. An integer or a `SeedSequence` seeds a new generator: the same seed,
        the same numbers. A `Generator` is used as it is, so every use moves it on. A legacy `RandomState` gives a
        seed, drawn from it. NumPy's global state is neither read nor changed.

    Raises
    ------
    ValueError
        For anything else, and for a negative seed.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(0, 2**32, size=4, dtype=np.uint32))
    seed = random_state
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, (bool, np.bool_)) and seed >= 0:
        return np.random.default_rng(int(seed))
    if seed is None or isinstance(seed, (np.random.SeedSequence, np.random.BitGenerator)):
        return np.random.default_rng(seed)
    raise ValueError(
        f"random_state must be None, an integer of 0 or more, or a numpy.random.Generator, got {random_state!r}. "
        "Try random_state=0."
    )
