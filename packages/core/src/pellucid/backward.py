"""Reverse-mode differentiation: walk the tape from its end.

    y = f(x₁, …, xₙ)                    every operation was recorded as it ran (`tensor.record`)
    x̄ = Σ over all uses of x of the gradient that the use sends back                            (1)
    an operation is visited after everything that was computed from its result                   (2)
    x̄ has the shape of x: axes that broadcasting added or stretched are summed                  (3)
    x̄ = ∂L/∂ Re x − i ∂L/∂ Im x, so that dL = Re Σ x̄ dx; for a real x its real part              (4)

The last line is how complex values are treated (the convention of HIPS autograd and JAX; PyTorch's gradient is the
conjugate). With it the rule of a holomorphic function is its complex derivative and needs no conjugates.

Rules are NumPy code. Handed arrays they give numbers, which is the fast path; handed Tensors they are recorded in turn,
which makes gradients differentiable to any order.

Symbols
-------
    paper   code     shape       meaning
    x, y    x, y     any         input, result of an operation
    x̄, ȳ    dx, dy   as x, y     gradient of the end result

Cost: one visit per operation and a sort of their times of birth; no recursion. What a node kept is freed when it has
been visited.

References
----------
Griewank & Walther (2008), "Evaluating Derivatives", 2nd ed., ch. 3: the reverse mode.

Differs from it: the order comes from times of birth instead of a topological sort.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from operator import attrgetter
from threading import RLock
from typing import Any

import numpy as np
from numpy import float64, ndarray

from pellucid import tape
from pellucid.checking import arrays, check_gradient, checks_here, locked_by, release
from pellucid.hooks import run_hooks
from pellucid.primitives import Primitive
from pellucid.rules.indexing import Scattered
from pellucid.tape import NO_KWARGS, Node
from pellucid.tensor import Tensor, data_of, new_tensor, pick, result, without_graph
from pellucid.writing import overwrite, value_slope, written_over


def backward(end: Tensor, dy: Any, create_graph: bool, retain_graph: bool) -> None:
    """Add the gradient of `end` to ``.grad`` of every leaf behind it; see `Tensor.backward`."""
    if not end._requires_grad:
        raise RuntimeError(
            "there is nothing to differentiate: no Tensor with requires_grad=True took part in computing this one"
            + ("" if tape.recording() else " (and no_grad is on)")
        )
    sums = gradients([end], [seed(end, dy)], create_graph=create_graph, retain_graph=retain_graph)
    with _lock:  # other threads may add to the same leaves
        for leaf, dx in sums.items():
            if isinstance(leaf, Tensor):
                if create_graph:
                    dx = dx if isinstance(dx, Tensor) else Tensor(dx)  # an array where nothing depends on a leaf more
                    leaf.grad = dx if leaf.grad is None else leaf.grad + dx
                else:
                    leaf.grad = without_graph(dx if leaf.grad is None else data_of(leaf.grad) + dx)


_lock = RLock()


def seed(end: Tensor, dy: Any) -> Any:
    """The gradient that a pass starts from: `dy` in the shape and dtype of `end`, or 1 for a single number."""
    if dy is None:
        if end._array.size != 1:
            raise ValueError(
                f"backward() starts from one number; this Tensor has shape {end.shape}: pass dy, or sum it"
            )
        if end.dtype.kind == "c":
            raise ValueError(
                "backward() starts from a real number; this Tensor is complex: take its real part or its absolute "
                "value, or pass dy (of a holomorphic function dy=1 gives the complex derivative)"
            )
        return np.ones(end.shape, end.dtype) if end.shape else np.array(1, end.dtype)
    if np.shape(dy) != end.shape:
        raise ValueError(f"dy must have the shape of the Tensor it belongs to: {end.shape}, not {np.shape(dy)}")
    if np.iscomplexobj(data_of(dy)) and end.dtype.kind != "c":
        raise TypeError("dy is complex where the Tensor that it belongs to is real: take its real part")
    if isinstance(dy, Tensor):
        return dy if dy.dtype == end.dtype else dy.astype(end.dtype)
    return np.array(dy, end.dtype)


def gradients(
    ends: list[Tensor],
    dys: list[Any],
    wanted: Iterable[Node | Tensor] | None = None,
    create_graph: bool = False,
    retain_graph: bool = False,
    plan: Plan | None = None,
) -> dict[Node | Tensor, Any]:
    """Gradients of Σ ⟨end, dy⟩ with respect to all leaves, or to the nodes and leaves in `wanted`.

    Parameters
    ----------
    ends, dys : list
        Results and the gradients that arrive at them (arrays; with `create_graph` also Tensors).
    wanted : iterable of Node or Tensor, optional
        Stop here. Nothing is computed that does not lead to them.
    create_graph, retain_graph : bool
        As in `Tensor.backward`.
    plan : tuple, optional
        What `newest_first` says of the same `ends` and `wanted`, if they are gone through many times.

    Returns
    -------
    dict
        From each leaf, or wanted node, that was reached to its gradient: arrays, or Tensors with `create_graph`.
    """
    sums: dict[Node | Tensor, Any] = {}  # what has arrived so far, for nodes still to visit and for leaves
    owned: set[Node | Tensor] = set()  # sums that are arrays of our own, which may be added to in place
    dys = [dy._array if isinstance(dy, Tensor) and not create_graph else dy for dy in dys]
    for end, dy in zip(ends, dys, strict=True):
        if end._requires_grad:
            add(sums, owned, end.step or end, dy)
    order, leads = plan or newest_first(sums, None if wanted is None else set(wanted))
    if order and order[-1].born < tape.last_write:
        refuse_overwritten(order)
    hooks, locks, checks = tape.hooks, bool(locked_by), tape.somebody_checks and checks_here()
    for node in order:
        dy = sums.pop(node, None)
        if dy is None:
            continue  # nothing was sent back to it
        parents, args = node.parents, node.args
        if args is None:
            raise RuntimeError(
                f"a second backward pass reached {tape.name_of(node.function)}, whose arrays the first one has freed: "
                f"pass retain_graph=True the first time"
            )
        function = node.function
        if hooks and id(node) in hooks:
            dy = run_hooks(node, dy)
        if function is pick:
            collect(sums, parents[0], args[0], dy)
            continue
        if function is written_over and not create_graph:
            overwritten(sums, owned, node, dy, leads)
            if not retain_graph:
                node.args, node.value, node.backs, node.parents = None, None, None, ()
                if locks:
                    release(node)
            continue
        if dy.__class__ is list:
            dy = tuple([np.zeros_like(y) if d is None else d for d, y in zip(dy, node.value, strict=True)])
        backs, kwargs = node.backs, NO_KWARGS
        if create_graph:
            backs, given, kwargs = how_back(node, dy, create_graph)
        elif function.__class__ is not Primitive:
            given, kwargs = (dy, node.value, *args), node.kwargs
        elif backs.__class__ is tuple:
            given = dy if dy.__class__ is tuple else (dy,)
        elif len(args) == 1 and dy.__class__ is not tuple and not checks:
            backs, given = (backs,), (dy,)  # the short way: what it returns may be in a tuple
        else:
            backs, given, kwargs = how_back(node, dy, create_graph)
        for x, parent, back in zip(args, parents, backs):  # noqa: B905 (the keyword takes 0.1 µs a node)
            if parent is None or (leads is not None and not leading(parent, leads)):
                continue
            dx = back(*given, **kwargs) if kwargs else back(*given)
            if dx is None:
                continue
            if checks:
                check_gradient(node, dx)
            kind = dx.__class__
            if kind is float64 is x.__class__:  # `send`, as short as it mostly is
                have = sums.get(parent)
                sums[parent] = dx if have is None else have + dx  #                            (1)
            elif kind is ndarray is x.__class__ and dx.shape == x.shape and dx.dtype is x.dtype and parent not in sums:
                sums[parent] = dx
            elif dx.__class__ is tuple and function.__class__ is Primitive:
                (dx,) = one_each(dx, node)
                if dx is not None:
                    send(sums, owned, node, x, parent, dx)
            elif parent.__class__ is list:
                if not isinstance(dx, list | tuple):  # the function took the list for an array
                    dx = fitted(dx, np.asarray(x), node)
                for xi, p, dxi in zip(x, parent, dx, strict=True):
                    if p is not None:
                        send(sums, owned, node, xi, p, dxi)
            else:
                send(sums, owned, node, x, parent, dx)
        if not retain_graph:
            node.args, node.value, node.backs, node.parents = None, None, None, ()
            if locks:
                release(node)
    if leads is not None:
        sums = {x: dx for x, dx in sums.items() if x in leads}
    if hooks:
        sums = {x: run_hooks(x, dx) if id(x) in hooks else dx for x, dx in sums.items()}
    return apart(sums, owned, dys)


Plan = tuple[list[Node], "set[Any] | None"]


def newest_first(starts: Iterable[Any], wanted: set[Any] | None) -> Plan:
    """The nodes to visit, youngest first, however deep the graph; and all that leads to `wanted`, if that is given."""
    stop: set[Any] = wanted or set()  # what is behind these is not asked for
    found = {x for x in starts if x.__class__ is Node}
    todo = list(found - stop)
    while todo:
        for parent in todo.pop().parents:
            if parent.__class__ is Node:
                if parent not in found:
                    found.add(parent)
                    if parent not in stop:
                        todo.append(parent)
            elif parent.__class__ is list:
                new = {p for p in parent if p.__class__ is Node and p not in found}
                found |= new
                todo += new - stop
    # mutate: factor equivalent because a node that is visited again has nothing left to send
    order = sorted(found, key=attrgetter("born"))  #                                            (2)
    if wanted is None:
        order.reverse()
        return order, None
    leads = set(wanted)
    for node in order:  # oldest first: a node leads there if one of its parents does
        if any(leading(parent, leads) for parent in node.parents):
            leads.add(node)
    return [node for node in reversed(order) if node in leads and node not in wanted], leads


def leading(parent: Any, leads: set[Any]) -> bool:
    """Whether a parent, or one in a list of parents, is on the way to what is wanted."""
    return any(p in leads for p in parent) if parent.__class__ is list else parent in leads


def how_back(node: Node, dy: Any, create_graph: bool) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The derivatives of a node, one per argument, and what to call each with."""
    args: Any = node.args
    if create_graph:
        args = [handle(x, p) for x, p in zip(args, node.parents)]
    if node.function.__class__ is not Primitive:
        return node.backs, (dy, result(node), *args), node.kwargs
    vjp = node.backs
    if create_graph:
        value, vjp = node.function.run(*args, **node.kwargs)  # once more, on Tensors
        if not same(value, node.value):
            raise RuntimeError(
                f"{tape.name_of(node.function)} gave another value when it was run again for create_graph=True: pass "
                f"random numbers in as an argument instead of drawing them"
            )
    given = dy if dy.__class__ is tuple else (dy,)
    if vjp.__class__ is tuple:
        return vjp, given, NO_KWARGS
    return [lambda *_, dx=dx: dx for dx in one_each(vjp(*given), node)], given, NO_KWARGS


