"""Checkpointing: compute again in the backward pass instead of remembering.

A backward pass needs what every operation saw, so its memory grows with the number of operations. A checkpointed
function is one operation: it keeps its inputs and its result, forgets what happened on the way, and runs once more when
its gradient is asked for.

    y = f(x)              the operations are dropped from the tape, and x is kept                 (1)
    x̄ = (∂f/∂x)ᵀ ȳ        f runs again on x; its operations are kept until they are used          (2)

A chain of n operations cut into √n pieces needs memory for 2√n of them, and one evaluation more.

Symbols
-------
    paper   code     shape         meaning
    x       given    any, nested   the arguments of f, one after the other
    y       ends     any, nested   those of its results that need a gradient
    ȳ       dys      as y          their gradients

Cost: one more evaluation of f in each backward pass. Memory for the operations of f while it runs, forwards and back.

References
----------
Griewank & Walther (2008), "Evaluating Derivatives", 2nd ed., ch. 12: checkpointing schedules.
Chen, Xu, Zhang & Guestrin (2016), "Training deep nets with sublinear memory cost": pieces of length √n.

Differs from them: the pieces are chosen by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple
from weakref import ref

from pellucid.backward import ALIAS, alias, gradients, same
from pellucid.checking import arrays
from pellucid.nesting import flatten, unflatten
from pellucid.primitives import Primitive
from pellucid.tape import NO_KWARGS, Node, births, bounds, enable_grad, name_of, owner_of, recording, write_between
from pellucid.tensor import Tensor, data_of, result
from pellucid.transforms import Variable, own_leaf


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the value and the gradient of `f` that remembers its inputs only.

    Parameters
    ----------
    f : callable
        A function of Tensors, alone or nested, and of anything else; so is its value. It must do the same when it is
        run again: random numbers are passed in, and nothing around it is changed, its arguments neither. It may use
        Tensors from around it, such as the weights of a layer, which get their gradients too. What it returns has
        memory of its own, even where `f` returns a view.

    Returns
    -------
    callable
        Takes the arguments of `f`. Every backward pass runs `f` once more. A recorded one (`create_graph`, second
        derivatives) remembers what that run did.

    Raises
    ------
    RuntimeError
        If `f` writes into an argument that needs a gradient; in the backward pass, if it returned something else when
        it was run again, or used other Tensors.
    """
    name = f"checkpoint({name_of(f)})"

    @wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not recording():
            return f(*args, **kwargs)
        given: list[Any] = []
        form = flatten([list(args), kwargs], given)
        first = run(f, form, given)
        if not first.ends:
            return first.y
        kept = [x._array if needs_gradient(x) else x for x in given]
        needed = [needs_gradient(x) for x in given]
        outside, constants, done = list(first.outside), first.constants, births()
        value = one_or_all([y._array for y in first.ends])

        def pull(second: Run, dys: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
            if set(second.outside) != set(outside):
                raise RuntimeError(
                    f"{name} used other Tensors from around it when it was run again: pass what changes as an argument"
                )
            if len(second.ends) != len(dys) or not same(one_or_all([y._array for y in second.ends]), value):
                raise RuntimeError(
                    f"{name} gave another value when it was run again: pass random numbers in as an argument instead "
                    f"of drawing them, and change nothing around it"
                )
            sources: list[Any] = [*second.starts, *[second.outside[x] for x in outside]]
            wanted = [x for x in sources if x is not None]
            sums: dict[Any, Any] = gradients(second.ends, list(dys), wanted, create_graph, retain_graph=create_graph)
            return tuple([sums.get(x) for x in sources])

        def vjp(*dys: Any) -> tuple[Any, ...]:
            refuse_written(constants, done, name)
            variables = [own_leaf(x) if need else x for x, need in zip(kept, needed, strict=True)]
            second = run(f, form, variables)  #                                                 (2)
            for x in variables:
                if x.__class__ is Variable:
                    x.over = True
            return pull(second, dys, create_graph=False)

        def recorded(*again: Any) -> Any:
            refuse_written(constants, done, name)
            arguments = [new if need else x for new, x, need in zip(again, kept, needed, strict=False)]
            second = run(f, form, arguments)
            return one_or_all(second.ends), lambda *dys: pull(second, dys, create_graph=True)

        recorded.__name__ = name
        values = (*[data_of(x) for x in kept], *[node.value for node in first.outside.values()])
        parents = (*[(x.step or x) if need else None for x, need in zip(given, needed, strict=True)], *outside)
        ys = result(Node(Primitive(recorded), vjp, value, values, parents, NO_KWARGS))  #       (1)
        return with_ends(first.y, ys if isinstance(ys, tuple) else (ys,))

    return checkpointed


Constants = dict[Any, tuple[Any, tuple[int, int]]]  # weak references to owners of memory, and the places in it


class Run(NamedTuple):
    y: Any  # what f returned
    ends: list[Tensor]  # the parts of it that need a gradient
    starts: list[Node | None]  # where each argument begins that needs one
    outside: dict[Any, Node]  # where what f used from around it begins: from a leaf or an older node to a node of ours
    constants: Constants  # what else its operations need


def run(f: Callable[..., Any], form: Any, given: Any) -> Run:
    """`f` on its arguments, each of which has a node of its own if it needs a gradient."""
    begun = births()
    inputs: list[Any] = []
    starts: list[Node | None] = []
    for x in given:
        start = None
        if needs_gradient(x):
            start = renamed(x._array, x.step or x)
            x = result(start)
        starts.append(start)
        inputs.append(x)
    args, kwargs = unflatten(form, iter(inputs))
    with enable_grad():
        y = f(*args, **kwargs)
    for start, x in zip(starts, inputs, strict=True):
        if start is not None and x.step is not start:
            raise RuntimeError(
                f"{name_of(f)} wrote into its argument, which would not be seen outside of checkpoint: write into a "
                f"copy"
            )
    leaves: list[Any] = []
    flatten(y, leaves)
    return Run(y, *cut_off([end for end in leaves if needs_gradient(end)], starts, begun))


def renamed(value: Any, parent: Any) -> Node:
    return Node(alias, ALIAS, value, (value,), (parent,), NO_KWARGS)


def cut_off(
    ends: list[Tensor], starts: list[Any], begun: int
) -> tuple[list[Tensor], list[Any], dict[Any, Node], Constants]:
    """Give a node of our own to all that the run used from around it, so that a pass through the run ends there.

    That are leaves, and nodes older than the run. A pass that went on to them would also run their hooks.
    """
    outside: dict[Any, Node] = {}
    constants: Constants = {}
    ours = {start for start in starts if start is not None}
    todo: list[Any] = []
    for i, y in enumerate(ends):
        start = inside(y.step or y, y._array, begun, ours, outside)
        if start is not y.step:  # f returned what it did not make
            ends[i] = result(start)
        todo.append(start)
    while todo:
        x = todo.pop()
        if x.__class__ is list:
            todo += x
        elif x.__class__ is Node and x not in ours:
            ours.add(x)
            pairs = list(zip(x.parents, x.args or (), strict=True))
            x.parents = tuple([inside(p, value, begun, ours, outside) for p, value in pairs])
            todo += x.parents
            for array in arrays([value for p, value in pairs if p is None] + [*x.kwargs.values()]):
                owner, place = owner_of(array), bounds(array)
                constants[id(owner), place] = ref(owner), place
    return ends, starts, outside, constants


def refuse_written(constants: Constants, done: int, name: str) -> None:
    """Raise if something that the function used, and that is still there, has been written into since it was done."""
    for owner, place in constants.values():
        array = owner()
        how = None if array is None else write_between(array, place, done)
        if how is not None:
            raise RuntimeError(
                f"an array that {name} used has been written into since (by {how}), and running it again needs the "
                f"old values: run backward() before the update, or compute the result again after it"
            )


def inside(x: Any, value: Any, begun: int, ours: set[Any], outside: dict[Any, Node]) -> Any:
    """A parent in the run, or the node of our own that stands for one outside."""
    if x.__class__ is list:
        return [inside(part, v, begun, ours, outside) for part, v in zip(x, value, strict=True)]
    if x is None or x in ours or (x.__class__ is Node and x.born > begun) or (x.__class__ is Variable and x.over):
        return x
    if x not in outside:
        outside[x] = renamed(value, x)
        outside[x].born = begun  # older than what was computed from it
        ours.add(outside[x])
    return outside[x]


def needs_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x._requires_grad


def one_or_all(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tuple(parts)


def with_ends(y: Any, ends: Any) -> Any:
    """`y` with other Tensors for those that need a gradient."""
    leaves: list[Any] = []
    form = flatten(y, leaves)
    new = iter(ends)
    return unflatten(form, iter([next(new) if needs_gradient(x) else x for x in leaves]))
