"""Trees of plain values: how nested Python values become JSON and named arrays, and values again.

JSON holds None, booleans, integers, finite floats, strings and lists as they are. Everything else is an object with one
key, its tag:

    {"array": NAME}                       an array, in the archive under NAME
    {"objects": [SHAPE, ENTRIES]}         an array of objects, such as strings, entry by entry
    {"scalar": [DTYPE, VALUE]}            a NumPy scalar
    {"dtype": [DTYPE, IS_CLASS]}          a NumPy dtype, or the class of its scalars
    {"float": "nan"}   {"complex": [RE, IM]}   {"tuple": [...]}   {"dict": [[KEY, VALUE], ...]}
    {"record": [NAME, {FIELD: VALUE}]}    a named tuple, of a class that the reader already has
    {"generator": {...}}   {"seed_sequence": {...}}        the state of a random generator
    {"model": {...}}                      a registered model: its id, parameters and learnt state

Functions, bytes, sets and objects of other classes are refused with the place where they stand: reading them back would
need code from the file, or a guess.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from pellucid.archive import ARRAY_KINDS, Archive, Unfit

Records = Mapping[str, type]  # the named tuples that may occur, by name

_MAX_DEPTH = 100
_BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
_STATE_LIMITS = {"pos": 624, "buffer_pos": 4, "has_uint32": 1, "uinteger": 2**32 - 1}  # beyond: reads outside memory


def is_record(cls: Any) -> bool:
    """Whether a class is a named tuple."""
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make")


def by_name(records: Iterable[type]) -> dict[str, type]:
    """Named tuple classes by name."""
    return {record.__name__: record for record in records}


# -- values to JSON ------------------------------------------------------------------------------------------------


class Encoder:
    """Turns values into JSON values and collects their arrays.

    Parameters
    ----------
    model : callable
        `model(value, encoder, path, depth)` returns the fields of a model; it refuses what is none.

    Attributes
    ----------
    arrays : dict of str to ndarray
    """

    def __init__(self, model: Callable[[Any, Encoder, str, int], dict[str, Any]]) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self._taken: dict[str, int] = {}  # how often; in lower case, since some systems unpack without regard to case
        self._model = model

    def encode(self, value: Any, path: str, records: Records, depth: int = 0) -> Any:
        """Return the JSON form of a value. `path` names its place, for messages and for the arrays' names."""
        if depth > _MAX_DEPTH:
            raise TypeError(f"cannot save {path[:80]}...: it is nested {_MAX_DEPTH} deep; does it contain itself?")

        def inside(item: Any, name: object) -> Any:
            return self.encode(item, f"{path}/{name}" if path else str(name), records, depth + 1)

        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is complex:
            return {"complex": [inside(value.real, "real"), inside(value.imag, "imag")]}
        if kind is list:
            return [inside(item, n) for n, item in enumerate(value)]
        if kind is tuple:
            return {"tuple": [inside(item, n) for n, item in enumerate(value)]}
        if kind is dict:
            return {"dict": [[inside(key, "key"), inside(item, key)] for key, item in value.items()]}
        if kind is np.ndarray or kind is np.memmap:
            if value.dtype.kind == "O":
                return {"objects": [list(value.shape), [inside(item, n) for n, item in enumerate(value.ravel())]]}
            return {"array": self._store(value, path)}
        if isinstance(value, np.generic) and not isinstance(value, bytes):
            simple = isinstance(value.item(), (bool, int, float, str)) and value.dtype.kind in "biufU"
            name = "<U1" if value.dtype.kind == "U" else value.dtype.str  # a string has its length from its value
            return {"scalar": [name, inside(value.item() if simple else np.asarray(value), "scalar")]}
        if isinstance(value, np.dtype) or (kind is type and issubclass(value, np.generic)):
            return {"dtype": [_plain_dtype(np.dtype(value), path).str, kind is type]}
        if is_record(kind):
            if records.get(kind.__name__) is not kind:
                raise TypeError(
                    f"cannot save {path}: the named tuple {kind.__name__} must be known in the module of the model "
                    "that holds it, by that name; define or import it there"
                )
            return {"record": [kind.__name__, {name: inside(getattr(value, name), name) for name in kind._fields}]}
        if isinstance(value, np.random.Generator):
            return {"generator": inside(_generator_fields(value, path), "generator")}
        if isinstance(value, np.random.SeedSequence):
            return {"seed_sequence": inside(_seed_fields(value), "seed_sequence")}
        if hasattr(value, "get_params") and not isinstance(value, type):
            return {"model": self._model(value, self, path, depth)}
        _refuse(value, path)

    def _store(self, value: NDArray[Any], path: str) -> str:
        """Keep an array under a name that is plain, unique and tells its place."""
        _plain_dtype(value.dtype, path)
        stem = re.sub(r"-*/[-/]*", "/", re.sub(r"[^A-Za-z0-9_/]+", "-", path)).strip("/-")[:150].rstrip("/-")
        name = stem = stem or "array"
        while name.lower() in self._taken:
            self._taken[stem.lower()] += 1
            name = f"{stem}-{self._taken[stem.lower()]}"
        self._taken[name.lower()] = 1
        self.arrays[name] = np.asarray(value)
        return name