def one_each(dxs: Any, node: Node) -> tuple[Any, ...]:
    """What a vjp returned, one gradient (or None) for each argument of the node."""
    several: tuple[Any, ...] = dxs if isinstance(dxs, tuple) else (dxs,)
    n_arguments = len(node.parents)
    if len(several) != n_arguments:
        raise TypeError(
            f"the vjp of {tape.name_of(node.function)} must return a tuple with one gradient (or None) for each of its "
            f"{n_arguments} arguments; it returned {len(several)}"
        )
    return several


def same(a: Any, b: Any) -> bool:
    """Whether two results of a function are equal, up to rounding."""
    if isinstance(b, tuple | list):
        return all(same(p, q) for p, q in zip(a, b, strict=True))
    size = min(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)), 1.0)
    if np.asarray(b).dtype in SINGLE:  # the digits that single precision has
        return np.allclose(data_of(a), b, rtol=1e-3, atol=1e-7 + 1e-5 * size, equal_nan=True)
    return np.allclose(data_of(a), b, rtol=1e-5, atol=1e-15 + 1e-8 * size, equal_nan=True)


SINGLE = {np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.complex64)}


def handle(x: Any, parent: Any) -> Any:
    """A recorded argument as the Tensor that it was."""
    if parent is None:
        return x
    if parent.__class__ is list:
        return [handle(part, p) for part, p in zip(x, parent, strict=True)]
    if parent.__class__ is not Node and parent._array is x:
        return parent
    node = parent if parent.__class__ is Node else Node(alias, ALIAS, x, (x,), (parent,), NO_KWARGS)
    t = new_tensor(Tensor)
    t._array, t.grad, t._requires_grad, t.step = x, None, True, node
    return t


