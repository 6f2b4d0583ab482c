"""Every function of NumPy's public namespaces has a state, and calling it proves which."""

import contextlib
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

from pellucid import Tensor, numpy_functions, tape
from pellucid.numpy_functions import BY_OTHERS, CONSTANT, DIFFERENTIABLE, NO_DERIVATIVE, RAISES, REFUSED
from pellucid.tensor import MAKE_ROOM, data_of
from pellucid.writing import WRITERS

rng = np.random.default_rng(0)
FUNCTIONS = dict(numpy_functions.functions())
STATES = {}
for name, function in FUNCTIONS.items():
    try:
        STATES[name] = numpy_functions.state(name, function).state
    except LookupError:
        STATES[name] = "none"


def test_every_function_has_a_state():
    missing = [name for name, state in STATES.items() if state == "none"]
    assert not missing, f"NumPy {np.__version__}: give them a rule, or say why not: {', '.join(missing)}"


def test_a_function_that_nothing_speaks_of_is_named():
    with pytest.raises(LookupError, match=r"np.newfunction of NumPy \d.* has no state: give it a rule, or say why not"):
        numpy_functions.state("np.newfunction", lambda x: x)


def test_no_function_has_two_states():
    topics = (CONSTANT, REFUSED, BY_OTHERS)
    stated = [name for topic in topics for names in topic.values() for name in names.split()]
    assert sorted(set(stated)) == sorted(stated)
    by_rules = {name for name, f in FUNCTIONS.items() if f in (tape.rules | tape.compositions | WRITERS)}
    assert by_rules & {f"np.{name}" for name in stated} == set()
    assert set(tape.rules) & (set(tape.compositions) | tape.constants) == set()
    constant = {name for name, f in FUNCTIONS.items() if f in tape.constants}
    assert constant & {*numpy_functions.reasons(REFUSED), *numpy_functions.reasons(BY_OTHERS)} == set()


def test_the_table_says_where_a_rule_stands():
    table = {row.name: row for row in numpy_functions.table()}
    assert table["np.tanh"] == ("np.tanh", DIFFERENTIABLE, "rule in rules/elementwise.py")
    assert table["np.einsum"].how == "rule in rules/products.py"
    assert table["np.fft.fft2"].state == DIFFERENTIABLE
    assert table["np.floor"].state == NO_DERIVATIVE and table["np.asarray"].state == RAISES


# Calls. `t` makes a Tensor that needs a gradient, `p` leaves an array plain. What NumPy itself refuses is passed over.

