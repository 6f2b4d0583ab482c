"""Saving without pickle: a model becomes named arrays and a JSON header, and loading never runs code from the file.

    pellucid.save(model, "ridge.npz")
    model = pellucid.load("ridge.npz")

The file is an `.npz` archive, so `np.load("ridge.npz")["model/state/coef_"]` reads an array of it anywhere. What it is
made of stands in `archive` (the file) and `tree` (the values in it).

What a file can make happen on loading: a class that an installed plugin has registered under the id in the file is
constructed with parameters from the file, and takes learnt attributes from the file. Named tuples are looked up in the
module of that class or of one that it inherits from. Nothing else. Every name, type, shape and size is checked before
it is used.

A model file keeps parameters and learnt state (`get_params`, `get_state`); what was set for this process only, as by
`set_output`, is not kept.

Versions. The format has a number, and a file with a newer one is refused. A model's record also has the version of the
family it came from. Written by a later minor version (0.3 while 0.2 is installed) it is refused, because this code
cannot know what its state means; written by an earlier one it loads with a `VersionWarning`.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pellucid
from pellucid import registry
from pellucid.archive import LoadError, Unfit, open_archive, write_archive
from pellucid.estimator import Estimator
from pellucid.specs import ModelSpec
from pellucid.tree import Decoder, Encoder, by_name, is_record

__all__ = ["LoadError", "VersionWarning", "load", "load_with_notes", "read_header", "read_tree", "save", "write_tree"]

_FOR_THIS_PROCESS = {"_metadata_request", "_sklearn_output_config", "_skl_callbacks"}  # attributes that are not kept


class VersionWarning(UserWarning):
    """A model was saved by an earlier minor version of its family than the one that loads it."""


# -- models --------------------------------------------------------------------------------------------------------


def save(model: Any, path: str | os.PathLike[str], notes: Any = None) -> Path:
    """Write a model to a file.

    Parameters
    ----------
    model : a registered model, fitted or not
        Its class is in the registry: from a plugin, or by `pellucid.register`.
    path : str or path
        Where to; ".npz" is appended to a name without an extension. Whatever happens, the path then holds the old file
        or the new one, complete.
    notes : optional
        Plain values and arrays that travel with the model: column names, scores, a date.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    TypeError
        When the model is not registered, or holds something that cannot be saved; the message says what and where.
    OSError
        When the file cannot be written.

    Warns
    -----
    UserWarning
        When the model has attributes that would be lost: neither parameters nor learnt.
    """
    spec = _spec_of(model, "the model")
    header = {"id": spec.id, "class": spec.target, "version": _family_version(spec.family)}
    return write_tree(path, "model", {"model": model, "notes": notes}, header)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model from a file that `save` wrote.

    Parameters
    ----------
    path : str or path
        As given to `save`.

    Returns
    -------
    The model, as it was.

    Raises
    ------
    LoadError
        When the file is missing, damaged, hostile or from a later version, or its model is not installed.

    Warns
    -----
    VersionWarning
        When an earlier minor version of the model's family wrote the file.
    """
    return load_with_notes(path)[0]