def alias(x: Any) -> Any:
    """The same value under another name."""
    return x


ALIAS = (lambda dy, y, x: dy,)


def collect(sums: dict[Any, Any], node: Node, i: int, dy: Any) -> None:
    """Put the gradient of result `i` of a function with several results beside the others."""
    several = sums.setdefault(node, [None] * len(node.value))
    several[i] = dy if several[i] is None else several[i] + dy


def send(sums: dict[Any, Any], owned: set[Any], node: Node, x: Any, parent: Any, dx: Any) -> None:
    """Add what `node` sends back for its argument x to the sum of the node or leaf that x came from."""
    if dx.__class__ is not float64 or (x.__class__ is not float64 and (x.shape or x.dtype is not FLOAT64)):
        dx = fitted(dx, x, node)  # the test spares single numbers a longer one
    add(sums, owned, parent, dx)


FLOAT64 = np.dtype(float64)


def overwritten(sums: dict[Any, Any], owned: set[Any], node: Node, dy: Any, leads: set[Any] | None) -> None:
    """The gradients of a recorded write, without a copy of dy where it is a sum of our own."""
    old, value, place = node.args  # type: ignore[misc]
    x, v, _ = node.parents
    if v is not None and (leads is None or v in leads):
        dv = value_slope(dy, None, old, value, place)
        send(sums, owned, node, value, v, np.array(dv) if isinstance(dv, np.ndarray) else dv)
    if x is not None and (leads is None or x in leads):
        if node not in owned:
            dy = np.array(dy)
        overwrite(dy, place, 0)
        add(sums, owned, x, dy)
        owned.add(x)