NUMBER, V, W, U = np.array(0.37), *np.sort(rng.uniform(0.2, 0.9, (3, 4)))  # rising: `interp` looks them up
A, B = rng.normal(size=(2, 3, 4))
S = rng.normal(size=(3, 3))
P = S @ S.T + np.eye(3)  # symmetric and positive definite, where `cholesky` and `eigh` look at one half only
T = rng.normal(size=(2, 3, 4))
Z = rng.normal(size=4) + 1j * rng.normal(size=4)
C, D = rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3))
MASK, PLACES = np.array([True, False, True, True]), np.array([2, 0, 3, 1])
GENERIC = [
    *(lambda t, p, x=x: (t(x),) for x in (NUMBER, V, A, S, P, T, Z, C)),
    *(lambda t, p, x=x, n=n: (t(x), n) for x in (V, A, T) for n in (1, 2, (0, 1), [0, 2], (4, 3), PLACES)),
    *(lambda t, p, x=x, y=y: (t(x), t(y)) for x, y in ((V, W), (A, B), (S, P), (A, V), (NUMBER, V), (Z, V), (C, D))),
    *(lambda t, p, x=x, y=y: ([t(x), t(y)],) for x, y in ((V, W), (A, B), (S, P))),
    lambda t, p: ([t(V), p(W)],),
    lambda t, p: (t(V), p(W)),
    lambda t, p: (p(V), t(W)),
    lambda t, p: (2, t(V)),
    lambda t, p: (3, t(NUMBER)),
    lambda t, p: ((2, 3), t(NUMBER)),
    lambda t, p: (MASK, t(V)),
    lambda t, p: (PLACES, t(V)),
    lambda t, p: (t(A), 1, 0),
    lambda t, p: (t(T), 0, 2),
    lambda t, p: (t(A), 1, 1),
    lambda t, p: (t(V), t(W), t(U)),
    lambda t, p: (t(A), t(V), p(W)),
    lambda t, p: (t(V), PLACES[:2], t(W[:2])),
    lambda t, p: (t(A), np.array([[0], [2], [1]]), t(V[:3, None]), 1),
    lambda t, p: (p(V), PLACES[:2], t(W[:2])),
    lambda t, p: (p(V), MASK, t(W)),
    lambda t, p: (t(V), MASK, t(W)),
    lambda t, p: (MASK, t(V), t(W)),
    lambda t, p: (t(NUMBER), t(NUMBER + 1), 4),
    lambda t, p: (t(V), t(W), 4),
    lambda t, p: (lambda x: x * 2, t(V)),
    lambda t, p: (lambda x: x * 2, 0, t(A)),
    lambda t, p: (np.sum, t(A), [0]),
]
OF_UFUNCS = [lambda t, p: (t(V), W.tolist()), lambda t, p: (V.tolist(), t(W))]
XYZ = (V[:2], W[:2], U[:2])
SPECIAL = {  # where no general call reaches the function, or none that it is meant for
    "np.bincount": [((PLACES,), {"weights": V})],
    "np.bmat": [(([[A, B]],), {})],
    "np.can_cast": [((V, np.float32), {})],
    "np.choose": [((PLACES, [V, W, U, V + 1]), {})],
    "np.einsum": [(("ij,kj->ik", A, B), {})],
    "np.einsum_path": [(("ij,kj->ik", A, B), {})],
    "np.fft.fftfreq": [((4, NUMBER), {})],
    "np.fft.rfftfreq": [((4, NUMBER), {})],
    "np.fromfunction": [lambda t, p: (((lambda x: lambda i, j: x * i + j)(t(NUMBER)), (2, 3)), {})],
    "np.fromiter": [(([NUMBER], float), {})],
    "np.histogram": [((V,), {"weights": W, "bins": np.array([0.0, 0.5, 1.0])})],
    "np.interp": [((V, np.array([0.0, 0.5, 1.0]), W[:3]), {})],
    "np.kaiser": [((5, NUMBER), {})],
    "np.nanpercentile": [((A, 40, 0), {}), ((A, 100 * NUMBER), {})],
    "np.nanquantile": [((A, 0.4, 0), {}), ((A, NUMBER), {})],
    "np.percentile": [((A, 40, 0), {}), ((A, 100 * NUMBER), {})],
    "np.polydiv": [((U, V[:2]), {})],
    "np.piecewise": [((V, [V > 0.5, V <= 0.5], [np.sin, np.cos]), {})],
    "np.quantile": [((A, 0.4, 0), {}), ((A, NUMBER), {})],
    "np.save": [(("file", V), {})],
    "np.savetxt": [(("file", V), {})],
    "np.savez": [(("file", V), {}), (("file",), {"x": V})],
    "np.savez_compressed": [(("file", V), {})],
    "np.select": [(([MASK], [V]), {})],
}
NO_VALUES = {  # topics whose functions are given sizes, names or dates: nothing to call them with
    "makes an array from sizes",
    "makes places from sizes and places",
    "speaks of types",
    "works on whole numbers and bits",
    "works on dates",
    "reads a file, a text or a buffer",
    "speaks of NumPy itself",
}
MEASURED = {  # no case of a rule's tests calls them: their gradient is the one measured here
    *numpy_functions.reasons(BY_OTHERS),
    *(name for name, function in FUNCTIONS.items() if function in WRITERS),
}
UNCALLED = {f"np.{name}" for topic in NO_VALUES for name in CONSTANT[topic].split()} | {
    "np.frompyfunc",
    "np.nested_iters",
}
ARBITRARY = {"np.empty_like", "np.unique_values"}  # whatever stood in memory; in whatever order
ONLY_SPECIAL = ("np.bmat", "np.interp", "np.polydiv", "np.polynomial.")  # a general call means nothing to these


def calls(name):
    """Functions of (t, p) that give the positional and keyword arguments of one call."""
    if name in UNCALLED:
        return

    def made(x, t):
        if isinstance(x, tuple) and x[0] == "plain":
            return x[1]
        if isinstance(x, np.ndarray):
            return t(x) if x.dtype.kind in "fc" else x
        return [made(part, t) for part in x] if isinstance(x, list) else x

    special = SPECIAL.get(name, [])
    if name.startswith("np.polynomial."):
        n = int(name[-2]) if name[-1] == "d" else 1
        coefficients = rng.normal(size=(3,) * n)
        special = [(XYZ[:n] + ((coefficients if n > 1 else ("plain", coefficients)),), {})]
        if name.endswith("fromroots"):
            special = [((NUMBER, ("plain", V)), {})]
    general = [*GENERIC, *OF_UFUNCS] if isinstance(FUNCTIONS[name], np.ufunc) else GENERIC
    for args in [] if name.startswith(ONLY_SPECIAL) else general:
        if not is_out_of_another_shape(FUNCTIONS[name], args(np.array, np.array)):
            yield lambda t, p, args=args: (args(t, p), {})
    yield from (call for call in special if callable(call))
    for xs, kwargs in (call for call in special if not callable(call)):
        yield lambda t, p, xs=xs, kwargs=kwargs: (
            tuple(made(x, t) for x in xs),
            {key: made(x, t) for key, x in kwargs.items()},
        )


