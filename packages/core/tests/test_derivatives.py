from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, no_grad, primitive, vjp
from pellucid.derivatives import elementwise_grad, hessian, hvp, jacobian, jvp

Pair = namedtuple("Pair", "a b")
rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
x3, x4 = rng.normal(size=3), rng.normal(size=4)


def slope_along(f, xs, vs, step=1e-6):
    """(f(x + h v) − f(x − h v)) / 2h."""
    plus, minus = (f(*[x + h * v for x, v in zip(xs, vs, strict=True)]) for h in (step, -step))
    return (plus - minus) / (2 * step)


# jvp


def test_eq_1_2_jvp_is_the_derivative_along_a_direction():
    def f(x, w):
        return np.tanh(A @ x) * w + np.sum(x**2)

    xs, vs = (x4, x3), (rng.normal(size=4), rng.normal(size=3))
    y, dy = jvp(f, xs, vs)
    np.testing.assert_allclose(y, f(*xs), rtol=1e-14)
    np.testing.assert_allclose(dy, slope_along(f, xs, vs), rtol=1e-8)
    assert type(y) is type(dy) is np.ndarray


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1000))
def test_eq_2_jvp_and_vjp_are_transposes(n, m, seed):
    rng = np.random.default_rng(seed)
    W, x, v, u = rng.normal(size=(m, n)), rng.normal(size=n), rng.normal(size=n), rng.normal(size=m)

    def f(x):
        return np.exp(np.sin(W @ x)) * x[0]

    np.testing.assert_allclose(u @ jvp(f, (x,), (v,))[1], vjp(f, x)[1](u)[0] @ v, rtol=1e-10, atol=1e-12)


def test_jvp_of_nested_arguments_and_values():
    def f(p, n, how):
        assert how == "both"
        return {"sum": np.sum(p["w"]) ** n, "pair": Pair(p["w"] * p["s"][0], None), "n": n}

    p = {"w": np.array([1.0, 2.0]), "s": [3.0, None]}
    y, dy = jvp(f, (p, 2, "both"), ({"s": [1.0, None], "w": np.array([1.0, 0.0])}, None, None))
    assert y["sum"] == 9.0
    assert y["n"] == 2
    assert dy["sum"] == 2 * 3 * 1
    np.testing.assert_array_equal(dy["pair"].a, [3 + 1, 2])
    assert dy["pair"].b is None
    assert dy["n"] == 0.0
    assert isinstance(dy["pair"], Pair)


def test_jvp_holds_constant_what_has_no_direction():
    def f(p, i):
        return p["x"] * p["y"] + i[1]

    y, dy = jvp(f, ({"x": 2.0, "y": 5.0}, np.array([1, 7])), ({"x": 1.0, "y": None}, None))
    assert (y, dy) == (17.0, 5.0)
    assert jvp(f, ({"x": 2.0, "y": 5.0}, np.array([1, 7])), (None, None)) == (17.0, 0.0)
    # the leaf is no variable at all, so it may be of any kind
    assert jvp(lambda p: p["x"] * len(p["word"]), ({"x": 2.0, "word": "four"},), ({"x": 1.0, "word": None},))[1] == 4.0


def test_jvp_along_integers_and_lists():
    np.testing.assert_array_equal(jvp(lambda x: x**2, (np.array([1.0, 2.0]),), ([1, 0],))[1], [2, 0])


def test_jvp_of_what_does_not_depend_on_its_arguments():
    assert jvp(lambda x: 3.0, (1.0,), (1.0,)) == (3.0, 0.0)
    y, dy = jvp(lambda x: (np.argmax(x), np.ones(2, np.float32), x), (np.ones(3),), (np.ones(3),))
    assert dy[0] == 0.0
    assert dy[1].dtype == np.float32
    np.testing.assert_array_equal(dy[1], [0, 0])
    np.testing.assert_array_equal(dy[2], np.ones(3))


def test_words_among_the_results():
    f = lambda x: (x**2, "float32", None)
    assert jvp(f, (3.0,), (1.0,)) == ((9.0, "float32", None), (6.0, 0.0, None))
    assert jacobian(f)(3.0) == (6.0, 0.0, None)
    assert elementwise_grad(f)(3.0) == 6.0


