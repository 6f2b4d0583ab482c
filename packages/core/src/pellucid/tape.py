"""The tape: what is remembered of a computation, and the table of derivatives.

Every operation on a `Tensor` leaves one `Node` behind. A node keeps the arrays that the operation saw and points to the
nodes that made them, so the nodes of a computation form a graph that only points backwards in time. `backward.py`
walks it.

The derivative of a NumPy function is a `rule`: one expression per positional argument, written with `np.*`. A plain
backward pass hands it arrays; with `create_graph=True` it is handed Tensors, and its own operations are recorded in
turn.

    rule(np.tanh, lambda dy, y, x: dy * (1 - y**2))
    rule(np.multiply, lambda dy, y, a, b: dy * b, lambda dy, y, a, b: dy * a)

References
----------
Griewank & Walther (2008), "Evaluating Derivatives", 2nd ed., ch. 3: the reverse mode.
Maclaurin (2016), "Modeling, Inference and Optimization with Composable Differentiable Procedures": rules written in the
language that they differentiate.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from itertools import count
from threading import Lock
from typing import Any

Function = Callable[..., Any]

rules: dict[Function, Any] = {}  # NumPy function -> one derivative per positional argument
compositions: dict[Function, Function] = {}  # NumPy function -> the same function written with others
constants: set[Function] = set()  # functions whose derivative is zero wherever it exists: they return plain arrays
births: Callable[[], int] = count(1).__next__  # the clock: everything recorded has its own time of birth
NO_KWARGS: dict[str, Any] = {}
hooks: dict[int, tuple[Any, list[Any]]] = {}  # id of a node or leaf -> (a weak reference to it, its hooks); hooks.py
_known_keywords: set[tuple[Any, ...]] = set()  # (function, *keywords) that a rule was found to take


class Node:
    """One recorded operation.

    Attributes
    ----------
    born : int
        Time of birth. A node is younger than all that it was computed from.
    function : callable
        The NumPy function or the primitive that ran.
    backs : tuple of callable or callable
        Its derivative: the rule's expressions, or the vjp that a primitive returned.
    value : array or tuple of arrays
        What it returned.
    args, kwargs : tuple, dict
        What it was given, with arrays in the place of Tensors. `args` is None once a backward pass has used the node.
    parents : tuple
        For each argument the Node that made it, the leaf Tensor that it is, a list of these for a sequence, or None
        where no gradient is needed.
    """

    __slots__ = ("born", "function", "backs", "value", "args", "parents", "kwargs", "__weakref__")

    def __init__(
        self,
        function: Function,
        backs: Any,
        value: Any,
        args: tuple[Any, ...],
        parents: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.born = births()
        self.function, self.backs, self.value = function, backs, value
        self.args: tuple[Any, ...] | None = args
        self.parents, self.kwargs = parents, kwargs
        if somebody_checks:
            check_node(self)


somebody_checks = 0  # how many `checked()` blocks are open, in all threads


def check_node(node: Node) -> None:
    from pellucid.checking import check

    check(node)


class NoRuleError(TypeError):
    """A function was called on a Tensor that needs a gradient, and nothing states its derivative."""


def rule(function: Function, *per_argument: Function | None) -> None:
    """State the derivative of a NumPy function.

    Parameters
    ----------
    function : callable
        The function, for instance ``np.tanh``.
    *per_argument : callable or None
        One ``(dy, y, *args, **kwargs) -> dx`` for each positional argument: from the gradient of the result to the
        gradient of that argument. `y` is the result. Axes that broadcasting added may be left in `dx`; they are summed
        away. A `dx` of None is a gradient of zero. None in the place of an expression stands for an argument that
        has no gradient (an axis, an index).

        For an argument that is a sequence of arrays the expression returns a sequence. For a function that returns
        several arrays `dy` and `y` are tuples.
    """
    rules[function] = per_argument
    compositions.pop(function, None)
    constants.discard(function)
    _known_keywords.clear()


def written_as(function: Function) -> Callable[[Function], Function]:
    """State a NumPy function by others that have rules: the decorated function runs in its place on Tensors."""

    def keep(body: Function) -> Function:
        compositions[function] = body
        rules.pop(function, None)
        constants.discard(function)
        _known_keywords.clear()
        return body

    return keep


def constant(*functions: Function) -> None:
    """Say that these functions are piecewise constant: their results are plain arrays, without a graph."""
    constants.update(functions)
    for function in functions:
        rules.pop(function, None)
        compositions.pop(function, None)


def check_backs(function: Function, backs: Any, parents: Any) -> None:
    """Raise where an argument needs a gradient and nothing states it, before a graph is built that drops it."""
    for i, parent in enumerate(parents):
        if parent is not None and (i >= len(backs) or backs[i] is None):
            raise NoRuleError(f"{name_of(function)} has no gradient for its argument {i}: detach() it")
        if parent.__class__ is list and any(p.__class__ is list for p in parent):
            raise NoRuleError(
                f"{name_of(function)} was given Tensors in a list in a list as its argument {i}: make it one Tensor "
                f"with np.stack"
            )


def check_keywords(function: Function, bodies: Any, kwargs: dict[str, Any]) -> None:
    """Raise where a keyword is given that the derivatives in `bodies` do not know, before a graph is built on it."""
    if (function, *kwargs) in _known_keywords:
        return
    for body in bodies:
        parameters = inspect.signature(body).parameters
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
            continue
        for name in kwargs:
            if name not in parameters:
                raise NoRuleError(
                    f"{name_of(function)} has no gradient with its keyword {name!r}: leave it out, or detach() the "
                    f"input"
                )
    _known_keywords.add((function, *kwargs))


def learn(function: Function) -> None:
    """Nothing is known of `function`: ask the rules of SciPy's functions, and the plugins, once each.

    Raises
    ------
    NoRuleError
        If there is still nothing that states its derivative.
    """
    for load in (_load_scipy_rules, _load_rules_of_plugins):
        load()
        if function in rules or function in compositions or function in constants:
            return
    raise NoRuleError(no_rule_message(function))


def no_rule_message(function: Function) -> str:
    name = name_of(function)
    near = nearest(function)
    return (
        f"{name} has no gradient rule. Give it one with pellucid.rule({name}, lambda dy, y, *args: ...), one "
        f"expression per argument, or write the step as a @pellucid.primitive; detach() the input if "
        f"no gradient should pass here" + (f". The nearest that has one: {near}" if near else "")
    )


def nearest(function: Function) -> str:
    """The function with the most similar name that has a derivative, or nothing."""
    known = {getattr(f, "__name__", ""): name_of(f) for f in (*rules, *compositions)}
    wanted = getattr(function, "__name__", "")
    found = get_close_matches(wanted, known, 1, 0.7) or [name for name in known if len(name) > 2 and name in wanted]
    return known[max(found, key=len)] if found else ""


def name_of(function: Function) -> str:
    """How a reader would write the function: ``np.tanh``, ``np.linalg.solve``, or a primitive's own name."""
    name = str(getattr(function, "__name__", None) or repr(function))
    module = getattr(function, "__module__", None)
    if module is None:  # a ufunc does not tell where it is from
        known = ("numpy", "numpy.linalg", "scipy.special")
        module = next((m for m in known if hasattr(sys.modules.get(m), name)), "")
    return f"{module}.{name}".replace("numpy.", "np.") if module.split(".")[0] in ("numpy", "scipy") else name