def _plain_dtype(dtype: np.dtype[Any], path: str) -> np.dtype[Any]:
    if dtype.kind in ARRAY_KINDS and dtype.itemsize:
        return dtype
    advice = {"V": "store one array for each field", "O": "give the dtype by name, as a string"}
    advised = advice.get(dtype.kind, "use .astype(object) or .astype(str)")
    raise TypeError(f"cannot save {path}: dtype {dtype}; {advised}")


def _refuse(value: Any, path: str) -> NoReturn:
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"cannot save {path}: bytes; use np.frombuffer(value, np.uint8) or .decode()")
    if isinstance(value, (set, frozenset)):
        raise TypeError(f"cannot save {path}: a set, which has no order; use sorted(value)")
    if isinstance(value, np.random.RandomState):
        raise TypeError(f"cannot save {path}: a RandomState; use an integer or np.random.default_rng(seed)")
    if isinstance(value, (dict, list, tuple, str, int, float)):
        base = next(c for c in type(value).__mro__ if c in (dict, list, tuple, str, bool, int, float))
        raise TypeError(f"cannot save {path}: a {type(value).__name__}; use {base.__name__}(value)")
    if isinstance(value, type) or callable(value):
        what = getattr(value, "__qualname__", type(value).__name__)
        raise TypeError(
            f"cannot save {path}: {what} is a {'class' if isinstance(value, type) else 'function'}, and loading never "
            "runs code that a file brings; use a string that names it"
        )
    raise TypeError(
        f"cannot save {path}: a {type(value).__module__}.{type(value).__qualname__}; a file holds plain values, "
        "arrays and registered models. Store what it consists of"
    )


def _seed_fields(seed: np.random.SeedSequence) -> dict[str, Any]:
    entropy = seed.entropy
    return {
        "entropy": entropy if entropy is None or isinstance(entropy, int) else [int(word) for word in entropy],
        "spawn_key": [int(word) for word in seed.spawn_key],
        "pool_size": seed.pool_size,
        "n_children_spawned": seed.n_children_spawned,
    }


def _generator_fields(generator: np.random.Generator, path: str) -> dict[str, Any]:
    bits = generator.bit_generator
    name = type(bits).__name__
    if name not in _BIT_GENERATORS:
        raise TypeError(f"cannot save {path}: a random generator on {name}; use one of NumPy's own")
    seed = bits.seed_seq
    return {
        "name": name,
        "state": dict(bits.state),
        "seed": seed if isinstance(seed, np.random.SeedSequence) else None,
    }


# -- JSON to values ------------------------------------------------------------------------------------------------


class Decoder:
    """Turns JSON values from an archive back into values; raises Unfit at whatever is not as it must be.

    Parameters
    ----------
    archive : Archive
        Where the arrays are.
    model : callable
        `model(fields, decoder, depth)` returns the model.
    """

    def __init__(self, archive: Archive, model: Callable[[Any, Decoder, int], Any]) -> None:
        self._archive = archive
        self._model = model

    def decode(self, value: Any, records: Records, depth: int = 0) -> Any:
        """Return the value of a JSON form."""
        if depth > _MAX_DEPTH:
            raise Unfit("its header is nested too deeply")
        if value is None or isinstance(value, (bool, int, float, str)):
            return value

        def inside(item: Any) -> Any:
            return self.decode(item, records, depth + 1)

        if isinstance(value, list):
            return [inside(item) for item in value]
        (tag, body), *more = value.items() if len(value) else [("nothing", None)]
        if more:
            raise Unfit(f"its header has an object with {len(value)} keys where one tag must be")
        if tag == "array":
            return self._archive.take(body)
        if tag == "objects":
            shape, entries = _pair(body, tag)
            return _object_array(_list(shape, tag), [inside(item) for item in _list(entries, tag)])
        if tag == "scalar":
            name, item = _pair(body, tag)
            return _scalar(name, inside(item))
        if tag == "dtype":
            name, is_class = _pair(body, tag)
            return _dtype(name).type if is_class is True else _dtype(name)
        if tag == "float":
            if body not in ("nan", "inf", "-inf"):
                raise Unfit(f"its header has the float {str(body)[:40]!r}")
            return float(body)
        if tag == "complex":
            return complex(*(_number(inside(item), tag) for item in _pair(body, tag)))
        if tag == "tuple":
            return tuple(inside(item) for item in _list(body, tag))
        if tag == "dict":
            return _dict([(inside(key), inside(item)) for key, item in (_pair(p, tag) for p in _list(body, tag))])
        if tag == "record":
            name, fields = _pair(body, tag)
            return _record(name, {field: inside(item) for field, item in _fields(fields, tag).items()}, records)
        if tag == "generator":
            return _generator(inside(body))
        if tag == "seed_sequence":
            return _seed_sequence(inside(body))
        if tag == "model":
            return self._model(body, self, depth)
        raise Unfit(f"its header has the unknown tag {tag[:40]!r}")


