"""Writes into Tensors against the same program on arrays: values as NumPy's, gradients by finite differences."""

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, gradcheck, no_grad

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
v = rng.normal(size=4)
Z = rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))


def agree(f, *xs, order=2):
    """f does the same to Tensors as to arrays, and its gradient is right."""
    expected = f(*[np.array(x) for x in xs])
    tensors = [Tensor(np.array(x), requires_grad=True) for x in xs]
    found = f(*tensors)
    assert isinstance(found, Tensor)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-14)
    for x, t in zip(xs, tensors, strict=True):
        np.testing.assert_array_equal(t.numpy(), x)
    gradcheck(f, *xs, order=order)


def assign(index, part):
    def f(x, value):
        y = x * 1.0
        before = y * y
        y[index] = value[part] * 2.0 if part is not None else np.sum(value)
        return np.sum(before) + np.sum(y**2 * np.arange(12.0).reshape(3, 4)) + y[0, 0] * y[2, 3]

    return f


@pytest.mark.parametrize(
    ("index", "part"),
    [
        (1, ...),
        (-1, None),
        ((1, 2), 0),
        (slice(1, None), ...),
        ((slice(None), 1), slice(3)),
        ((..., slice(None, None, -2)), slice(2)),
        (None, ...),
        ([0, 2], ...),
        (np.array([0, 0, 2]), ...),
        (([0, 1, 1, 1], [3, 2, 2, 2]), ...),
        (np.ix_([0, 2], [1, 3]), slice(2)),
        (A > 0, None),
        ((A[:, 0] > -10, slice(1, 3)), slice(2)),
        ((slice(0, 0),), ...),
        (..., ...),
        ((), ...),
    ],
    ids=str,
)
def test_eq_1_2_3_assignment_at_an_index(index, part):
    agree(assign(index, part), A, v)


def test_eq_3_of_two_values_written_to_one_place_the_last_has_the_gradient():
    def f(x, value):
        y = x * 1.0
        y[[1, 1, 0, 1]] = value
        return y * y

    agree(f, v, v + 1)
    _, slope = grad(lambda x, value: np.sum(f(x, value)), argnums=(0, 1))(v, v + 1)
    np.testing.assert_array_equal(slope[[0, 1]], 0)


def test_a_value_may_have_more_axes_of_length_one():
    def f(x, value):
        y = x * 1.0
        y[0] = value
        return y * y

    agree(f, A, v[None, None])


def test_lists_of_tensors_can_be_written():
    def f(x):
        y = x * 1.0
        y[1, :2] = [x[0, 0] * x[2, 2], 3.0]
        return y * y

    agree(f, A)


@pytest.mark.parametrize("name", "+= -= *= /= **= %= @=".split())
def test_operators_in_place(name):
    def f(x, other):
        y = x * 1.0 if name != "@=" else x[:3, :3] * 1.0
        before = np.tanh(y)
        scope = {"y": y, "other": other[:3, :3] if name == "@=" else other}
        exec(f"y {name} other", scope)
        assert scope["y"] is y
        return before * y

    agree(f, np.abs(A) + 0.5, np.abs(A[::-1]) + 0.1)