def test_the_identity():
    identity = lambda x: x
    assert grad(identity)(2.0) == 1.0
    assert jvp(identity, (2.0,), (3.0,)) == (2.0, 3.0)
    np.testing.assert_array_equal(jacobian(identity)(np.ones(2)), np.eye(2))
    assert hvp(identity)(2.0, 1.0) == 0.0
    x = np.ones(2)
    dx = vjp(identity, x)[1](x)[0]
    assert not np.shares_memory(dx, x)


def test_jvp_with_aux():
    assert jvp(lambda x: (x * x, {"x": x, "s": "a"}), (3.0,), (2.0,), has_aux=True) == (9.0, 12.0, {"x": 3.0, "s": "a"})


def test_jvp_says_what_is_wrong():
    with pytest.raises(TypeError, match=r"xs must be a tuple.*not float: write jvp\(f, \(x,\), \(v,\)\)"):
        jvp(np.tanh, 1.0, (1.0,))
    with pytest.raises(TypeError, match="vs must be a tuple.*not ndarray"):
        jvp(np.tanh, (np.ones(2),), np.ones(2))
    with pytest.raises(ValueError, match=r"vs\[0\] must have the shape of xs there: \(2,\), not \(3,\)"):
        jvp(np.tanh, (np.ones(2),), (np.ones(3),))
    with pytest.raises(ValueError, match=r"vs must be nested as xs is: \('leaf',\), not \('leaf', 'leaf'\)"):
        jvp(np.tanh, (np.ones(2),), (np.ones(2), 1.0))
    with pytest.raises(ValueError, match=r"vs\[0\]\['p'\]\[1\] must be nested as xs is: {'b': 'leaf'}, not leaf"):
        jvp(lambda p: 1.0, ({"p": [1.0, {"b": 2.0}]},), ({"p": [1.0, 2.0]},))
    with pytest.raises(ValueError, match="must be nested"):
        jvp(lambda p: 1.0, (1.0,), ({"a": 1.0},))
    with pytest.raises(ValueError, match="must be nested"):
        jvp(lambda p: 1.0, (None,), (1.0,))
    with pytest.raises(TypeError, match="holds int64: write 1.0 for 1.*its direction in jvp is None"):
        jvp(lambda x, n: x**n, (1.0, 2), (1.0, 0.0))
    with pytest.raises(TypeError, match=r"vs\[0\] is complex where xs is real"):
        jvp(np.tanh, (1.0,), (1j,))


def test_jvp_nests_with_everything():
    cube = lambda x: x**3
    first = lambda f: lambda x: jvp(f, (x,), (1.0,))[1]
    assert first(first(cube))(2.0) == pytest.approx(12.0)
    assert first(first(first(cube)))(2.0) == pytest.approx(6.0)
    assert grad(first(cube))(2.0) == pytest.approx(12.0)
    assert first(grad(cube))(2.0) == pytest.approx(12.0)
    assert grad(first(grad(cube)))(2.0) == pytest.approx(6.0)
    assert type(grad(first(cube))(2.0)) is np.float64
    # by the direction, which the derivative is linear in
    assert grad(lambda v: jvp(cube, (2.0,), (v,))[1])(5.0) == 12.0
    assert jvp(lambda v: jvp(cube, (2.0,), (v,))[1], (5.0,), (3.0,))[1] == 36.0


def test_jvp_with_tensors_around_it():
    w = Tensor(3.0, requires_grad=True)
    y, dy = jvp(lambda x: w * x**2, (2.0,), (1.0,))
    (y + dy).backward()
    assert w.grad.item() == 4.0 + 4.0
    with no_grad():
        y, dy = jvp(lambda x: w * x**2, (2.0,), (w,))
    assert type(y) is type(dy) is np.float64
    assert dy == 36.0


def test_jvp_keeps_dtypes():
    y, dy = jvp(np.tanh, (np.ones(2, np.float32),), (np.ones(2),))
    assert y.dtype == dy.dtype == np.float32