def refuse_overwritten(order: list[Node]) -> None:
    """Raise if a node needs an array that has been written into since it ran."""
    for node in order:
        if node.born < tape.last_write and node.args is not None:
            pairs = list(zip(node.args, node.parents, strict=True))
            if node.function in NEEDS_NO_VALUES:
                held = [x for x, parent in pairs if parent is None]
            elif node.function in PRODUCTS:  # the gradient of each factor needs the other one
                held = [x for (x, _), (_, parent) in zip(pairs, pairs[::-1], strict=True) if parent is not None]
            else:
                held = [node.value, *node.args]
            held += node.kwargs.values()
            for array in arrays(held):
                if (how := tape.write_since(array, node.born)) is not None:
                    raise RuntimeError(
                        f"an array that {tape.name_of(node.function)} was computed from, or its result, has been "
                        f"written into since (by {how}), and its gradient needs the old values: run backward() before "
                        f"the update, or compute the result again after it"
                    )


NEEDS_NO_VALUES = {  # the gradient of these depends on shapes, and on arguments that have none themselves
    np.add, np.subtract, np.negative, np.positive, np.sum, np.mean, np.cumsum, np.reshape, np.ravel, np.transpose,
    np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.broadcast_to, np.concatenate, np.stack, np.flip, np.roll,
    np.repeat, np.tile, np.copy, np.real, np.imag, np.conjugate, operator.getitem, written_over, pick,
}  # fmt: skip


PRODUCTS = {np.multiply, np.matmul, np.dot, np.inner, np.outer, np.vdot, np.vecdot}


def add(sums: dict[Any, Any], owned: set[Any], x: Node | Tensor, dx: Any) -> None:
    """x̄ ← x̄ + dx."""
    have = sums.get(x)
    if dx.__class__ is Scattered:
        if isinstance(have, Tensor):  # recorded: not written into
            dx.add_to(zeros := dx.zeros())
            sums[x] = have + zeros
            return
        if x not in owned:
            have = dx.zeros() if have is None else np.array(have)
            sums[x] = have
            owned.add(x)
        dx.add_to(have)
    elif have is None:
        sums[x] = dx
    elif x in owned and not isinstance(dx, Tensor):
        have += dx  #                                                                          (1)
    else:
        sums[x] = have = have + dx  #                                                          (1)
        if have.__class__ is ndarray:
            owned.add(x)
        elif owned:
            owned.discard(x)  # a Tensor now


def fitted(dx: Any, x: Any, node: Node) -> Any:
    """The gradient `dx` that `node` sends back for its argument `x`, in the shape and dtype of `x`."""
    if dx.__class__ is ndarray and dx.shape == x.shape and dx.dtype is x.dtype:
        return dx  # as almost always
    if not hasattr(dx, "shape"):
        dx = np.asarray(dx)  # a number of Python's
    if dx.shape != x.shape:
        added = dx.ndim - x.ndim
        if added < 0 or any(n not in (1, m) for n, m in zip(x.shape, dx.shape[added:], strict=True)):
            raise ValueError(
                f"the gradient of {tape.name_of(node.function)} for an argument of shape {x.shape} came out in shape "
                f"{dx.shape}, which does not sum to it: correct its rule or vjp"
            )
        stretched = tuple([i + added for i, n in enumerate(x.shape) if n == 1 and dx.shape[i + added] != 1])
        dx = np.reshape(np.sum(dx, axis=tuple(range(added)) + stretched), x.shape)  #           (3)
    if dx.dtype != x.dtype:
        if dx.dtype.kind == "c" and x.dtype.kind == "f":
            dx = np.real(dx)  #                                                                 (4)
        dx = dx.astype(x.dtype)
    return dx


def apart(sums: dict[Any, Any], owned: set[Any], dys: list[Any]) -> dict[Any, Any]:
    """Results that share no memory with each other, with `dys`, or with anything that was computed on the way."""
    seen = {id(data_of(dy)) for dy in dys}
    for x, dx in sums.items():
        data = dx if dx.__class__ is ndarray else data_of(dx)
        if data.__class__ is ndarray:
            if (data.base is not None or id(data) in seen) and x not in owned:
                sums[x] = np.copy(dx)
            seen.add(id(data))
    return sums
