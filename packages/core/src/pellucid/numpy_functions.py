"""What becomes of a gradient in every function of NumPy.

Called with a Tensor that needs a gradient, a function of NumPy does one of three things:

    differentiable   it returns Tensors, and the gradient passes
    no derivative    it behaves as in NumPy and returns plain arrays: its result is piecewise constant, or does not
                     come from values at all
    raises           it raises a TypeError that says what to write instead

`table()` says which for all that NumPy's public namespaces hold. Most of it stands in the rules (`tape.py`); here is
what no rule can say. A function that nothing speaks of, because a new NumPy brought it, is an error of `state()`, and a
test walks the namespaces.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

from pellucid import tape
from pellucid.writing import WRITERS  # imports the rules, too

NAMESPACES = {  # what each is called in code -> the module
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
    "np.emath": np.emath,
    "np.polynomial.polynomial": polynomial,
    "np.polynomial.chebyshev": chebyshev,
    "np.polynomial.legendre": legendre,
    "np.polynomial.laguerre": laguerre,
    "np.polynomial.hermite": hermite,
    "np.polynomial.hermite_e": hermite_e,
}
EVALUATION = ("val", "val2d", "val3d", "valfromroots", "grid2d", "grid3d")  # of np.polynomial.* only these are listed

DIFFERENTIABLE, NO_DERIVATIVE, RAISES = "differentiable", "no derivative", "raises"

# fmt: off
CONSTANT = {  # why there is no derivative -> of which functions
    "true or false": """
        all allclose any array_equal array_equiv equal greater greater_equal isclose isfinite isin isinf isnan
        in1d iscomplex isneginf isposinf isreal less less_equal logical_and logical_not logical_or logical_xor
        not_equal signbit""",
    "flat wherever it is smooth": """
        around ceil fix floor floor_divide rint round round_ spacing trunc""",
    "places, orders and counts": """
        argmax argmin argpartition argsort argwhere count_nonzero digitize flatnonzero lexsort nanargmax nanargmin
        nonzero searchsorted linalg.matrix_rank""",
    "speaks of types": """
        can_cast common_type isdtype issubdtype min_scalar_type mintypecode promote_types result_type typename""",
    "speaks of shapes and memory, not of values": """
        diag_indices_from einsum_path iscomplexobj isfortran isrealobj isscalar iterable may_share_memory ndim shape
        shares_memory size tril_indices_from triu_indices_from""",
    "the shape and the type of an array, filled anew: a Tensor without gradient, to write into": """
        empty_like ones_like zeros_like""",
    "makes an array from sizes": """
        empty eye identity indices ones tri zeros bartlett blackman hamming hanning""",
    "makes places from sizes and places": """
        broadcast_shapes diag_indices mask_indices ravel_multi_index tril_indices triu_indices unravel_index""",
    "works on whole numbers and bits": """
        binary_repr base_repr bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or
        bitwise_right_shift bitwise_xor gcd invert lcm left_shift packbits right_shift unpackbits""",
    "works on dates": """
        busday_count busday_offset datetime_as_string datetime_data is_busday isnat""",
    "writes text": """
        array2string array_repr array_str info""",
    "writes values into a file": """
        save savetxt savez savez_compressed""",
    "reads a file, a text or a buffer": """
        from_dlpack frombuffer fromfile fromregex fromstring genfromtxt load loadtxt""",
    "speaks of NumPy itself": """
        get_include get_printoptions getbufsize geterr geterrcall printoptions set_printoptions setbufsize seterr
        seterrcall show_config show_runtime test linalg.test fft.test""",
}
REFUSED = {  # what to do instead -> for which functions
    "it writes one number of Python's: call .item()": """
        format_float_positional format_float_scientific""",
    "a plain array would drop the gradient: build a Tensor with pellucid.array, or call .numpy()": """
        array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray fromiter require""",
    "np.matrix knows no Tensors: use np.block": """
        asmatrix bmat""",
    "write number * np.ones(shape)": """
        full""",
    "write start + step * np.arange(n)": """
        arange""",
    "no derivative by beta is known: detach() it": """
        kaiser""",
    "it makes a function of Python objects: write it with NumPy's functions, or as a @pellucid.primitive": """
        frompyfunc""",
    "it walks through memory: index the Tensor, or iterate over it": """
        nested_iters""",
    "call the function of this name in pellucid.polynomial": """
        polynomial.polynomial.polyval2d polynomial.polynomial.polyval3d polynomial.polynomial.polygrid2d
        polynomial.polynomial.polygrid3d""",
    "call the function of one variable in pellucid.polynomial, for one axis after the other": """
        polynomial.chebyshev.chebval2d polynomial.chebyshev.chebval3d polynomial.chebyshev.chebgrid2d
        polynomial.chebyshev.chebgrid3d polynomial.legendre.legval2d polynomial.legendre.legval3d
        polynomial.legendre.leggrid2d polynomial.legendre.leggrid3d polynomial.laguerre.lagval2d
        polynomial.laguerre.lagval3d polynomial.laguerre.laggrid2d polynomial.laguerre.laggrid3d
        polynomial.hermite.hermval2d polynomial.hermite.hermval3d polynomial.hermite.hermgrid2d
        polynomial.hermite.hermgrid3d polynomial.hermite_e.hermeval2d polynomial.hermite_e.hermeval3d
        polynomial.hermite_e.hermegrid2d polynomial.hermite_e.hermegrid3d""",
}
BY_OTHERS = {  # NumPy's own code, which calls nothing but functions that have rules
    "an old name of np.vstack, np.trapezoid": """
        row_stack trapz""",
    "by what the function returns": """
        fromfunction""",
    "by d": """
        fft.fftfreq fft.rfftfreq""",
    # The code of np.polynomial takes whatever is no ndarray for a number: so the shapes of a Tensor of points and of
    # several columns of coefficients are not kept apart there.
    "by x, with one column of coefficients; in all other cases call the function of this name in pellucid.polynomial":
        """
        polynomial.polynomial.polyval polynomial.chebyshev.chebval polynomial.legendre.legval
        polynomial.laguerre.lagval polynomial.hermite.hermval polynomial.hermite_e.hermeval""",
    "by x, at one point; in all other cases call the function of this name in pellucid.polynomial": """
        polynomial.polynomial.polyvalfromroots""",
}
# fmt: on


class State(NamedTuple):
    """What becomes of a gradient in one function."""

    name: str  # "np.linalg.solve"
    state: str  # DIFFERENTIABLE, NO_DERIVATIVE or RAISES
    how: str  # where the rule stands, why there is no derivative, or what to do instead


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """The name and the value of every public function of NAMESPACES."""
    for space, module in NAMESPACES.items():
        for short in sorted(vars(module)):
            if short.startswith("_"):
                continue
            with warnings.catch_warnings(action="ignore"):
                function = getattr(module, short)
            if isinstance(function, type | types.ModuleType) or not callable(function):
                continue
            if not space.startswith("np.polynomial") or is_evaluation(short):
                yield f"{space}.{short}", function


def is_evaluation(short: str) -> bool:
    """Whether a function of np.polynomial evaluates: `chebval`, `leggrid2d`."""
    return any(short.endswith(end) for end in EVALUATION)


def state(name: str, function: Callable[..., Any]) -> State:
    """The state of one function.

    Raises
    ------
    LookupError
        If nothing speaks of it.
    """
    if name == "np.astype" and np.lib.NumpyVersion(np.__version__) < "2.1.0":
        return State(name, RAISES, "NumPy 2.0 takes only arrays here: call x.astype(dtype)")
    if function in tape.rules:
        return State(name, DIFFERENTIABLE, f"rule in {file_of(tape.rules[function])}")
    if function in tape.compositions:
        return State(name, DIFFERENTIABLE, f"written with others in {file_of(tape.compositions[function])}")
    if function in WRITERS:
        return State(name, DIFFERENTIABLE, f"writes a new version of a Tensor, in {file_of(WRITERS[function])}")
    if reason := reasons(BY_OTHERS).get(name):
        return State(name, DIFFERENTIABLE, reason)
    if (reason := reasons(CONSTANT).get(name)) or function in tape.constants:
        return State(name, NO_DERIVATIVE, reason or "flat wherever it is smooth")
    if reason := reasons(REFUSED).get(name):
        return State(name, RAISES, reason)
    raise LookupError(f"{name} of NumPy {np.__version__} has no state: give it a rule, or say why not")


def table() -> list[State]:
    """The state of every function, in the order of NAMESPACES."""
    return [state(name, function) for name, function in functions()]


def reasons(topics: dict[str, str]) -> dict[str, str]:
    """From "np.equal" to the topic that lists it."""
    return {f"np.{short}": reason for reason, names in topics.items() for short in names.split()}


def file_of(backs: Any) -> str:
    """The file that states a derivative: "rules/products.py"."""
    parts = backs if isinstance(backs, tuple) else (getattr(backs, "slope", backs),)
    stated = next(part for part in parts if part is not None)
    stated = stated.func if isinstance(stated, partial) else stated
    return "/".join(stated.__module__.split(".")[1:]) + ".py"