def test_floor_division_in_place_leaves_a_piecewise_constant():
    y = Tensor(A, requires_grad=True) * 1.0
    y //= 0.5
    np.testing.assert_array_equal(y.numpy(), A // 0.5)


@pytest.mark.parametrize("room", [np.zeros_like, np.ones_like, np.empty_like])
def test_room_that_is_like_a_tensor_can_be_filled(room):
    def f(x):
        y = room(x)
        y[0] = 1.0
        for i in range(1, 3):
            y[i] = y[i - 1] * np.sin(x[i])
        return y

    agree(f, A)
    assert type(room(Tensor(A, requires_grad=True), dtype=int)) is np.ndarray
    assert not room(Tensor(A, requires_grad=True)).requires_grad


def test_a_running_sum_may_start_from_a_tensor_without_gradient():
    def f(x):
        total = Tensor(np.zeros(4)) if isinstance(x, Tensor) else np.zeros(4)
        for row in x:
            total += row * row
        return total

    agree(f, A)


# Views


def test_eq_1_writes_into_views_reach_what_they_are_views_of():
    def f(x):
        y = x * 1.0
        rows, column, turned, flat = y[1:], y[:, 2], y.T, y.reshape(-1)
        rows *= 2.0
        column[...] = column[::-1] * 3.0
        turned[0] += 5.0 * column
        flat[::5] = 7.0 * y[2, 2]
        last = rows[-1]
        last[1:3] += y[0, :2]
        return np.stack([y, y + np.concatenate([rows, rows[:1]])]) * (1 + flat.reshape(3, 4) * turned.T) + column[0]

    agree(f, A)


def test_a_view_of_a_view_that_is_gone_still_aliases():
    def f(x):
        y = x * 1.0
        a = y[1:][0:2][:, ::2]
        b = y[2]
        a += 1.0 * x[0, 0]
        return y * np.sum(b**2)

    agree(f, A)


def test_views_of_an_array_without_gradient_alias_too():
    def f(x):
        y = Tensor(np.zeros((3, 4))) if isinstance(x, Tensor) else np.zeros((3, 4))
        diagonal, row = y.reshape(-1)[::5], y[1]
        diagonal[...] = x[0, :3]
        row *= x[1]
        row[0] = 1.0
        return y + 0.0 * x + np.sum(diagonal) * row

    agree(f, A)


def test_real_and_imaginary_part_are_views():
    def f(z):
        w = z * 1.0
        w.real[...] = np.abs(z)
        w.imag[1:] *= 2.0
        return w * w

    assert gradcheck(f, Z, order=2)
    expected = f(Z.copy())
    np.testing.assert_allclose(f(Tensor(Z, requires_grad=True)).numpy(), expected)


def test_a_view_that_is_read_only_in_numpy_is_so_here():
    y = Tensor(A, requires_grad=True) * 1.0
    for view in (np.broadcast_to(y, (2, 3, 4)), np.diagonal(y)):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = y[0, 0]


@st.composite
def programs(draw):
    """A list of statements about y (3, 4), x and two views that come and go."""
    places = ["y", "y[1]", "y[:, 1:3]", "y.T[2]", "u", "w", "u[..., ::-1]", "w[-1:]", "y[[0, 2, 2]]", "y[y > 0.3]"]
    makes = [
        "u = y[1:]",
        "w = y[:, 3]",
        "u = y.T",
        "w = u[0]",
        "u = y.reshape(4, 3)[1:]",
        "w = u",
        "u = y * 1.0",
        "w = y[0]",
        "u = y[::-1]",
        "w = u.reshape(-1)",
        "u = y[:, [2, 0, 1]]",
        "u = np.split(y, 3)[1]",
        "w = np.atleast_2d(y)[1]",
        "u = np.squeeze(y)",
        "w = y[1, ::-1].ravel()",
        "u = y.real",
        "w = np.unstack(y)[2]" if hasattr(np, "unstack") else "w = y[2]",
    ]
    values = ["x[0, 0]", "np.sum(u)", "2.0", "np.tanh(y[0, 1])", "w[-1]", "np.max(x)"]
    lines = []
    for _ in range(draw(st.integers(2, 9))):
        if draw(st.integers(0, 2)) == 0:
            lines.append(draw(st.sampled_from(makes)))
        else:
            place, value = draw(st.sampled_from(places)), draw(st.sampled_from(values))
            sign = draw(st.sampled_from(["=", "+=", "*=", "-="]))
            if sign == "=" and place in "yuw":
                place += "[...]"
            lines.append(f"{place} {sign} {value}")
        if draw(st.integers(0, 3)) == 0:
            lines.append("seen = seen + np.sum(y * y) + np.sum(u) * np.sum(w)")
    return lines


@settings(max_examples=300, deadline=None, derandomize=True)
@given(programs(), st.booleans())
def test_random_programs_with_views(lines, constant):
    def f(x):
        y = x * 1.0
        if constant:
            y = np.array(A) if isinstance(x, np.ndarray) else Tensor(np.array(A))
        scope = {"np": np, "x": x, "y": y, "seen": 0.0 * np.sum(x)}
        scope |= {"u": scope["y"][0], "w": scope["y"][:, 0]}
        for line in lines:
            exec(line, scope)
        return np.sum(scope["y"] ** 2) + np.sum(np.sin(scope["u"])) + np.sum(scope["w"] ** 3) + scope["seen"]

    try:
        with np.errstate(all="ignore"):
            expected = f(A * 0.3)
    except (ValueError, IndexError, TypeError):
        expected = np.inf  # a program that NumPy refuses
    if np.abs(expected) < 1e4:
        np.testing.assert_allclose(f(Tensor(A * 0.3, requires_grad=True)).numpy(), expected, rtol=1e-12)
        gradcheck(f, A * 0.3, rtol=1e-4, atol=1e-5)


def test_a_read_at_several_places_is_no_view():
    def f(x):
        h = x * 1.0
        h[0] = 2.0 * h[1]
        before = h[:, [0, 1]]
        h[:, [0, 1]] = 3.0 * before
        before[0] = 7.0 * x[2, 2]
        return np.sum(h**2) + np.sum(before**3)

    agree(f, A)


@pytest.mark.parametrize(
    "view",
    [
        lambda h: np.split(h, 2)[0],
        lambda h: np.array_split(h, 2)[0],
        lambda h: np.hsplit(h, 2)[0],
        lambda h: np.atleast_1d(h),
        lambda h: np.atleast_1d(h, 1.0)[0],
        lambda h: np.atleast_2d(h)[0],
        lambda h: np.squeeze(h),
        lambda h: h.real,
        lambda h: np.real_if_close(h),
        lambda h: np.unstack(h.reshape(2, 2))[0] if hasattr(np, "unstack") else h[:],
        lambda h: np.nan_to_num(h, copy=False),
        lambda h: np.moveaxis(h.reshape(2, 2), 0, 1)[0],
    ],
)
@pytest.mark.parametrize("constant", [True, False])
def test_what_looks_into_a_tensor_writes_into_it(view, constant):
    def f(x):
        h = x * 1.0
        if constant:
            h = np.zeros(4) if isinstance(x, np.ndarray) else Tensor(np.zeros(4))
        view(h)[0] = 5.0 * x[1]
        return h * x

    agree(f, v)


def test_a_copy_keeps_the_strides():
    h = Tensor(np.zeros((3, 4)))[::-1, ::2]
    t = Tensor(2.0, requires_grad=True)
    h[0] = t
    where = h._array.ctypes.data
    assert h.strides == (-32, 16) and not np.shares_memory(h._array, h.reshape(-1)._array)
    for _ in range(3):  # nobody else sees the copy: it is written into
        h[1] = t
        assert h._array.ctypes.data == where


@pytest.mark.parametrize("name", ["v *= w", "multiply(out=)"])
def test_an_operation_in_place_keeps_the_strides(name):
    def f(x, w):
        a = x * 1.0
        v = a[:, ::2]
        if name == "v *= w":
            v *= w
        else:
            np.multiply(v, w, out=v)
        r = v.ravel()  # a copy, as v has gaps
        a[-1] = 0.0
        return np.sum(r * r)

    agree(f, A, np.array([2.0, 3.0]))
    agree(f, A.T, np.array([2.0, 3.0]))

    def beside_a_read_only_array(x):
        a = np.arange(6.0).reshape(2, 3)[:, ::2]
        a.flags.writeable = False
        a = Tensor(a) if isinstance(x, Tensor) else np.array(a)
        a += x
        return a * a

    agree(beside_a_read_only_array, v.reshape(2, 2))


def test_a_write_through_a_detached_tensor_reaches_views_with_memory_of_their_own():
    h, t = Tensor(np.zeros(4)), Tensor(3.0, requires_grad=True)
    h[0] = t
    view = h[1:]
    h.detach()[2] = 9.0
    assert h.tolist() == [3, 0, 9, 0] and view.tolist() == [0, 9, 0]
    alone = (t * np.ones(2)).detach()
    gc.collect()
    alone[0] = 5.0
    assert alone.tolist() == [5, 3]


# What was computed before keeps its values


def test_what_was_computed_before_a_write_keeps_its_gradient():
    x = Tensor(v, requires_grad=True)
    y = np.exp(x)
    z = y * y
    y[0] = 100.0
    (z.sum() + y.sum()).backward()
    np.testing.assert_allclose(x.grad.data, 2 * np.exp(2 * v) + np.exp(v) * [0, 1, 1, 1])


def test_a_recorded_write_leaves_the_arrays_of_the_user_alone():
    given_, weight = np.zeros(3), Tensor(2.0, requires_grad=True)
    y = Tensor(given_)
    y[1] = weight
    assert given_[1] == 0.0 and y.data[1] == 2.0
    plain = Tensor(given_)
    plain[2] = 5.0
    assert given_[2] == 5.0  # not recorded: as in NumPy


def test_a_loop_of_writes_copies_nothing_and_neither_does_its_gradient():
    n = 2000
    x = Tensor(rng.normal(size=(n, 1)), requires_grad=True)

    def run():
        h = Tensor(np.zeros((n, 500)))
        h[0] = x[0]
        for t in range(1, n):
            h[t] = 0.5 * h[t - 1] + x[t]
        return h

    run()
    gc.collect()
    tracemalloc.start()
    h = run()
    size = h.data.nbytes
    assert tracemalloc.get_traced_memory()[1] < 8 * size  # rows of it, not copies of it
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    h.sum().backward()
    assert tracemalloc.get_traced_memory()[1] - before < 4 * size
    tracemalloc.stop()
    expected = np.cumsum(0.5 ** np.arange(n))[::-1]
    np.testing.assert_allclose(x.grad.data[:, 0], 500 * expected)


def test_a_number_is_replaced_not_written_into():
    x = Tensor(v, requires_grad=True)
    s = x[0]
    t = s
    s += 1.0
    assert t.item() == v[0] and s.item() == v[0] + 1


# What is refused


def test_a_leaf_that_needs_a_gradient_is_written_into_only_outside_of_the_record():
    x = Tensor(A, requires_grad=True)
    for write in ("x[0] = 1.0", "x += 1.0", "x[0] += 1.0", "x.T[...] = 2.0", "np.copyto(x, 0.0)"):
        with pytest.raises(RuntimeError, match=r"leaf.*y = x.copy\(\)"):
            exec(write, {"x": x, "np": np})
    np.testing.assert_array_equal(x.numpy(), A)
    with no_grad():
        x = Tensor(A.copy(), requires_grad=True)
        x[0] = 1.0
        x[1] += 2.0
        x.T[3] = 4.0
    np.testing.assert_array_equal(x.numpy()[:, 3], 4)
    assert x.is_leaf and x.requires_grad


def test_inside_a_transform_the_arguments_may_be_written_into():
    def f(x):
        x[0] = x[1] * 3.0
        x *= 2.0
        return np.sum(x**2)

    given_ = np.array([1.0, 2.0])
    np.testing.assert_allclose(grad(f)(given_), [0, 80 * 2])
    np.testing.assert_array_equal(given_, [1, 2])


@pytest.mark.parametrize(
    ("write", "error", "message"),
    [
        ("n[0] = y[0]", TypeError, "int64.*floating-point"),
        ("y[0] = y[0] * 1j", TypeError, "complex"),
        ("y += y * 1j", TypeError, "complex"),
        ("y += np.ones((2, 4))", ValueError, "shape"),
        ("y[0] = y[:3]", ValueError, "sequence"),
        ("y[9] = 1.0", IndexError, "out of bounds"),
        ("np.sum(y)[...] = 1.0", TypeError, "single number"),
        ("np.multiply.at(y, 0, y[1])", TypeError, "np.multiply.at"),
        ("np.zeros(4)[...] = y", TypeError, "drop its gradient"),
        ("np.copyto(np.zeros(4), y)", TypeError, "plain array"),
        ("np.put(np.zeros(4), [0], y[0])", TypeError, "plain array"),
        ("np.add.at(np.zeros(4), [0], y[0])", TypeError, "plain array"),
    ],
)
def test_a_write_that_cannot_be_is_refused_and_changes_nothing(write, error, message):
    y, n = Tensor(v, requires_grad=True) * 1.0, Tensor(np.arange(4))
    with pytest.raises(error, match=message):
        exec(write, {"y": y, "n": n, "np": np})
    np.testing.assert_array_equal(y.numpy(), v)


# Writes that are not recorded are noticed


@pytest.mark.parametrize(
    "write",
    [
        "x[0] = 1.0",
        "x += 1.0",
        "x[1:] *= 2.0",
        "x.T[0] = 0.0",
        "x.data[0] = 1.0",
        "x.data += 1.0",
        "x.data[1:][0] = 3.0",
        "x.data.fill(0.0)",
        "x.data.sort()",
        "np.copyto(x.data, 0.0)",
        "np.add(x.data, 1.0, out=x.data)",
        "np.add.at(x.data, 0, 1.0)",
        "x.numpy()[0] = 1.0",
        "x.detach()[0] = 1.0",
        "np.fill_diagonal(x, 0.0)",
        "np.add.at(x, 0, 1.0)",
    ],
)
def test_a_write_that_is_not_recorded_is_noticed(write):
    x = Tensor(A.copy(), requires_grad=True)
    y = np.sum(np.sin(x))
    with no_grad():
        exec(write, {"x": x, "np": np})
    with pytest.raises(RuntimeError, match="np.sin was computed from.*written into since.*backward.. before"):
        y.backward()
    np.sum(np.sin(x)).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(x.numpy()))


