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
these. More parameters come by `add_param_group`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

import numpy as np

from pellucid.tape import enable_grad
from pellucid.tensor import Tensor
from pellucid_nn.flat_buffer import FlatBuffer
from pellucid_nn.penalties import clip_grad_norm_, clip_grad_value_, with_l1_slope
from pellucid_nn.settings import at_least_zero, counts, flags, number

LABELS = ("name", "initial_lr")  # what a group may hold beside its settings; the latter is for schedulers
LIMITS = ("max_norm", "clip_value")


class Optimizer:
    """Base of the optimizers.

    Parameters
    ----------
    params : iterable of Parameter, of (str, Parameter), or of dicts
        With names, as from ``net.named_parameters()``, these are kept in the group as "param_names". A dict is a group:
        ``{"params": [...], "lr": 0.1}``, with settings that differ from the defaults, and a "name" if you like.
    defaults : dict
        The settings of a group that does not give its own.
    max_norm, clip_value : float, optional
        Limits on the gradients of all groups, taken before a step: first every entry is cut off (`clip_grad_value_`),
        then the norm of all is limited (`clip_grad_norm_`). What is in ``.grad`` stays so. Weight decay and `l1` come
        after and are not limited.

    Attributes
    ----------
    param_groups : list of dict
        The groups, each with its "params" and settings. The setting "l1" is the λ of a penalty λ Σ |θ|, whose slope
        joins the gradient of every parameter that has one: as if `l1_penalty` were part of the loss (or, to climb,
        were subtracted).
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
        self.defaults = defaults
        self.max_norm, self.clip_value = _limit("max_norm", max_norm), _limit("clip_value", clip_value)
        self.param_groups: list[dict[str, Any]] = []
        self._sizes: list[int] = []  # how many parameters each group has
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
        """Raise ValueError or TypeError if the settings of a group make no sense."""
        raise NotImplementedError

    def rule(self, group: Mapping[str, Any]) -> Callable[..., None]:
        """The update with the settings of a group: a function of (theta, gradient, moments, step, room).

        It moves `theta` (P,) and `moments`, a list of (P,), in place. `step` counts from 1 while there are moments.
        `room` are three arrays (P,) to work in; the last one may be `gradient` itself, which must not be needed any
        more when it is written into, and so may the first be.
        """
        raise NotImplementedError

    def moments_of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """The names of the arrays that `rule` wants with these settings."""
        return self.moments

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with settings of their own, for instance when layers are unfrozen.

        Raises
        ------
        TypeError
            If a parameter is not a floating-point leaf Tensor (a frozen one is: it stays where it is until it has a
            gradient), or a setting is no number.
        ValueError
            If a parameter is in two groups, only some have names, or a setting is unknown or makes no sense.
        """
        if not isinstance(group, Mapping):
            raise TypeError(f"a group is a dict with its 'params'; got {type(group).__name__}")
        if "params" not in group:
            raise ValueError(f"a group needs its 'params', the list of what it moves; it has {sorted(group)}")
        given = group["params"]
        params, names = _without_names([given] if isinstance(given, Tensor) else list(given))
        for p in params:
            if not isinstance(p, Tensor) or not p.is_leaf or p.dtype.kind != "f":
                raise TypeError(
                    f"an optimizer moves Parameters, and got {p if isinstance(p, Tensor) else type(p).__name__}: it "
                    f"takes leaf Tensors of floating-point numbers"
                )
        unknown = set(group) - set(self.defaults) - {"params", *LABELS}
        if unknown:
            raise ValueError(f"{type(self).__name__} has no setting {sorted(unknown)}; it has {sorted(self.defaults)}")
        ids = [id(p) for g in self.param_groups for p in g["params"]] + [id(p) for p in params]
        if len(set(ids)) < len(ids):
            raise ValueError("a parameter appears twice in this optimizer: list every parameter once, in one group")
        settings = self.defaults | dict(group) | {"params": params} | names
        self._check_settings(settings)
        self.param_groups.append(settings)
        self._sizes.append(len(params))
        dtypes = dict.fromkeys(p.dtype for p in params)
        self._buffers.append([FlatBuffer([p for p in params if p.dtype == dtype]) for dtype in dtypes])

    def _check_settings(self, group: Mapping[str, Any]) -> None:
        self.check(group)
        at_least_zero(group, *[name for name in ("l1", "initial_lr") if name in group])
        flags(group, *[name for name in ("maximize",) if name in group])

    def step(self, closure: Callable[[], Any] | None = None, *, keep_gradients: bool = True) -> Any:
        """Update every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Called first, to forget the gradients, find the loss, go backward and return the loss.
        keep_gradients : bool
            False allows to work in the gradients' memory, which is faster; ``.grad`` is None afterwards.

        Returns
        -------
        What `closure` returned, or None.

        Raises
        ------
        RuntimeError
            If parameters were put into a group by hand, or have changed their shape or dtype.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if [len(group["params"]) for group in self.param_groups] != self._sizes:
            raise RuntimeError(CHANGED_BY_HAND)
        if self.clip_value is not None:
            clip_grad_value_(self._parameters(), self.clip_value)
        if self.max_norm is not None:
            clip_grad_norm_(self._parameters(), self.max_norm)
        for group, buffers in zip(self.param_groups, self._buffers, strict=True):
            update, names, l1 = self.rule(group), self.moments_of(group), float(group.get("l1", 0.0))
            for buffer in buffers:
                for theta, gradient, moments, step, room in buffer.updates(names, keep_gradients):
                    if l1:  # a rule that climbs will change all signs: this slope must come out of it as it is
                        signed = -l1 if group.get("maximize") else l1
                        gradient = with_l1_slope(gradient, theta, signed, room[0])
                    update(theta, gradient, moments, step, room)
        if not keep_gradients:
            self.zero_grad()
        return loss

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, or, with ``set_to_none=False``, put zeros into the place of those that are there."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if set_to_none or parameter.grad is None:
                    parameter.grad = None
                else:
                    parameter.grad = Tensor(np.zeros(parameter.shape, parameter.dtype))

    # Its state

    def state_dict(self) -> dict[str, Any]:
        """Copies of everything a resumed run needs.

        Returns
        -------
        dict
            "state" has one dict per parameter, in the order of the groups, with its "step" and its arrays; it is empty
            for one that was never updated, or of which nothing is remembered. "param_groups" holds the settings, with
            numbers in the place of parameters. "max_norm" and "clip_value" are the limits.
        """
        state, groups, first = [], [], 0
        for group, places in zip(self.param_groups, self._places(), strict=True):
            for buffer, i in places:
                for name in self.moments_of(group) if buffer.steps[i] else ():
                    buffer.moment(name)  # zeros, if an option has only just been switched on
                state.append({"step": buffer.steps[i]} | buffer.moments_of(i) if buffer.steps[i] else {})
            numbers = list(range(first, first := first + len(places)))
            groups.append({name: value for name, value in group.items() if name != "params"} | {"params": numbers})
        return {"state": state, "param_groups": groups} | {name: getattr(self, name) for name in LIMITS}

    def _places(self) -> list[list[tuple[FlatBuffer, int]]]:
        """For each group, where its parameters live: in which buffer, with which number."""
        where = {id(p): (b, i) for buffers in self._buffers for b in buffers for i, p in enumerate(b.parameters)}
        try:
            return [[where[id(p)] for p in group["params"]] for group in self.param_groups]
        except KeyError:
            raise RuntimeError(CHANGED_BY_HAND) from None

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that `state_dict` returned. Nothing is changed if anything does not fit.

        Raises
        ------
        ValueError, TypeError
            If the groups, the number of parameters or their shapes differ, if it is the state of another kind of
            optimizer, or if a setting makes no sense.
        """
        missing = sorted({"state", "param_groups"} - set(state))
        if missing:
            raise ValueError(f'the state of an optimizer has "state" and "param_groups"; this one lacks {missing}')
        if isinstance(state["state"], Mapping):
            raise ValueError("this is how PyTorch's optimizers keep their state: pass it to from_torch_state")
        theirs = [len(group["params"]) for group in state["param_groups"]]
        if self._sizes != theirs or sum(self._sizes) != len(state["state"]):
            raise ValueError(
                f"the state is of groups with {theirs} parameters, this optimizer has groups with {self._sizes}"
            )
        taken = {*self.defaults, *LABELS}
        new = [
            group | {name: value for name, value in given.items() if name in taken}
            for group, given in zip(self.param_groups, state["param_groups"], strict=True)
        ]
        for settings in new:
            self._check_settings(settings)
        limits = {name: _limit(name, state[name]) for name in LIMITS if name in state}
        owners = [(place, settings) for places, settings in zip(self._places(), new, strict=True) for place in places]
        todo = [
            (buffer, i, *self._remembered(entry, buffer.parameters[i], self.moments_of(settings)))
            for ((buffer, i), settings), entry in zip(owners, state["state"], strict=True)
        ]
        for group, settings in zip(self.param_groups, new, strict=True):
            group.update(settings)
        vars(self).update(limits)
        for buffer, _, _, _ in todo:
            buffer.moments.clear()
        for buffer, i, step, arrays in todo:
            buffer.restore(i, step, arrays)

    def _remembered(self, entry: Any, p: Tensor, needed: tuple[str, ...]) -> tuple[int, dict[str, Any]]:
        """The number of steps and the arrays in a parameter's entry of a state, once it is found to fit."""
        arrays = {name: np.asarray(value) for name, value in entry.items() if name != "step"}
        for name, array in arrays.items():
            if name not in self.moments or array.shape != p.shape or array.dtype.kind not in "fiu":
                raise ValueError(
                    f"{name} of shape {array.shape}, {array.dtype}, is no state of {type(self).__name__} for a "
                    f"parameter of shape {p.shape}; it remembers {list(self.moments)}"
                )
        step = entry.get("step", 0)
        counts({"step": step}, "step", least=0)
        if step and not arrays.keys() >= set(needed):
            raise ValueError(
                f"after {step} steps {type(self).__name__} remembers {list(needed)} of a parameter; the state has "
                f"{sorted(arrays)}: it is another optimizer's, or was made with other options"
            )
        return int(step), arrays

    def from_torch_state(self, state: Mapping[str, Any]) -> None:
        """`load_state_dict` of the state of the same optimizer in PyTorch, settings included.

        Parameters
        ----------
        state : mapping
            What ``state_dict()`` of PyTorch's optimizer returned, on any device. Its parameters are numbered in the
            order of the groups, as ours are; settings that we do not have are left out, and those that PyTorch does
            not have stay as they are.
        """
        if not isinstance(state.get("state"), Mapping):
            raise ValueError(
                'this is no state of PyTorch, which has a dict of numbers in "state": load_state_dict takes ours'
            )

        def plain(value: Any) -> Any:
            return np.array(value.detach().cpu().numpy()) if hasattr(value, "detach") else value

        entries = []
        for index in (index for group in state["param_groups"] for index in group["params"]):
            entry = {name: plain(v) for name, v in state["state"].get(index, {}).items() if v is not None}
            if entry:  # PyTorch's SGD does not count: what it remembers says that there was a step
                entry["step"] = int(entry.get("step", 1))
            entries.append(entry)
        groups = [
            {name: value.item() if hasattr(value, "detach") else value for name, value in group.items()}
            for group in state["param_groups"]
        ]
        self.load_state_dict({"state": entries, "param_groups": groups})

    def to_torch_state(self) -> dict[str, Any]:
        """The `state_dict` without l1 and limits, for ``load_state_dict`` of the same optimizer in PyTorch."""
        torch = import_module("torch")

        state = self.state_dict()
        entries = {
            index: {
                name: torch.tensor(float(value)) if name == "step" else torch.from_numpy(value)
                for name, value in entry.items()
            }
            for index, entry in enumerate(state["state"])
            if entry
        }
        groups = [{name: value for name, value in group.items() if name != "l1"} for group in state["param_groups"]]
        return {"state": entries, "param_groups": groups}

    def __repr__(self) -> str:
        groups = []
        for group in self.param_groups:
            settings = {name: value for name, value in group.items() if name not in ("params", "param_names")}
            sizes = f"{len(group['params'])} parameters, {sum(p.size for p in group['params'])} numbers"
            groups.append(f"  {sizes}: " + ", ".join(f"{name}={value}" for name, value in settings.items()))
        return f"{type(self).__name__}(\n" + "\n".join(groups) + "\n)"


CHANGED_BY_HAND = (
    "the lists in param_groups were changed by hand, and what was put there is not moved: use add_param_group, or "
    "build a new optimizer"
)


def _without_names(params: list[Any]) -> tuple[list[Any], dict[str, list[str]]]:
    """Parameters, and their names for the group, if they came as pairs of the two."""
    named = [isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in params]
    if not any(named):
        return params, {}
    if not all(named):
        raise ValueError(f"{sum(named)} of {len(named)} parameters have names: give names to all of them, or to none")
    return [p for _, p in params], {"param_names": [name for name, _ in params]}


def _limit(name: str, value: Any) -> float | None:
    """A limit on gradients, if there is one."""
    if value is None:
        return None
    limit = number(name, value)
    if not limit >= 0:
        raise ValueError(f"{name} must be 0 or more; got {value}")
    return limit
