"""States of modules: what `state_dict` returned is put into a module, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.tape import written
from pellucid.tensor import data_of

if TYPE_CHECKING:
    from pellucid_nn.module import Module


class LoadedKeys(NamedTuple):
    """What `load_state_dict` could not pair up; both lists are empty when everything fitted."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load_state(module: Module, state: Mapping[str, Any], strict: bool) -> LoadedKeys:
    """Copy a state into a module; see `Module.load_state_dict`."""
    given = {name: np.array(data_of(array)) for name, array in state.items()}  # may be of this very module
    lazy = [(path, part) for path, part in module.named_modules() if part.lazy]
    with all_or_nothing([part for _, part in lazy]):
        for path, part in lazy:
            prefix = f"{path}." if path else ""
            shapes = {name[len(prefix) :]: a.shape for name, a in given.items() if name.startswith(prefix)}
            part.lazy = not part.materialize_like(shapes)
        own = {name: (array, owner) for name, array, owner in module._state()}
        keys = LoadedKeys([name for name in own if name not in given], [name for name in given if name not in own])
        names = [f"missing: {', '.join(keys.missing_keys)}"] if strict and keys.missing_keys else []
        names += [f"unexpected: {', '.join(keys.unexpected_keys)}"] if strict and keys.unexpected_keys else []
        new = {name: given[name] for name in own if name in given}
        problems = [problem for name, array in new.items() for problem in misfits(name, array, own[name][0])]
        if names or problems:
            raise ValueError(
                f"this state does not fit {type(module).__name__}:\n  " + "\n  ".join(names + problems)
                + "\nbuild the module as it was when the state was taken"
                + (", or pass strict=False to load the names that agree" if not problems else "")
            )  # fmt: skip
    for name, array in new.items():
        old, owner = own[name]
        old[...] = array
        if owner is not None:
            written(owner)
    return keys


def misfits(name: str, array: Any, old: Any) -> Iterator[str]:
    """Why one array of a state cannot be written into that of the module, if it cannot."""
    if array.shape != old.shape:
        yield f"{name} has shape {array.shape} in the state and {old.shape} in the module"
    elif not np.can_cast(array.dtype, old.dtype, "same_kind"):
        yield f"{name} is {array.dtype} in the state and {old.dtype} in the module"
    elif not old.flags.writeable:
        yield f"{name} is read-only in the module: give it an array of its own with np.array"


@contextmanager
def all_or_nothing(modules: Sequence[Module]) -> Iterator[None]:
    """Take back what was assigned to some modules, and what their generators have drawn, if the block raises."""
    attributes = [dict(vars(module)) for module in modules]
    generators = [rng for module in modules for _, rng in module.named_generators()]
    places = [rng.bit_generator.state for rng in generators]
    try:
        yield
    except BaseException:
        for module, before in zip(modules, attributes):
            vars(module).clear()
            vars(module).update(before)
        for rng, place in zip(generators, places):
            rng.bit_generator.state = place
        raise


def from_torch(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state of PyTorch as arrays."""
    found = {}
    for name, value in state.items():
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
        found[name] = value
    return found