def test_a_result_that_its_own_gradient_needs_is_watched_too():
    x = Tensor(v, requires_grad=True)
    y = np.exp(x)
    y.data[0] = 1.0
    with pytest.raises(RuntimeError, match="np.exp"):
        y.sum().backward()


def test_a_constant_that_was_written_into_is_noticed():
    x, w = Tensor(v, requires_grad=True), Tensor(np.ones(4))
    y = np.sum(x * w)
    w[0] = 3.0
    with pytest.raises(RuntimeError, match="np.multiply"):
        y.backward()


def test_views_with_memory_of_their_own_see_unrecorded_writes():
    x = Tensor(A, requires_grad=True)
    y = x * 1.0
    row = y[1]
    y[0] = 2.0 * x[1]
    with no_grad():
        y[1] = 7.0
    np.testing.assert_array_equal(row.numpy(), 7)
    with no_grad():
        row[0] = 8.0
    assert y.numpy()[1, 0] == 8.0


def test_the_memory_of_writes_is_forgotten_with_the_arrays():
    from pellucid import tape

    before = len(tape.writes)
    for _ in range(100):
        Tensor(np.zeros(3))[0] = 1.0
    assert len(tape.writes) <= before + 1
    x = Tensor(np.zeros(5000))
    for i in range(3000):
        x[i : i + 1][0] = 1.0
    assert all(len(noted) <= 1001 for _, noted in tape.writes.values())


