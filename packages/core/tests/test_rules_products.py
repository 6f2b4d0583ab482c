"""The rules of products against the definition of a derivative, to second order; values against NumPy itself."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, rulecheck
from pellucid.rules import products

rng = np.random.default_rng(0)
CASES = {}


def case(name, f, *shapes):
    """A case in real and one in complex numbers; `shapes` of the arguments."""
    assert name not in CASES
    real = [rng.normal(size=shape) for shape in shapes]
    CASES[name] = f, real
    CASES[name + " complex"] = f, [x + 1j * rng.normal(size=x.shape) for x in real]


for a, b in (
    ((3, 4), (4, 2)),
    ((3, 4), (4,)),
    ((4,), (4, 2)),
    ((4,), (4,)),
    ((2, 3, 4), (4, 2)),
    ((2, 3, 4), (4,)),
    ((4,), (5, 4, 2)),
    ((3, 4), (2, 4, 3)),
    ((2, 3, 4), (2, 4, 3)),
    ((0, 3), (3, 2)),
    ((2, 3, 0), (0, 2)),
    ((2, 0), (0,)),
    ((1, 1), (1, 1)),
):
    case(f"matmul {a} {b}", np.matmul, a, b)
    case(f"dot {a} {b}", np.dot, a, b)
case("matmul broadcast", np.matmul, (2, 1, 3, 4), (5, 4, 2))
case("matmul dtype", lambda a, b: np.matmul(a, b, dtype=np.complex128, casting="same_kind", order="F"), (3, 4), (4, 2))
case("linalg.matmul", np.linalg.matmul, (2, 3, 4), (4, 2))
case("dot of stacks", np.dot, (2, 3, 4), (2, 5, 4, 3))
case("dot of a vector and a stack", np.dot, (4,), (2, 4, 3))
case("dot out", lambda a, b: np.dot(a, b, out=None), (3, 4), (4, 2))

for a, b in (((3, 4), (4,)), ((4,), (3, 4)), ((4,), (4,)), ((2, 3, 4), (5, 4)), ((2, 4), (3, 5, 4))):
    case(f"inner {a} {b}", np.inner, a, b)
    case(f"outer {a} {b}", np.outer, a, b)
    case(f"kron {a} {b}", np.kron, a, b)
for name in "dot inner outer kron".split():  # numbers
    case(f"{name} number left", lambda s, b, n=name: getattr(np, n)(s[0], b), (1,), (2, 3))
    case(f"{name} number right", lambda a, s, n=name: getattr(np, n)(a, s[0]), (2, 3), (1,))
    case(f"{name} numbers", lambda s, t, n=name: getattr(np, n)(s[0], t[0]), (1,), (1,))
case("outer out", lambda a, b: np.outer(a, b, out=None), (2,), (3,))
case("linalg.outer", np.linalg.outer, (2,), (3,))
case("kron of three axes", np.kron, (2, 3), (2, 3, 2))
case("kron of nothing", np.kron, (2, 0, 2), (3,))

case("vdot", np.vdot, (2, 3), (6,))
case("vdot vectors", np.vdot, (6,), (2, 3))
case("vdot numbers", lambda s, t: np.vdot(s[0], t[0]), (1,), (1,))
case("vecdot", np.vecdot, (3, 4), (3, 4))
case("vecdot broadcast", np.vecdot, (3, 1, 4), (5, 4))
case("vecdot axis 0", lambda a, b: np.vecdot(a, b, axis=0), (4, 3), (4, 3))
case("vecdot axis 0 broadcast", lambda a, b: np.vecdot(a, b, axis=0), (4, 3), (4,))
case("vecdot axis 1", lambda a, b: np.vecdot(a, b, axis=1), (2, 4, 3), (1, 4))
case("vecdot axis -2", lambda a, b: np.vecdot(a, b, axis=-2), (5, 4, 3), (4, 1))
case("vecdot keepdims", lambda a, b: np.vecdot(a, b, keepdims=True), (3, 4), (4,))
case("vecdot axis 0 keepdims", lambda a, b: np.vecdot(a, b, axis=0, keepdims=True), (4, 3), (4, 1))
case("vecdot dtype", lambda a, b: np.vecdot(a, b, dtype=np.complex128, casting="safe", order="C"), (4,), (4,))
case("linalg.vecdot", np.linalg.vecdot, (2, 4, 3), (3,))
case("linalg.vecdot axis", lambda a, b: np.linalg.vecdot(a, b, axis=0), (4, 3), (4, 3))
if hasattr(np, "matvec"):
    case("matvec", np.matvec, (3, 4), (4,))
    case("matvec broadcast", np.matvec, (2, 3, 4), (5, 1, 4))
    case("matvec dtype", lambda a, x: np.matvec(a, x, dtype=np.complex128, casting="safe", order="C"), (3, 4), (4,))
    case("vecmat", np.vecmat, (3,), (3, 4))
    case("vecmat broadcast", np.vecmat, (2, 3), (5, 1, 3, 4))
    case("vecmat dtype", lambda x, a: np.vecmat(x, a, dtype=np.complex128, casting="safe", order="C"), (3,), (3, 4))

for axes, a, b in (
    (0, (2, 3), (4,)),
    (1, (2, 3, 4), (4, 2)),
    (2, (2, 3, 4), (3, 4, 5)),
    (([0, 1], [1, 0]), (2, 3, 4), (3, 2, 5)),
    ((1, 0), (2, 3), (3, 2)),
    (([0, 2], [2, 1]), (2, 3, 4), (5, 4, 2)),
    (([-1, 0], [-2, -1]), (2, 3, 4), (5, 4, 2)),
    (((1, 2, 0), (1, 0, 2)), (2, 3, 4), (4, 3, 2)),
    (((2, 0, 1), (0, 1, 2)), (2, 3, 4), (4, 2, 3)),
    (((), ()), (2,), (3,)),
    (1, (2, 0), (0, 3)),
):
    case(f"tensordot {axes} {a}", lambda a, b, axes=axes: np.tensordot(a, b, axes), a, b)
case("tensordot", np.tensordot, (2, 3, 4), (3, 4))
case("linalg.tensordot", lambda a, b: np.linalg.tensordot(a, b, axes=([0, 2], [2, 1])), (2, 3, 4), (5, 4, 2))
case("linalg.tensordot 2", np.linalg.tensordot, (2, 3, 4), (3, 4))

for m in (2, 3):
    for n in (2, 3):
        case(f"cross {m} {n}", np.cross, (m,), (n,))
        case(f"cross {m} {n} left", np.cross, (4, m), (n,))
        case(f"cross {m} {n} right", np.cross, (m,), (2, 4, n))
        case(f"cross {m} {n} axis", lambda a, b: np.cross(a, b, axis=0), (m, 5), (n, 1))
        case(f"cross {m} {n} axes", lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (m, 5), (5, n))
        case(f"cross {m} {n} more axes", lambda a, b: np.cross(a, b, 0, -2, 1), (m, 5), (2, n, 5))
        case(f"cross {m} {n} middle axis", lambda a, b: np.cross(a, b, axis=1), (5, m, 4), (5, n, 4))
        case(f"cross {m} {n} first axis", lambda a, b: np.cross(a, b, axis=0), (m, 5, 4), (n, 5, 4))
case("linalg.cross", np.linalg.cross, (3,), (2, 5, 3))
case("linalg.cross of unequal axes", lambda a, b: np.linalg.cross(a, b, axis=0), (3,), (3, 5))
case("linalg.cross right", np.linalg.cross, (2, 5, 3), (3,))
case("linalg.cross axis", lambda a, b: np.linalg.cross(a, b, axis=0), (3, 5), (3, 5))

for subscripts, *shapes in (
    ("ij,jk->ik", (3, 4), (4, 2)),
    (" ij, jk", (3, 4), (4, 2)),
    ("ij,jk->ki", (3, 4), (4, 2)),
    ("ij->ji", (3, 4)),
    ("ba", (3, 4)),
    ("Za", (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("ii,i->", (3, 3), (3,)),
    ("ii,ii->i", (3, 3), (3, 3)),
    ("ij->j", (3, 4)),
    ("ij->", (3, 4)),
    ("aij,ij", (2, 3, 4), (3, 4)),
    ("...ij,kj->...k", (2, 3, 4), (3, 4)),
    ("i...,...->i...", (2, 3, 4), (3, 4)),
    ("...,...", (2, 3, 4), (3, 4)),
    ("...ab,...b", (2, 3, 4), (4,)),
    ("b...,...a", (2, 3, 4), (1, 5)),
    ("i...->", (3,)),
    ("...->...", (2, 3)),
    ("i,j,k->kij", (4,), (3,), (2,)),
    ("ij,ij,ij->i", (3, 4), (3, 4), (3, 4)),
    ("ij,jk,kl,lm", (3, 4), (4, 2), (2, 3), (3, 2)),
    ("i,i,i,i", (3,), (3,), (3,), (3,)),
    ("...i->...", (2, 3, 4)),
    ("...ii->...i", (2, 3, 3)),
    ("aij,bij->ab", (2, 3, 4), (2, 3, 4)),
    ("iij->j", (3, 3, 2)),
    ("iii->i", (3, 3, 3)),
    ("iii->", (3, 3, 3)),
    ("iijj->ji", (2, 2, 3, 3)),
    ("i,i,j,k->k", (3,), (3,), (2,), (4,)),
    ("ij,j->", (3, 4), (1,)),
    ("ij,j->ij", (3, 4), (1,)),
    ("i,i->", (1,), (3,)),
    ("i,j", (0,), (4,)),
    ("ij,jk", (3, 0), (0, 2)),
    ("ij->i", (3, 0)),
):
    for how in (False, True):
        case(
            f"einsum {subscripts} {shapes} {how}",
            lambda *xs, s=subscripts, how=how: np.einsum(s, *xs, optimize=how),
            *shapes,
        )
case("einsum", lambda a, b: np.einsum("ij,jk", a, b), (3, 4), (4, 2))
case("einsum a number", lambda s, b: np.einsum(",i", s[0], b), (1,), (4,))
case("einsum one number", lambda s: np.einsum("...", s[0]), (1,))
case("einsum a sum over the ellipsis", lambda a: np.einsum("...i->i", a, optimize=True), (2, 3, 4))
path = ["einsum_path", (0, 1), (0, 1)]
for how in (path, ("greedy", 1000), "optimal", "greedy", False, True):
    case(f"einsum {how}", lambda *xs, h=how: np.einsum("ij,jk,kl", *xs, optimize=h), (3, 4), (4, 2), (2, 3))
case("einsum path and diagonal", lambda a, b: np.einsum("ii,i", a, b, optimize=path[:2]), (3, 3), (3,))
case(
    "einsum dtype",
    lambda a, b: np.einsum("ij,jk", a, b, dtype=np.complex128, casting="same_kind", order="F", out=None),
    (3, 4),
    (4, 2),
)
for how in (False, True):
    for labels, *shapes in (
        (([0, 1], [1, 2], [0, 2]), (3, 4), (4, 2)),
        (([0, 1], [1, 2]), (3, 4), (4, 2)),
        (([1, 0], [0, 2]), (4, 3), (3, 2)),
        (([26, 0], [0, 25]), (3, 4), (4, 2)),
        (([..., 1], [1, 2], [..., 2]), (2, 3, 4), (4, 2)),
        (([1, ...], [1, ...]), (2, 3), (2, 3)),
        (([51, 3, 3],), (2, 3, 3)),
        (([26, 0],), (3, 3)),
        (([0, 0], [0]), (3, 3)),
        (([0, 0, 1], [1]), (3, 3, 2)),
        (([0, 1], []), (3, 2)),
        (([0, 1], [1, 2], [2, 3], [3, 0]), (3, 2), (2, 4), (4, 3)),
    ):

        def interleaved(*xs, labels=labels, how=how):
            parts = [part for pair in zip(xs, labels) for part in pair]
            return np.einsum(*parts, *labels[len(xs) :], optimize=how)

        case(f"einsum {labels} {shapes} {how}", interleaved, *shapes)


@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional vectors:DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    rulecheck(f, *xs)


# Any shapes


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.data())
def test_tensordot_of_any_axes(data):
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=0, max_size=3))
    left, right = (data.draw(st.lists(st.integers(1, 3), max_size=2)) for _ in range(2))
    rng, axes, operands = np.random.default_rng(0), [], []
    for free in (left, right):
        order = data.draw(st.permutations(range(len(sizes) + len(free))))  # where each axis of the sum stands
        axes.append([order.index(i) for i in range(len(sizes))])
        operands.append(rng.normal(size=[[*sizes, *free][i] for i in order]))
    rulecheck(lambda a, b: np.tensordot(a, b, axes), *operands)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.data())
def test_einsum_of_any_letters(data):
    letters = "abcd"
    sizes = dict(zip(letters, data.draw(st.lists(st.integers(1, 3), min_size=4, max_size=4)), strict=True))
    terms = data.draw(st.lists(st.text(letters, max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    result = data.draw(st.permutations(used))[: data.draw(st.integers(0, len(used)))]
    how = data.draw(st.sampled_from([False, True, "optimal"]))
    subscripts = ",".join("..." + term for term in terms) + "->..." + "".join(result)
    rng, operands = np.random.default_rng(0), []
    for term in terms:
        front = data.draw(st.sampled_from([(), (2,), (1,)]))
        operands.append(rng.normal(size=front + tuple(sizes[c] for c in term)))
    rulecheck(lambda *xs: np.einsum(subscripts, *xs, optimize=how), *operands)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 3), max_size=2),
    st.lists(st.integers(1, 3), max_size=2),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_matmul_and_vecdot_of_any_stacks(left, right, n, k, m):
    n_common = min(len(left), len(right))  # axes that both have broadcast: the same length, or 1
    right = [*right[: len(right) - n_common], *[1 if i % 2 else s for i, s in enumerate(left[len(left) - n_common :])]]
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(*left, n, k)), rng.normal(size=(*right, k, m))
    rulecheck(np.matmul, a, b)
    rulecheck(lambda a, b: np.vecdot(a, b, axis=-2), np.swapaxes(a, -1, -2), b[..., :1])


# One step on the tape


@pytest.mark.parametrize(
    ("f", "a", "b"),
    [
        (np.dot, (3, 4), (4, 2)),
        (np.dot, (3, 4), (4,)),
        (np.dot, (2, 3, 4), (5, 4, 3)),
        (np.inner, (3, 4), (2, 4)),
        (np.outer, (3,), (4,)),
        (np.vdot, (3,), (3,)),
        (np.vecdot, (3, 4), (4,)),
        (np.tensordot, (2, 3, 4), (3, 4)),
        (np.kron, (2, 3), (3, 2)),
        (np.cross, (4, 3), (3,)),
    ],
)
def test_a_product_is_one_step(f, a, b):
    a, b = Tensor(np.ones(a), requires_grad=True), Tensor(np.ones(b), requires_grad=True)
    y = f(a, b)
    assert y.step.function is f
    assert y.step.parents == (a, b)


def test_constant_operands_may_be_lists_and_numbers():
    x = np.array([1.0, 2.0])
    for f, expected in (
        (lambda x: np.dot(x, [3.0, 4.0]), [3, 4]),
        (lambda x: np.dot([3.0, 4.0], x), [3, 4]),
        (lambda x: np.sum(np.dot(x, [[3.0, 0.0], [0.0, 4.0]])), [3, 4]),
        (lambda x: np.sum(np.dot(x, 2.0)), [2, 2]),
        (lambda x: np.inner([3.0, 4.0], x), [3, 4]),
        (lambda x: np.vdot([3.0, 4.0], x), [3, 4]),
        (lambda x: np.vecdot([3.0, 4.0], x), [3, 4]),
        (lambda x: np.sum(np.outer([3.0, 4.0], x)), [7, 7]),
        (lambda x: np.sum(np.kron([3.0, 4.0], x)), [7, 7]),
        (lambda x: np.sum(np.tensordot([[3.0, 4.0]], x, 1)), [3, 4]),
        (lambda x: np.einsum("i,i", [3.0, 4.0], x), [3, 4]),
        (lambda x: np.einsum([3.0, 4.0], [0], x, [0]), [3, 4]),
    ):
        np.testing.assert_array_equal(grad(f)(x), expected)
        grad(lambda x, f=f: np.sum(grad(f)(x * x)))(x)  # recorded, too


def test_an_operand_may_be_a_list_of_tensors():
    x = Tensor([1.0, 2.0], requires_grad=True)
    np.dot(Tensor([5.0, 7.0]), [x[0], x[1]]).backward()
    np.testing.assert_array_equal(x.grad.data, [5, 7])


def test_einsum_path_is_a_plain_answer():
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), np.ones((3, 4))
    assert np.einsum_path("ij,jk", a, b) == np.einsum_path("ij,jk", a.data, b)


def test_a_rule_for_every_operand_has_many():
    assert len(products.EveryOperand(None)) == 1000  # more than NumPy takes


def test_products_give_no_warning():
    with warnings.catch_warnings(action="error"):
        for name, (f, xs) in CASES.items():
            if not name.startswith("cross 2") and " 2" not in name[:9]:
                ys = f(*[Tensor(x, requires_grad=True) for x in xs])
                ys.backward(np.ones(ys.shape, ys.dtype))


def test_the_gradient_of_plane_vectors_gives_no_warning():
    """NumPy warns of them, once when they are multiplied."""
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    with pytest.warns(DeprecationWarning):
        y = np.cross(a, b)
    with warnings.catch_warnings(action="error"):
        y.backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([4, -3], [-2, 1])


def test_older_numpy_ordered_numbered_axes_otherwise_when_it_optimized(monkeypatch):
    monkeypatch.setattr(products, "SYMBOLS_OPTIMIZED", products.SYMBOLS.swapcase())
    a = np.ones((2, 3))
    assert products.spelled_out((a, [26, 0]), False)[:2] == (["aA"], "Aa")
    for optimize in (True, "greedy"):
        assert products.spelled_out((a, [26, 0]), optimize)[:2] == (["Aa"], "Aa")


# What is refused


def test_what_numpy_refuses_is_refused():
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    for f in (
        lambda: np.tensordot(x, np.ones(4), ([0], [0])),
        lambda: np.einsum("ij,j", x, np.ones(5)),
        lambda: np.einsum("ij->k", x),
        lambda: np.einsum("ii", x),
        lambda: np.cross(x, np.ones(3)),
        lambda: np.dot(x, np.ones(3)),
        lambda: np.linalg.outer(x, np.ones(3)),
    ):
        with pytest.raises(ValueError, match=r"."):
            f()


def test_out_is_refused():
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    with pytest.raises(TypeError, match="out="):
        np.dot(x, np.ones(4), out=np.zeros(3))
    with pytest.raises(TypeError, match="out="):
        np.einsum("ij->i", x, out=np.zeros(3))