_scipy_rules_loaded = False
_plugin_rules_loaded = False


def _load_scipy_rules() -> None:
    global _scipy_rules_loaded
    if not _scipy_rules_loaded and "scipy.special" in sys.modules:
        _scipy_rules_loaded = True
        import pellucid.scipy_rules  # noqa: F401


def _load_rules_of_plugins() -> None:
    global _plugin_rules_loaded
    if _plugin_rules_loaded:
        return
    _plugin_rules_loaded = True
    from pellucid.registry import load_rules

    load_rules()


# Writes into memory. A node keeps arrays, so a write into one of them after it ran would give a wrong gradient. Every
# write that a Tensor knows of is noted here with its time; a backward pass compares it with the nodes that are older.

last_write = 0  # the time of the last write
writes: dict[int, tuple[Any, dict[tuple[int, int], tuple[int, str]]]] = {}  # id of the array that owns the memory ->
#                                                          (a weak reference to it, from bounds to (time, what wrote))
EVERYWHERE = (0, sys.maxsize)


def wrote(array: Any, how: str) -> None:
    """Tell the tape that the memory of `array` has been written into.

    A later backward pass that needs the old values raises and says `how` they were lost, instead of using the new ones.
    """
    global last_write
    owner = owner_of(array)
    if id(owner) not in writes:
        key = id(owner)
        writes[key] = weakref.ref(owner, lambda _: writes.pop(key, None)), {}
    last_write = births()
    where = EVERYWHERE if owner is array else bounds(array)
    noted = writes[id(owner)][1]
    if len(noted) > 1000:  # many small places: from now on it is one large one
        noted.clear()
        where = EVERYWHERE
    noted[where] = last_write, how


def written(tensor: Any, how: str = "a write into .data") -> None:
    """`wrote` for the array of a Tensor."""
    wrote(tensor._array, how)


def write_since(array: Any, born: int) -> str | None:
    """What wrote into the memory of `array` after that time, if anything did."""
    return write_between(owner_of(array), bounds(array), born) if writes else None


def write_between(owner: Any, place: tuple[int, int], born: int) -> str | None:
    """The same, of a place in the memory that `owner` has."""
    found = writes.get(id(owner))
    if found is not None:
        for (start, stop), (time, how) in found[1].items():
            if time > born and place[0] < stop and start < place[1]:
                return how
    return None


def owner_of(array: Any) -> Any:
    """The array whose memory a view looks into."""
    while getattr(array.base, "__array_interface__", None) is not None:
        array = array.base
    return array


def bounds(array: Any) -> tuple[int, int]:
    """First address of an array, and the one after its last."""
    from numpy.lib.array_utils import byte_bounds

    start, stop = byte_bounds(array)
    return int(start), int(stop)


# no_grad. Asking a ContextVar costs 40 ns, so it is asked only while somebody, somewhere, is inside `no_grad`.

_modes: ContextVar[tuple[list[bool], ...]] = ContextVar("pellucid_modes", default=())  # [recording?] of every block
_somebody_is_off = 0
_lock = Lock()


def recording() -> bool:
    """Whether operations are recorded here, in this thread and task."""
    if not _somebody_is_off:
        return True
    modes = _modes.get()
    return not modes or modes[-1][0]


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside this block (or inside a function decorated with ``@no_grad()``).

    It holds for the current thread and asyncio task only.
    """
    yield from _record_is(False)


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record again, inside a `no_grad` block."""
    yield from _record_is(True)


def _record_is(on: bool) -> Iterator[None]:
    global _somebody_is_off
    with _lock:
        _somebody_is_off += 1
    mode = [on]
    _modes.set((*_modes.get(), mode))
    try:
        yield
    finally:  # take out this one only: two generators may leave their blocks in any order
        _modes.set(tuple([m for m in _modes.get() if m is not mode]))
        with _lock:
            _somebody_is_off -= 1
