"""Optimizer: what SGD, Adam and their relatives have in common.

An optimizer holds parameters in groups, each with settings of its own, and after every backward pass moves them a step
against their gradients. A subclass gives its settings and one update; everything else is here.

    optimizer = Adam(net.parameters(), lr=1e-3)
    for x, t in batches:
        optimizer.zero_grad()
        loss(net(x), t).backward()
        optimizer.step()

`param_groups` is a list of dicts as in PyTorch: ``optimizer.param_groups[0]["lr"] = 1e-4`` takes effect at the next
step. The parameters live in flat buffers (`flat_buffer.py`): after an optimizer is built, their `.data` are views into
these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from pellucid.tensor import Tensor
from pellucid_nn.flat_buffer import FlatBuffer
from pellucid_nn.penalties import clip_grad_norm_, clip_grad_value_, shrink


class Optimizer:
    """Base of the optimizers.

    Parameters
    ----------
    params : iterable of Parameter, or of dicts
        A dict is a group: ``{"params": [...], "lr": 0.1}``, with settings that differ from the defaults.
    defaults : dict
        The settings of a group that does not give its own.
    max_norm, clip_value : float, optional
        Limits on the gradients of all groups, taken before a step: see `clip_grad_norm_` and `clip_grad_value_`.

    Attributes
    ----------
    param_groups : list of dict
        The groups, each with its "params" and settings. The setting "l1", if it is not 0, lets every step end with
        `shrink`.
    max_norm, clip_value : float or None
        As given; they may be changed between steps.
    """

    moments: tuple[str, ...] = ()  # the names under which a subclass remembers arrays, for state_dict

    def __init__(
        self,
        params: Iterable[Any],
        defaults: dict[str, Any],
        max_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        for name, limit in (("max_norm", max_norm), ("clip_value", clip_value)):
            if limit is not None and not limit >= 0:
                raise ValueError(f"{name} must be 0 or more; got {limit}")
        self.defaults, self.max_norm, self.clip_value = defaults, max_norm, clip_value
        self.param_groups: list[dict[str, Any]] = []
        self._buffers: list[list[FlatBuffer]] = []  # for each group, one buffer per dtype
        if isinstance(params, Tensor | Mapping):
            raise TypeError(
                f"params must be an iterable of parameters or of groups, not {type(params).__name__}: use a list"
            )
        given = list(params)
        if not given:
            raise ValueError("an optimizer needs at least one parameter; the list is empty")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise ValueError if the settings of a group make no sense."""
        raise NotImplementedError

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        """The update with the settings of a group: a function of (theta, gradient, moments, step, room).

        It moves `theta` (P,) and `moments`, a list of (P,), in place. `room` are three arrays (P,) to work in; the last
        one may be `gradient` itself, which must not be needed any more when it is written into.
        """
        raise NotImplementedError

    def moments_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that `rule` wants with these settings."""
        return self.moments

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with settings of their own, for instance when layers are unfrozen.

        Raises
        ------
        TypeError, ValueError
            If something is not a leaf Tensor with a gradient, is in two groups, or a setting is unknown or makes no
            sense.
        """
        if not isinstance(group, Mapping):
            raise TypeError(f"a group is a dict with its 'params'; got {type(group).__name__}")
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        for p in params:
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(
                    f"an optimizer moves Parameters, and got {p if isinstance(p, Tensor) else type(p).__name__}"
                )
        unknown = set(group) - set(self.defaults) - {"params"}
        if unknown:
            raise ValueError(f"{type(self).__name__} has no setting {sorted(unknown)}; it has {sorted(self.defaults)}")
        ids = [id(p) for g in self.param_groups for p in g["params"]] + [id(p) for p in params]
        if len(set(ids)) < len(ids):
            raise ValueError("a parameter appears twice in this optimizer: list every parameter once, in one group")
        settings = self.defaults | dict(group) | {"params": params}
        self.check(settings)
        at_least_zero({"l1": 0.0} | settings, "l1")
        self.param_groups.append(settings)
        dtypes = dict.fromkeys(p.dtype for p in params)
        self._buffers.append([FlatBuffer([p for p in params if p.dtype == dtype]) for dtype in dtypes])

    def step(self, *, keep_gradients: bool = True) -> None:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        keep_gradients : bool
            False allows to work in the gradients' memory, which is faster; ``.grad`` is None afterwards.
        """
        if self.clip_value is not None:
            clip_grad_value_(self._parameters(), self.clip_value)
        if self.max_norm is not None:
            clip_grad_norm_(self._parameters(), self.max_norm)
        for group, buffers in zip(self.param_groups, self._buffers, strict=True):
            update, names, distance = self.rule(group), self.moments_of(group), group["lr"] * group.get("l1", 0.0)
            for buffer in buffers:
                for theta, gradient, moments, step, room in buffer.updates(names, keep_gradients):
                    update(theta, gradient, moments, step, room)
                    if distance:
                        shrink(theta, distance, room[0])
        if not keep_gradients:
            self.zero_grad()

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    # Its state

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything a resumed run needs.

        Returns
        -------
        dict
            "state" has one dict per parameter, in the order of the groups, with its "step" and its arrays; it is empty
            for one that was never updated. "param_groups" holds the settings, with numbers in the place of parameters.
        """
        state, groups, first = [], [], 0
        for group, buffers in zip(self.param_groups, self._buffers, strict=True):
            where = {id(p): (buffer, i) for buffer in buffers for i, p in enumerate(buffer.parameters)}
            for p in group["params"]:
                buffer, i = where[id(p)]
                state.append({"step": buffer.steps[i]} | buffer.moments_of(i) if buffer.steps[i] else {})
            numbers = list(range(first, first := first + len(group["params"])))
            groups.append({name: value for name, value in group.items() if name != "params"} | {"params": numbers})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state_dict` returned. Nothing is changed if anything does not fit.

        Raises
        ------
        ValueError
            If the groups, the number of parameters or their shapes differ.
        """
        sizes = [len(group["params"]) for group in self.param_groups]
        theirs = [len(group["params"]) for group in state["param_groups"]]
        if sizes != theirs or sum(sizes) != len(state["state"]):
            raise ValueError(f"the state is of groups with {theirs} parameters, this optimizer has groups with {sizes}")
        entries = iter(state["state"])
        todo = []
        for group, buffers in zip(self.param_groups, self._buffers, strict=True):
            where = {id(p): (buffer, i) for buffer in buffers for i, p in enumerate(buffer.parameters)}
            for p, entry in zip(group["params"], entries, strict=False):
                for name, array in entry.items():
                    if name != "step" and (name not in self.moments or np.shape(array) != p.shape):
                        raise ValueError(
                            f"{name} of shape {np.shape(array)} is no state of {type(self).__name__} for a parameter "
                            f"of shape {p.shape}; it remembers {list(self.moments)}"
                        )
                todo.append((*where[id(p)], entry))
        for group, new in zip(self.param_groups, state["param_groups"], strict=True):
            settings = group | {name: value for name, value in new.items() if name in self.defaults}
            self.check(settings)
            at_least_zero({"l1": 0.0} | settings, "l1")
            group.update(settings)
        for buffer, _, _ in todo:
            buffer.moments.clear()
        for buffer, i, entry in todo:
            buffer.restore(i, int(entry.get("step", 0)), {k: v for k, v in entry.items() if k != "step"})

    def from_torch_state(self, state: Mapping[str, Any]) -> None:
        """`load_state_dict` of the state of the same optimizer in PyTorch, settings included.

        Parameters
        ----------
        state : mapping
            What ``state_dict()`` of PyTorch's optimizer returned, on any device. Its parameters are numbered in the
            order of the groups, as ours are; settings that we do not have are left out.
        """

        def plain(value: Any) -> Any:
            return np.array(value.detach().cpu().numpy()) if hasattr(value, "detach") else value

        entries = []
        for number in (number for group in state["param_groups"] for number in group["params"]):
            entry = {name: plain(v) for name, v in state["state"].get(number, {}).items() if v is not None}
            if entry:  # PyTorch's SGD does not count: what it remembers says that there was a step
                entry["step"] = int(entry.get("step", 1))
            entries.append(entry)
        groups = [
            {name: value.item() if hasattr(value, "detach") else value for name, value in group.items()}
            for group in state["param_groups"]
        ]
        self.load_state_dict({"state": entries, "param_groups": groups})

    def to_torch_state(self) -> dict[str, Any]:
        """The `state_dict` as the same optimizer of PyTorch has it, which knows no l1, for its ``load_state_dict``."""
        torch = import_module("torch")

        state = self.state_dict()
        entries = {
            number: {
                name: torch.tensor(float(value)) if name == "step" else torch.from_numpy(value)
                for name, value in entry.items()
            }
            for number, entry in enumerate(state["state"])
            if entry
        }
        groups = [{name: value for name, value in group.items() if name != "l1"} for group in state["param_groups"]]
        return {"state": entries, "param_groups": groups}

    def __repr__(self) -> str:
        groups = []
        for group in self.param_groups:
            settings = {name: value for name, value in group.items() if name != "params"}
            sizes = f"{len(group['params'])} parameters, {sum(p.size for p in group['params'])} numbers"
            groups.append(f"  {sizes}: " + ", ".join(f"{name}={value}" for name, value in settings.items()))
        return f"{type(self).__name__}(\n" + "\n".join(groups) + "\n)"


def at_least_zero(group: Mapping[str, Any], *names: str) -> None:
    """Raise ValueError unless these settings of a group are finite numbers of 0 or more."""
    for name in names:
        if not 0 <= group[name] < float("inf"):
            raise ValueError(f"{name} must be a finite number of 0 or more; it is {group[name]}")