def is_out_of_another_shape(function, args):
    """Whether one of several results would be written into an array that is larger than the others."""
    return isinstance(function, np.ufunc) and len(args) > function.nin and len({np.shape(x) for x in args}) > 1


def leaves(y):
    """What a result is made of."""
    if isinstance(y, list | tuple):
        return [leaf for part in y for leaf in leaves(part)]
    return [y]


def run(function, call, t):
    """The result of a call and what then stands in the arguments that `t` made; and the plain arguments."""
    made, plain = [], []

    def make(x):
        made.append(t(x))
        return made[-1]

    def leave(x):
        plain.append(np.array(x))
        return plain[-1]

    args, kwargs = call(make, leave)
    with np.errstate(all="ignore"):
        y = function(*args, **kwargs)
    return leaves(list(y) if inspect.isgenerator(y) else y) + made, plain


def moved_by(step):
    """Makes copies, each moved a little in a direction of its own, which is symmetric where the array is."""
    directions = np.random.default_rng(1)

    def t(x):
        d = directions.normal(size=x.shape) + (1j * directions.normal(size=x.shape) if x.dtype.kind == "c" else 0)
        return np.asarray(x + step * (d + d.T if np.array_equal(x, x.T) else d))

    return t


def same(a, b):
    """Equal, NaN to NaN, where the two are values."""
    if isinstance(a, np.ndarray | np.generic | float | complex | int) and np.asarray(a).dtype.kind in "biufc":
        return np.shape(a) == np.shape(b) and np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc")
    return type(a) is type(b) or a == b


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_drops_a_gradient(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    prove(name, FUNCTIONS[name], STATES[name])


def prove(name, function, state):
    """Each call gives what NumPy gives, with a right gradient or without any, or raises and says what to do."""
    reached = carried = returned = 0
    for call in calls(name):
        try:
            expected, plain = run(function, call, np.array)
            plus, plain_plus = run(function, call, moved_by(1e-6))
            minus, _ = run(function, call, moved_by(-1e-6))
        except Exception:  # NumPy has no such call
            continue
        if any(isinstance(e, np.ndarray) and e.dtype.kind == "O" for e in expected):
            continue
        reached += 1
        xs = []

        def tensor(x, xs=xs):
            xs.append(Tensor(np.array(x), requires_grad=True))
            return xs[-1].copy()  # a result: a leaf may not be written into

        try:
            found, now_plain = run(function, call, tensor)
        except (TypeError, ValueError) as refusal:
            message = str(refusal.__cause__ or refusal)
            assert any(word in message for word in TEACHING), f"{name} says only {message!r}"
            continue
        assert state != RAISES, f"{name} does not raise"
        returned += 1
        for before, after, now in zip(plain, plain_plus, now_plain, strict=True):
            assert same(before, after) or same(now, before), f"{name} wrote values into a plain array"
        slope, difference, rng = 0.0, 0.0, np.random.default_rng(2)
        results = len(found) - len(xs)
        assert len(found) == len(expected)
        for y, e, up, down in zip(found, expected, plus, minus, strict=True):
            carries = isinstance(y, Tensor) and y.requires_grad
            assert carries or same(e, up) or name in ARBITRARY, f"{name} dropped a gradient"
            if isinstance(y, Tensor):
                is_out = any(y is x for x in found[results:])
                room = function in MAKE_ROOM and not y.requires_grad
                assert state == DIFFERENTIABLE or is_out or room, f"{name} returned a Tensor"
                assert y.dtype == np.asarray(e).dtype and y.shape == np.shape(e)
                if name not in ARBITRARY:
                    np.testing.assert_allclose(y.numpy(), e, rtol=1e-12, atol=1e-12)
            elif name not in ARBITRARY:
                assert same(y, e), f"{name} returned another value than NumPy"
            if carries and np.size(e):
                u = rng.normal(size=np.shape(e))
                difference += np.sum(np.real(u * (np.asarray(up) - np.asarray(down)))) / 2e-6
                try:
                    y.backward(u.astype(y.dtype), retain_graph=True)
                except np.linalg.LinAlgError:  # this part of the result has no derivative here, and says so
                    difference = np.nan
        directions = moved_by(1.0)
        for x in xs:
            d = directions(x.numpy()) - x.numpy()
            slope += 0.0 if x.grad is None else np.sum(np.real(x.grad.numpy() * d))
        if np.isfinite(difference) and name not in ARBITRARY:
            np.testing.assert_allclose(slope, difference, rtol=1e-4, atol=1e-5, err_msg=name)
        carried += any(x.grad is not None for x in xs)
    assert carried or name not in MEASURED
    if state in (RAISES, NO_DERIVATIVE) and name not in UNCALLED:
        assert reached, f"no call reaches {name}: add one to SPECIAL"
    if state == NO_DERIVATIVE and name not in UNCALLED:
        assert returned, f"{name} refuses every call"


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.r_[x, 0.0],
        lambda x: np.c_[x, np.ones(4)],
        lambda x: np.vectorize(lambda v: 2 * v)(x),
        lambda x: np.ndarray.__setitem__(np.zeros(4), slice(None), x),
        lambda x: np.float64(x[0]),
        lambda x: np.matrix(x),
        lambda x: list(np.ndenumerate(x)),
        lambda x: np.random.default_rng(0).permutation(x),
        lambda x: np.ma.array(x),
    ],
)
def test_what_makes_arrays_without_a_function_refuses_tensors(call):
    with pytest.raises(TypeError, match="drop its gradient: call .numpy"):
        call(Tensor(V, requires_grad=True))