def test_jvp_of_complex_functions():
    z, v = np.array([1 + 2j, 0.5j]), np.array([1j, 2 - 1j])
    np.testing.assert_allclose(jvp(np.exp, (z,), (v,))[1], np.exp(z) * v)
    np.testing.assert_allclose(jvp(np.conj, (z,), (v,))[1], np.conj(v))
    np.testing.assert_allclose(jvp(lambda z: np.abs(z) ** 2, (z,), (v,))[1], 2 * np.real(np.conj(z) * v))
    np.testing.assert_allclose(jvp(lambda x: np.exp(1j * x), (0.5,), (2.0,))[1], 2j * np.exp(0.5j))


def test_jvp_that_meets_an_infinite_slope_elsewhere():
    """A part without a direction sends nothing, not zero times infinity."""
    y, dy = jvp(lambda x, w: np.sqrt(x) + w, (0.0, 1.0), (None, 1.0))
    assert (y, dy) == (1.0, 1.0)


# Jacobians


def enumerated(f, x):
    """∂f/∂x, one finite difference for each entry of x."""
    columns = [slope_along(f, (x,), (unit.reshape(np.shape(x)),)) for unit in np.eye(np.size(x))]
    return np.stack(columns, axis=-1).reshape(np.shape(f(x)) + np.shape(x))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.tanh(A @ x) * x[0],
        lambda x: np.sum(x**3),
        lambda x: np.outer(np.sin(x), x),
        lambda x: np.stack([np.outer(A @ x, A @ x) * k for k in (1.0, 2.0, 3.0)]),
    ],
    ids=["vector", "number", "matrix", "so long that it goes by columns"],
)
def test_eq_3_4_jacobians(f):
    J = jacobian(f)(x4)
    assert type(J) is np.ndarray
    assert J.shape == f(x4).shape + (4,)
    np.testing.assert_allclose(J, enumerated(f, x4), rtol=1e-7, atol=1e-8)