def load_with_notes(path: str | os.PathLike[str]) -> tuple[Any, Any]:
    """Read a model and the notes saved with it; as `load`, but returns (model, notes)."""
    tree, _ = read_tree(path, "model")
    if not (isinstance(tree, dict) and tree.keys() == {"model", "notes"} and hasattr(tree["model"], "get_params")):
        raise LoadError(f"{os.fspath(path)}: cannot load: it says that it holds a model, but holds none")
    return tree["model"], tree["notes"]


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a file says about itself; needs no plugin and takes no memory for arrays.

    Returns
    -------
    dict
        `kind` ("model"), `format_version`, `pellucid` (the version that wrote it), what the writer added (for a model
        `id`, `class` and `version`), and `arrays`: the size in bytes of each array by name.

    Raises
    ------
    LoadError
        When the file is missing, damaged or not one of ours.
    """
    with open_archive(_existing(path)) as archive:
        about = {name: value for name, value in archive.header.items() if name != "tree"}
        return {**about, "arrays": {name: info.file_size for name, info in archive.left.items()}}


# -- trees ---------------------------------------------------------------------------------------------------------


def write_tree(
    path: str | os.PathLike[str],
    kind: str,
    tree: Any,
    header: Mapping[str, Any] | None = None,
    *,
    records: Iterable[type] = (),
) -> Path:
    """Write nested plain values, arrays and registered models to a file.

    Parameters
    ----------
    path : str or path
        As for `save`.
    kind : str
        What the file is, in a word; `read_tree` asks for the same.
    tree
        Nested dicts, lists and tuples of what the module `tree` lists.
    header : mapping of str to JSON values, optional
        What `read_header` shall tell about the file.
    records : iterable of NamedTuple classes
        Those that occur in the tree outside of models. (A model's own are found in its module.)

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    TypeError
        When something cannot be saved; the message says what and where.
    OSError
        When the file cannot be written.
    """
    about = {"kind": kind, "pellucid": pellucid.__version__}
    extra = dict(header or {})
    if taken := sorted({*about, "format", "format_version", "tree", "arrays"} & extra.keys()):
        raise ValueError(f"the header keys {taken} belong to the format; choose other names")
    encoder = Encoder(_encode_model)
    encoded = encoder.encode(tree, "", by_name(records))
    target = Path(path)
    if not target.name:
        raise IsADirectoryError(f"{os.fspath(path)!r} names a folder; add the name of a file")
    if not target.suffix:
        target = target.with_name(f"{target.name}.npz")
    write_archive(target, {**about, **extra, "tree": encoded}, encoder.arrays)
    return target


def read_tree(path: str | os.PathLike[str], kind: str, *, records: Iterable[type] = ()) -> tuple[Any, dict[str, Any]]:
    """Read a file that `write_tree` wrote.

    Parameters
    ----------
    path : str or path
    kind : str
        The kind it must be of.
    records : iterable of NamedTuple classes
        As for `write_tree`.

    Returns
    -------
    tree, header
        As they were written; the header as `read_header` gives it, without `arrays`.

    Raises
    ------
    LoadError
        When the file is missing, damaged, hostile, of another kind or from a later version.
    """
    with open_archive(_existing(path)) as archive:
        header = dict(archive.header)
        if header.get("kind") != kind:
            raise Unfit(f"it holds a {str(header.get('kind'))[:40]!r}, and a {kind!r} was asked for")
        if "tree" not in header:
            raise Unfit("its header has no tree")
        tree = Decoder(archive, _decode_model).decode(header.pop("tree"), by_name(records))
        if archive.left:
            raise Unfit(f"it has arrays that its header does not refer to, such as {next(iter(archive.left))!r}")
        return tree, header


def _existing(path: str | os.PathLike[str]) -> Path:
    """The path as given, or with ".npz" if only that exists."""
    given = Path(path)
    longer = given.with_name(f"{given.name}.npz") if given.name and not given.suffix else given
    return longer if not os.path.exists(given) and os.path.exists(longer) else given


# -- one model -----------------------------------------------------------------------------------------------------


def _encode_model(model: Any, encoder: Encoder, path: str, depth: int) -> dict[str, Any]:
    """The fields of a model: id, version, params, state."""
    spec = _spec_of(model, path)
    records = _records_of(type(model))
    params, state = model.get_params(deep=False), model.get_state()
    kept = {id(value) for name, value in params.items() if isinstance(getattr(type(model), name, None), property)}
    lost = [name for name, value in vars(model).items() if id(value) not in kept]  # a property may stand before it
    lost = sorted(set(lost) - params.keys() - state.keys() - _FOR_THIS_PROCESS)
    if lost and getattr(type(model), "get_state", None) is Estimator.get_state:
        warnings.warn(
            f"{type(model).__name__} has attributes that are not saved, being neither parameters nor learnt (ending in "
            f"an underscore): {', '.join(lost)}. A model with other state defines get_state and set_state.",
            UserWarning,
            stacklevel=2,
        )
    return {
        "id": spec.id,
        "version": _family_version(spec.family),
        "params": {k: encoder.encode(v, f"{path}/params/{k}", records, depth + 1) for k, v in params.items()},
        "state": {k: encoder.encode(v, f"{path}/state/{k}", records, depth + 1) for k, v in state.items()},
    }


def _decode_model(fields: Any, decoder: Decoder, depth: int) -> Any:
    """A model from its fields: a registered class, parameters its constructor has, state it takes."""
    match fields:
        case {"id": str(model_id), "version": str() | None as version, "params": dict(params), "state": dict(state)}:
            cls = _registered_class(model_id)
        case _:
            raise Unfit("its header has a model without id, version, params and state")
    _check_version(model_id, version)
    known = list(inspect.signature(cls).parameters)
    if unknown := [name for name in params if name not in known]:
        raise Unfit(f"{model_id} has no parameter {unknown[0][:40]!r}; it has {', '.join(known) or 'none'}")
    records = _records_of(cls)
    values = {name: decoder.decode(value, records, depth + 1) for name, value in params.items()}
    learnt = {name: decoder.decode(value, records, depth + 1) for name, value in state.items()}
    try:
        model = cls(**values)
        model.set_state(learnt)
    except Exception as error:
        raise Unfit(f"{model_id} does not take what the file holds: {type(error).__name__}: {error}") from error
    return model


def _spec_of(model: Any, path: str) -> ModelSpec:
    name = type(model).__name__
    try:
        spec = registry.spec_of(model)
    except LookupError as error:
        raise TypeError(f"cannot save {path}: {name} is not a registered model. {error}") from error
    if missing := [method for method in ("get_params", "get_state", "set_state") if not hasattr(model, method)]:
        raise TypeError(f"cannot save {path}: {name} must define {', '.join(missing)}, as pellucid.Estimator does")
    return spec


def _registered_class(model_id: str) -> Any:
    """The class behind exactly this id or alias."""
    if not re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", model_id):
        raise Unfit(f"its header has {model_id[:40]!r}, which is no model id")
    try:
        spec = registry.spec(model_id)
        if model_id not in (spec.id, *spec.aliases):
            raise registry.ModelNotFound(f"no model {model_id!r}. Did you mean {spec.id}?")
        return registry.get(spec.id)
    except (LookupError, ImportError) as error:
        raise Unfit(f"its model is not available here: {error}") from error


def _records_of(cls: type) -> dict[str, type]:
    """The named tuples known in the module of a class, or of one that it inherits from, by name."""
    found: dict[str, type] = {}
    for base in reversed(cls.__mro__):
        names = vars(sys.modules[base.__module__]) if base.__module__ in sys.modules else {}
        found.update({name: value for name, value in names.items() if is_record(value) and value.__name__ == name})
    return found


def _family_version(family: str) -> str | None:
    """The installed version of a family; None for one that was registered by hand."""
    return next((info.version for info in registry.plugins() if info.family == family and info.version), None)


def _check_version(model_id: str, version: str | None) -> None:
    """Refuse what a later minor version wrote; warn of what an earlier one wrote."""
    family = model_id.partition("/")[0]
    installed = _family_version(family)
    if version is None or installed is None:
        return
    theirs, ours = _minor(version), _minor(installed)
    if theirs is None:
        raise Unfit(f"its header has the version {version[:40]!r}")
    if ours is None or theirs == ours:
        return
    if theirs > ours:
        raise Unfit(
            f"{model_id} was saved by version {version}, and {installed} is installed: pip install --upgrade "
            + pellucid.OFFICIAL_FAMILIES.get(family, f"its package (family {family!r})")
        )
    warnings.warn(
        f"{model_id} was saved by version {version}, and {installed} is installed; check a prediction or fit it again.",
        VersionWarning,
        stacklevel=2,
    )


def _minor(version: str) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,9})\.(\d{1,9})", version)
    return (int(found[1]), int(found[2])) if found else None