def test_the_proof_notices_a_gradient_that_is_dropped_or_wrong():
    for wrong, match in (
        (lambda x: np.tanh(data_of(x)), "dropped a gradient"),
        (lambda x: np.tanh(x.detach()) if isinstance(x, Tensor) else np.tanh(x), "dropped a gradient"),
        (lambda x: np.tanh(x) * (data_of(x) / x + 1) / 2, "Not equal"),
        (lambda x: np.tanh(x) * 0 + np.tanh(data_of(x)), "Not equal"),
        (lambda x: np.tanh(x) + isinstance(x, Tensor), "Not equal"),
    ):
        with pytest.raises(AssertionError, match=match):
            prove("np.tanh", wrong, DIFFERENTIABLE)
    with pytest.raises(AssertionError, match="returned a Tensor"):
        prove("np.tanh", np.tanh, NO_DERIVATIVE)
    with pytest.raises(AssertionError, match="does not raise"):
        prove("np.tanh", np.tanh, RAISES)


def test_functions_that_are_given_functions_or_iterators_refuse_tensors():
    with pytest.raises(TypeError, match="no gradient rule"):
        np.frompyfunc(lambda x: 2 * x, 1, 1)(Tensor(V, requires_grad=True))
    with pytest.raises(TypeError):
        np.nested_iters(Tensor(A, requires_grad=True), [[0], [1]])


TEACHING = ("use ", "write ", "call ", "pass ", "detach", "build ", "make it", "take ", "index ", "multiply ")


# Every differentiable function is called by a case of the rules' own tests, which check its gradient to second order.


def cases():
    """The cases of every tests/test_rules_*.py: name -> (function, arguments)."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("test_rules_*.py")):
        spec = importlib.util.spec_from_file_location(f"cases_of_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.update({f"{path.stem}: {key}": case for key, case in module.CASES.items()})
    return found


@pytest.fixture(scope="module")
def called():
    """The functions that these cases hand Tensors to."""
    seen, depth = set(), 0

    def watching(original, which):
        def hand(self, *args, **kwargs):
            nonlocal depth
            if depth == 0:
                seen.add(args[which])
            depth += 1
            try:
                return original(self, *args, **kwargs)
            finally:
                depth -= 1

        return hand

    with pytest.MonkeyPatch.context() as patch:
        for name in ("__array_ufunc__", "__array_function__"):
            patch.setattr(Tensor, name, watching(getattr(Tensor, name), 0))
        for f, xs, *_ in cases().values():
            with contextlib.suppress(Exception):  # what a case finds wrong its own file says
                f(*[Tensor(x, requires_grad=True) for x in xs])
    return seen


@pytest.mark.parametrize("name", [name for name, state in STATES.items() if state == DIFFERENTIABLE])
def test_a_case_checks_the_derivative(name, called):
    if name in MEASURED:
        return
    assert FUNCTIONS[name] in called, f"no case of tests/test_rules_*.py calls {name}"