def test_eq_3_4_rows_and_columns_agree():
    from pellucid.derivatives import by_columns, by_rows
    from pellucid.transforms import Trace, flatten

    trace = Trace([A, x3, 2.0])
    y = trace.run(lambda A, x, s: (np.tanh(x @ A) * s, np.sum(x) ** 2, 1.5, np.ones((2, 0)) * s), trace.variables, {})
    ends = []
    flatten(y, ends)
    rows, columns = by_rows(trace, ends, False), by_columns(trace, ends)
    assert [[np.shape(b) for b in block] for block in rows] == [
        [np.shape(y) + np.shape(x) for x in (A, x3, 2.0)] for y in ends
    ]
    for row, column in zip(rows, columns, strict=True):
        for a, b in zip(row, column, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
            assert type(a) is type(b)


def test_rows_are_computed_where_there_are_as_few_of_them():
    """Counted: one pass for each entry of the value, or of the argument."""
    seen = []

    def watched(x):
        x.register_hook(lambda dx: seen.append(1))
        return x

    jacobian(lambda x: A @ watched(x))(x4)
    assert len(seen) == 3
    seen.clear()
    jacobian(lambda x: np.outer(np.ones(10), watched(x)))(np.ones(2))
    assert len(seen) < 10


def test_a_jacobian_of_a_function_whose_gradient_has_none_goes_by_rows():
    @primitive
    def doubled(x):
        x = np.array(x)

        def back(dy):
            assert not isinstance(dy, Tensor)
            return 2 * dy

        return 2 * x, back

    np.testing.assert_array_equal(jacobian(lambda x: np.repeat(doubled(x), 20))(1.0), np.full(20, 2.0))


def test_jacobians_of_nested_values_and_arguments():
    def f(p, s):
        return {"a": p["w"] * s, "b": (np.sum(p["c"]) * s, 7.0)}

    p = {"w": np.array([1.0, 2.0]), "c": np.ones((2, 3))}
    J = jacobian(f)(p, 3.0)
    np.testing.assert_array_equal(J["a"]["w"], 3 * np.eye(2))
    np.testing.assert_array_equal(J["a"]["c"], np.zeros((2, 2, 3)))
    np.testing.assert_array_equal(J["b"][0]["c"], np.full((2, 3), 3.0))
    np.testing.assert_array_equal(J["b"][0]["w"], np.zeros(2))
    np.testing.assert_array_equal(J["b"][1]["c"], np.zeros((2, 3)))
    Jp, Js = jacobian(f, argnums=(0, 1))(p, 3.0)["a"]
    np.testing.assert_array_equal(Jp["w"], 3 * np.eye(2))
    np.testing.assert_array_equal(Js, p["w"])


def test_jacobians_of_numbers_are_numbers():
    assert type(jacobian(np.sin)(0.5)) is np.float64
    assert jacobian(np.sin)(0.5) == np.cos(0.5)
    assert jacobian(lambda x: 2.0)(0.5) == 0.0
    assert jacobian(lambda x: np.sum(x))(np.zeros((0, 2))).shape == (0, 2)
    assert jacobian(lambda x: x[:, :0])(np.ones((2, 2))).shape == (2, 0, 2, 2)


def test_jacobian_with_aux_and_keywords():
    J, aux = jacobian(lambda x, k=1: (x * k, {"x": x}), has_aux=True)(np.ones(2), k=3.0)
    np.testing.assert_array_equal(J, 3 * np.eye(2))
    assert type(aux["x"]) is np.ndarray


def test_jacobians_keep_dtypes():
    x = np.ones(2, np.float32)
    assert jacobian(np.tanh)(x).dtype == np.float32
    assert jacobian(lambda x: np.outer(x, np.ones(20, np.float32)))(x).dtype == np.float32
    assert jacobian(lambda x: np.exp(1j * x))(x).dtype == np.complex64
    assert jacobian(lambda x: np.ones(2))(x).dtype == np.float32


def test_parts_that_are_infinite_do_not_spoil_the_others():
    J = jacobian(lambda x: np.stack([np.sqrt(x[0]), x[1]]))(np.array([4.0, 2.0]))
    np.testing.assert_array_equal(J, [[0.25, 0], [0, 1]])
    with np.errstate(divide="ignore"):
        J = jacobian(lambda x: (np.sqrt(x), 3 * x))(0.0)
    assert J == (np.inf, 3.0)


def test_eq_5_complex_jacobians():
    # a complex value of a real argument
    x = np.array([0.3, 0.7])
    np.testing.assert_allclose(jacobian(lambda x: np.exp(1j * x))(x), np.diag(1j * np.exp(1j * x)))
    long = jacobian(lambda x: np.outer(np.exp(1j * x), np.ones(20)))(x)
    np.testing.assert_allclose(long[:, 0], np.diag(1j * np.exp(1j * x)))
    # a real value of a complex one: as grad
    z = np.array([3 + 4j, 1j])
    np.testing.assert_allclose(jacobian(lambda z: np.abs(z) ** 2)(z), np.diag([6 - 8j, -2j]))
    many = jacobian(lambda z: np.outer(np.abs(z) ** 2, np.ones(20)))(z)
    np.testing.assert_allclose(many[:, 0], np.diag([6 - 8j, -2j]))
    # a complex derivative
    np.testing.assert_allclose(jacobian(lambda z: z**3, holomorphic=True)(z), np.diag(3 * z**2))
    long = jacobian(lambda z: np.outer(z**3, np.ones(20)), holomorphic=True)(z)
    np.testing.assert_allclose(long[:, 0], np.diag(3 * z**2))
    with pytest.raises(TypeError, match="complex value.*holomorphic"):
        jacobian(np.conj)(z)
    with pytest.raises(TypeError, match="holomorphic=True is for complex"):
        jacobian(np.sin, holomorphic=True)(x)


def test_jacobians_nest():
    J = jacobian(lambda x: jacobian(lambda x: np.sum(x**3))(x))(x3)
    np.testing.assert_allclose(J, np.diag(6 * x3))
    assert type(J) is np.ndarray
    trace_of_J = grad(lambda x: np.trace(jacobian(lambda x: x**2 * np.sum(x))(x)))(x3)
    # J_ii = 2 xᵢ s + xᵢ², with s = Σ x
    np.testing.assert_allclose(trace_of_J, 2 * np.sum(x3) + 2 * np.sum(x3) + 2 * x3)
    long = lambda x: np.outer(x**2, np.ones(20))
    np.testing.assert_allclose(grad(lambda x: np.sum(jacobian(long)(x)))(x3), np.full(3, 40.0))
    w = Tensor(2.0, requires_grad=True)
    np.sum(jacobian(lambda x: w * x**2)(x3)).backward()
    np.testing.assert_allclose(w.grad.item(), np.sum(2 * x3))


# Hessians


def test_hessian():
    f = lambda x: np.prod(x) + np.sum(np.sin(x))
    H = hessian(f)(x3)
    assert type(H) is np.ndarray
    np.testing.assert_allclose(H, H.T, rtol=1e-12)
    np.testing.assert_allclose(H, enumerated(grad(f), x3), rtol=1e-6)
    assert hessian(np.sin)(0.3) == -np.sin(0.3)
    assert hessian(lambda x: 2.0 * x)(0.3) == 0.0


def test_hessians_of_vectors():
    np.testing.assert_allclose(hessian(lambda x: x**3)(x3), np.einsum("ij,jk->ijk", np.eye(3), np.diag(6 * x3)))


def test_hessians_of_nested_arguments():
    def f(p, s):
        return np.sum(p["W"] @ p["b"]) * s

    p = {"W": A, "b": x4}
    H = hessian(f)(p, 3.0)
    np.testing.assert_array_equal(H["W"]["W"], np.zeros((3, 4, 3, 4)))
    np.testing.assert_array_equal(H["W"]["b"], 3 * np.tile(np.eye(4), (3, 1, 1)))
    np.testing.assert_array_equal(H["b"]["W"], np.moveaxis(H["W"]["b"], -1, 0))
    Hp, (Hsp, Hss) = hessian(f, argnums=(0, 1))(p, 3.0)  # in each place of the gradient, what the arguments are like
    Hbp, Hbs = Hp["b"]
    np.testing.assert_array_equal(Hbp["W"], H["b"]["W"])
    np.testing.assert_allclose(Hbs, A.sum(axis=0))
    np.testing.assert_allclose(Hsp["b"], A.sum(axis=0))
    assert Hss == 0.0


def test_hessian_with_aux_and_of_complex_numbers():
    H, aux = hessian(lambda x: (np.sum(x**3), "aux"), has_aux=True)(x3)
    np.testing.assert_allclose(H, np.diag(6 * x3))
    assert aux == "aux"
    z = np.array([1 + 2j, 3j])
    np.testing.assert_allclose(hessian(lambda z: np.sum(z**3), holomorphic=True)(z), np.diag(6 * z))
    with pytest.raises(TypeError, match="holomorphic"):
        hessian(lambda z: np.sum(np.abs(z) ** 2))(z)


def test_eq_6_hessian_vector_products():
    f = lambda x, s: np.prod(x) * s + np.sum(np.tanh(x) ** 2)
    v = rng.normal(size=3)
    np.testing.assert_allclose(hvp(f)(x3, 2.0, v), hessian(f)(x3, 2.0) @ v, rtol=1e-10)
    assert type(hvp(f)(x3, 2.0, v)) is np.ndarray
    dx, ds = hvp(f, argnums=(0, 1))(x3, 2.0, (v, 3.0))
    (Hxx, Hxs), (Hsx, Hss) = hessian(f, argnums=(0, 1))(x3, 2.0)
    np.testing.assert_allclose(dx, Hxx @ v + Hxs * 3.0, rtol=1e-10)
    np.testing.assert_allclose(ds, Hsx @ v + Hss * 3.0, rtol=1e-10)
    assert hvp(f, argnums=1)(x3, 2.0, 1.0) == 0.0
    assert hvp(lambda x, power: x**power)(2.0, 3, 5.0) == 60.0
    assert hvp(lambda x, power: x**power)(2.0, 5.0, power=3) == 60.0


def test_hessian_vector_products_of_nested_arguments():
    f = lambda p: np.sum(p["W"] @ p["b"]) ** 2
    p, v = {"W": A, "b": x4}, {"b": rng.normal(size=4), "W": rng.normal(size=(3, 4))}
    Hv, H = hvp(f)(p, v), hessian(f)(p)
    for k in p:
        expected = np.tensordot(H[k]["W"], v["W"], 2) + np.tensordot(H[k]["b"], v["b"], 1)
        np.testing.assert_allclose(Hv[k], expected, rtol=1e-10)


def test_hessian_vector_product_of_complex_numbers():
    """The derivative of the gradient along v."""
    f = lambda z: np.sum(np.abs(z) ** 4) + np.real(np.sum(z) ** 3)
    z, v = np.array([1 + 2j, 0.5j]), np.array([1j, 2 - 1j])
    np.testing.assert_allclose(hvp(f)(z, v), slope_along(grad(f), (z,), (v,)), rtol=1e-8)


def test_hvp_says_what_is_wrong():
    with pytest.raises(TypeError, match="takes its arguments and after them v"):
        hvp(np.sin)(1.0)
    with pytest.raises(ValueError, match=r"v must have the shape of the chosen argument: \(3,\), not \(2,\)"):
        hvp(np.sum)(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="v must be nested as the chosen argument is"):
        hvp(lambda p: p["a"])({"a": 1.0}, 1.0)
    with pytest.raises(TypeError, match="one number as its value"):
        hvp(np.sin)(np.ones(3), np.ones(3))
    with pytest.raises(TypeError, match="was not given"):
        hvp(np.sin, argnums=1)(1.0, 1.0)


def test_hvp_nests():
    # d/dx of (6 x v) = 6 v
    assert grad(lambda x: hvp(lambda x: x**3)(x, 2.0))(5.0) == 12.0
    w = Tensor(3.0, requires_grad=True)
    hvp(lambda x: w * x**3)(2.0, 1.0).backward()
    assert w.grad.item() == 12.0


# elementwise_grad


def test_elementwise_grad():
    x = np.array([[0.5, 1.0], [2.0, 3.0]])
    np.testing.assert_allclose(elementwise_grad(np.tanh)(x), 1 - np.tanh(x) ** 2)
    np.testing.assert_allclose(elementwise_grad(elementwise_grad(np.sin))(x), -np.sin(x))
    assert elementwise_grad(np.tanh)(0.5) == grad(np.tanh)(0.5)
    dx, dp = elementwise_grad(lambda x, p: x**p, argnums=(0, 1))(x, 2.0)
    np.testing.assert_allclose(dx, 2 * x)
    np.testing.assert_allclose(dp, np.sum(x**2 * np.log(x)))
    np.testing.assert_array_equal(elementwise_grad(lambda p: {"a": p["x"] ** 2, "b": p["x"]})({"x": x})["x"], 2 * x + 1)
    assert elementwise_grad(lambda x, k=1: k * x)(1.0, k=3) == 3.0


def test_elementwise_grad_of_complex_numbers():
    z = np.array([1 + 2j, 3j])
    np.testing.assert_allclose(elementwise_grad(lambda z: z**2, holomorphic=True)(z), 2 * z)
    with pytest.raises(TypeError, match="complex value"):
        elementwise_grad(lambda z: z**2)(z)
    np.testing.assert_allclose(elementwise_grad(lambda z: np.abs(z) ** 2)(z), 2 * np.conj(z))


def test_the_transforms_inside_no_grad():
    with no_grad():
        assert jacobian(np.sin)(0.0) == 1.0
        assert hessian(np.sin)(0.5) == -np.sin(0.5)
        assert jvp(np.sin, (0.0,), (2.0,)) == (0.0, 2.0)
        assert hvp(np.sin)(0.5, 1.0) == -np.sin(0.5)
        assert elementwise_grad(np.sin)(0.0) == 1.0
        long = jacobian(lambda x: np.sin(x) * np.ones(30))(0.0)
        np.testing.assert_array_equal(long, np.ones(30))


def test_names_and_documentation_are_those_of_the_function():
    def area(r):
        """πr²"""

    for transform in (jacobian, hessian, hvp, elementwise_grad):
        assert transform(area).__name__ == "area"
        assert transform(area).__doc__ == "πr²"