# NumPy's functions that write


@pytest.mark.parametrize(
    "write",
    [
        "np.copyto(y, value)",
        "np.copyto(y, value, where=A > 0)",
        "np.copyto(y, A, where=A > 0)",
        "np.put(y, [0, 5, -1], value)",
        "np.put(y, [0, 5, 17], value[:2], mode='wrap')",
        "np.put(y, [-3, 5, 17], value[0], mode='clip')",
        "np.place(y, A > 0, value[:3])",
        "np.putmask(y, A > 0, value[:3])",
        "np.fill_diagonal(y, value[:3])",
        "np.fill_diagonal(y, value[0])",
        "np.fill_diagonal(y.T, value[:2], wrap=True)",
        "np.put_along_axis(y, np.argsort(A, axis=1)[:, :2], value[:2] * value[:3, None], axis=1)",
        "np.put_along_axis(y, np.array([3, 1]), value[:2], axis=None)",
        "np.add.at(y, [0, 0, 2], value)",
        "np.subtract.at(y, ([0, 0], [1, 1]), value[:2])",
        "np.add(y, value, out=y)",
        "np.sum(y * y, axis=0, out=y[0])",
    ],
)
def test_functions_that_write(write):
    def f(x, value):
        y = x * 1.0
        exec(write, {"y": y, "np": np, "value": value * 3.0, "A": A})
        return y * y

    agree(f, A, v)
