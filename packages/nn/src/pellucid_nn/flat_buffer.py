"""Flat buffer: parameters laid end to end in one array, so that an optimizer updates all of them at once.

An update rule is a dozen array operations. Run on each small bias of a network they cost more in calls than in
arithmetic; run once on everything they cost what the memory traffic costs. The Parameters stay what they were: each
`.data` becomes a view into the buffer, in its own shape.

    before    weight.data (O, I)      bias.data (O,)
    after     flat.data = [ weight, row by row | bias ]       and both are views of it

What others may do in between is allowed for. Writing into a view is writing into the buffer. A Parameter whose `.data`
was replaced by another array of the same shape and dtype is copied in and becomes a view again. Parameters without a
gradient are passed by, as if they were not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.tape import written, wrote
from pellucid.tensor import Tensor, data_of

PART = 1 << 19  # bytes of each array that are worked on at a time: a handful of such parts fits the processor's cache
HOW = "a step of an optimizer"
LARGE = 1 << 16  # entries from which copying a gradient costs more than the calls that an update of its own takes

# values, gradient, moments, number of the step, room: three arrays to work in, the last of which may be the gradient
Update = tuple[NDArray[Any], NDArray[Any], list[NDArray[Any]], int, tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]

RECOMPUTED = ("places", "views", "_part", "_scratch", "_planned_for", "_plan")


class FlatBuffer:
    """Parameters of one dtype in one array, with the arrays that an optimizer remembers for them.

    Parameters
    ----------
    parameters : sequence of Tensor
        Leaves of one dtype; their `.data` become views.

    Attributes
    ----------
    data : ndarray, shape (P,)
        All values.
    steps : list of int
        How often each parameter was updated with something remembered for it.
    moments : dict of str to ndarray, shape (P,)
        What the optimizer remembers, made of zeros when first asked for.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters = list(parameters)
        self.data = np.concatenate([data_of(p).reshape(-1) for p in self.parameters])  # (P,)
        self.moments: dict[str, NDArray[Any]] = {}
        self.steps = [0] * len(self.parameters)
        self._lay_out()

    def _lay_out(self) -> None:
        """Make every Parameter's data a view into the buffer."""
        ends = np.cumsum([0] + [p.size for p in self.parameters]).tolist()
        self.places = [slice(start, end) for start, end in zip(ends, ends[1:], strict=False)]
        self.views = [self.data[place].reshape(p.shape) for place, p in zip(self.places, self.parameters, strict=True)]
        self._part = max(1, min(PART // self.data.itemsize, len(self.data)))
        self._scratch = np.empty((2, self._part), self.data.dtype)
        self._planned_for: Any = None
        for parameter, view in zip(self.parameters, self.views, strict=True):
            parameter.data = view

    def __getstate__(self) -> dict[str, Any]:
        for i in range(len(self.parameters)):
            self._take_back(i)
        return {name: value for name, value in vars(self).items() if name not in RECOMPUTED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lay_out()  # a copy of a view is an array of its own

    def _take_back(self, i: int) -> None:
        """Copy in the data of a Parameter if its array was replaced."""
        parameter, view = self.parameters[i], self.views[i]
        if data_of(parameter) is view:
            return
        if parameter.shape != view.shape or parameter.dtype != view.dtype:
            raise RuntimeError(
                f"a parameter has changed from {view.dtype} {view.shape} to {parameter.dtype} {parameter.shape} since "
                f"this optimizer was built: build a new one after changing the module"
            )
        view[...] = data_of(parameter)
        parameter.data = view

    def moment(self, name: str) -> NDArray[Any]:
        """The array of that name with one entry per entry of `data`; zeros at first: _ -> (P,)."""
        if name not in self.moments:
            self.moments[name] = np.zeros_like(self.data)
        return self.moments[name]

    def moments_of(self, i: int) -> dict[str, NDArray[Any]]:
        """Copies of what is remembered for parameter `i`, in its shape."""
        return {name: np.array(m[self.places[i]].reshape(self.views[i].shape)) for name, m in self.moments.items()}

    def restore(self, i: int, step: int, moments: Mapping[str, NDArray[Any]]) -> None:
        """Put back what was remembered for parameter `i`."""
        self.steps[i] = step
        for name, array in moments.items():
            self.moment(name)[self.places[i]] = np.reshape(array, -1)
        self._planned_for = None  # a plan for other step numbers is no longer right

    def updates(self, names: Sequence[str] = (), keep_gradients: bool = True) -> Iterator[Update]:
        """Say, part by part, what a step has to update, and count it unless nothing is remembered for it.

        Small neighbours are updated together, with their gradients copied side by side. The gradient of a large
        parameter is used where it is, and may be written into only if the user need not keep it and NumPy allows it.
        """
        present = [parameter.grad is not None for parameter in self.parameters]
        if (present, names) != self._planned_for:
            self._planned_for, self._plan = (present, names), self._plan_for(present, names)
        if complete := all(present):
            wrote(self.data, HOW)
        for members, parts in self._plan:
            if copied := len(members) > 1:
                gradient = np.concatenate([self._flat_gradient(i) for i in members])
            else:
                gradient = self._flat_gradient(members[0])
            step = self.steps[members[0]] + 1
            for i in members:
                if names:
                    self.steps[i] = step
                if not complete:
                    written(self.parameters[i], HOW)
            used_up = (copied or not keep_gradients and gradient.flags.writeable) and gradient.dtype == self.data.dtype
            for where, theta, moments, (first, second) in parts:
                g = gradient[where]
                yield theta, g, moments, step, (first, second, g if used_up else second)

    def _plan_for(self, present: list[bool], names: Sequence[str]) -> list[tuple[list[int], list[Any]]]:
        """What to update together when these parameters have a gradient: their numbers, and the parts to go in.

        Neighbours go together if all are small and were updated equally often; then they stay together until a
        parameter gains or loses its gradient, which is when a new plan is made. A part is as long as fits the cache. It
        has a place among the gradients, and views of the values, the moments and the scratch memory.
        """
        plan = []
        moments = [self.moment(name) for name in names]
        kinds = [(has, p.size >= LARGE, step) for has, p, step in zip(present, self.parameters, self.steps)]
        for (has, large, _), neighbours in groupby(range(len(kinds)), kinds.__getitem__):
            run = list(neighbours)
            for members in ([i] for i in run) if large else (run,):
                start, stop = self.places[members[0]].start, self.places[members[-1]].stop
                parts = []
                for at in range(start, stop, self._part):
                    part = slice(at, min(at + self._part, stop))
                    views = self.data[part], [m[part] for m in moments], self._scratch[:, : part.stop - at]
                    parts.append((slice(at - start, part.stop - start), *views))
                if has and parts:
                    plan.append((members, parts))
        return plan

    def _flat_gradient(self, i: int) -> NDArray[Any]:
        """The gradient of a parameter that is about to be updated, flat."""
        parameter, view = self.parameters[i], self.views[i]
        if data_of(parameter) is not view:
            self._take_back(i)
        gradient: NDArray[Any] = data_of(parameter.grad)
        if gradient.shape != view.shape:
            raise ValueError(f"a gradient of shape {gradient.shape} cannot update a parameter of shape {view.shape}")
        return gradient.reshape(-1)