def _list(body: Any, tag: str) -> list[Any]:
    if not isinstance(body, list):
        raise Unfit(f"its header has {tag!r} without a list")
    return body


def _pair(body: Any, tag: str) -> list[Any]:
    if len(_list(body, tag)) != 2:
        raise Unfit(f"its header has {tag!r} without a pair")
    return body  # type: ignore[no-any-return]


def _fields(body: Any, tag: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Unfit(f"its header has {tag!r} without named fields")
    return body


def _number(value: Any, tag: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise Unfit(f"its header has {tag!r} without numbers")
    return value


def _object_array(shape: list[Any], entries: list[Any]) -> NDArray[np.object_]:
    if any(type(side) is not int or side < 0 for side in shape) or math.prod(shape) != len(entries):
        raise Unfit(f"its header has an array of {len(entries)} objects with the shape {str(shape)[:80]}")
    flat = np.empty(len(entries), dtype=object)
    for n, entry in enumerate(entries):
        flat[n] = entry
    try:
        return flat.reshape(shape)
    except ValueError as error:  # no entries, but a side beyond what an index can count, or too many sides
        raise Unfit(f"its header has an array with the impossible shape {str(shape)[:80]}") from error


def _dtype(name: Any) -> np.dtype[Any]:
    if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?[a-zA-Z?][0-9]*(\[[0-9]*[a-zA-Zμ]+\])?", name):
        raise Unfit(f"its header has the dtype {str(name)[:40]!r}")
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError) as error:
        raise Unfit(f"its header has the dtype {name[:40]!r}") from error
    if dtype.kind not in ARRAY_KINDS or dtype.itemsize == 0:
        raise Unfit(f"its header has the dtype {name[:40]!r}")
    return dtype


def _scalar(name: Any, value: Any) -> Any:
    dtype = _dtype(name)
    if isinstance(value, np.ndarray):
        if value.shape != () or value.dtype != dtype:
            raise Unfit(f"its header has a scalar of {dtype} that is an array of shape {value.shape}")
        return value[()]
    allowed: dict[str, tuple[type, ...]] = {"b": (bool,), "i": (int,), "u": (int,), "f": (float,), "U": (str,)}
    if type(value) not in allowed.get(dtype.kind, ()):
        raise Unfit(f"its header has a scalar of {dtype} that is {str(value)[:40]!r}")
    try:
        with np.errstate(over="raise"):
            return dtype.type(value)
    except (OverflowError, FloatingPointError) as error:
        raise Unfit(f"its header has a scalar of {dtype} that is {str(value)[:40]}") from error


def _dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    try:
        found = dict(pairs)
    except TypeError as error:
        raise Unfit(f"its header has a dict with a key that cannot be one: {error}") from error
    if len(found) != len(pairs):
        raise Unfit("its header has a dict with the same key twice")
    return found


def _record(name: Any, fields: dict[str, Any], records: Records) -> Any:
    cls: Any = records.get(name) if isinstance(name, str) else None
    if cls is None:
        raise Unfit(f"its header has a named tuple {str(name)[:40]!r} that the model's module does not know")
    if set(fields) != set(cls._fields):
        raise Unfit(f"its named tuple {name} has the fields {sorted(fields)}, expected {sorted(cls._fields)}")
    return cls(**fields)


def _seed_sequence(fields: Any) -> np.random.SeedSequence:
    match fields:
        case {"entropy": entropy, "spawn_key": list(key), "pool_size": int(pool), "n_children_spawned": int(spawned)}:
            words = [*key, *(entropy if isinstance(entropy, list) else [] if entropy is None else [entropy])]
            if all(type(word) is int and word >= 0 for word in words) and 4 <= pool <= 64 and 0 <= spawned < 2**32:
                return np.random.SeedSequence(entropy, spawn_key=key, pool_size=pool, n_children_spawned=spawned)
    raise Unfit("its header has a seed sequence that is none")


def _generator(fields: Any) -> np.random.Generator:
    match fields:
        case {"name": str(name), "state": dict(state), "seed": None | np.random.SeedSequence() as seed}:
            if name in _BIT_GENERATORS:
                bits = getattr(np.random, name)(seed if seed is not None else 0)
                if _same_form(state, bits.state):
                    try:
                        bits.state = state
                    except (TypeError, ValueError, OverflowError) as error:
                        raise Unfit(f"its header has a state that {name} does not take: {error}") from error
                    return np.random.Generator(bits)
    raise Unfit("its header has a random generator that is none")


def _same_form(given: Any, template: Any, name: str = "") -> bool:
    """Whether a generator's state has the keys, types, shapes and limits of one that is in order."""
    if type(given) is not type(template):
        return False
    if isinstance(template, dict):
        return given.keys() == template.keys() and all(_same_form(given[k], template[k], k) for k in template)
    if isinstance(template, np.ndarray):
        return bool(given.shape == template.shape and given.dtype == template.dtype)
    if isinstance(template, int):
        return bool(0 <= given <= _STATE_LIMITS.get(name, 2**128 - 1))
    return bool(given == template)
