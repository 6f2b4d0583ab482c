import numpy as np
import pytest

from pellucid import Tensor, tape
from pellucid_nn.flat_buffer import FlatBuffer
from pellucid_nn.module import Parameter


def draw():
    rng = np.random.default_rng(0)
    return [Parameter(rng.normal(size=shape)) for shape in ((2, 3), (4,), (3, 1), ())]


def give(parameters, *which):
    for i, p in enumerate(parameters):
        p.grad = Tensor(np.full(p.shape, i + 1.0)) if i in which else None


def asked(buffer, *names, **options):
    """All updates of a step: (place, gradients, number of the step)."""
    seen = []
    for theta, g, moments, step, room in buffer.updates(names, **options):
        (place,) = (
            i
            for i in range(14)
            if np.shares_memory(theta, buffer.data[i : i + 1])
            and not (i and np.shares_memory(theta, buffer.data[i - 1 : i]))
        )
        assert [m.shape for m in (*moments, *room)] == [theta.shape] * (len(names) + 3) and g.shape == theta.shape
        seen.append((place, g.tolist(), step))
    return seen


def test_parameters_keep_their_values_and_become_views():
    parameters = draw()
    before = [p.data.copy() for p in parameters]
    buffer = FlatBuffer(parameters)
    np.testing.assert_array_equal(buffer.data, np.concatenate([array.ravel() for array in before]))
    for p, array in zip(parameters, before):
        np.testing.assert_array_equal(p.data, array)
    buffer.data[:] = np.arange(14)
    assert parameters[0].data.tolist() == [[0, 1, 2], [3, 4, 5]] and parameters[3].data == 13
    parameters[1].data[0] = -1
    assert buffer.data[6] == -1


def test_moments_start_at_zero_and_have_the_shape_of_the_parameter():
    buffer = FlatBuffer(draw())
    assert not buffer.moment("m").any() and buffer.moment("m") is buffer.moment("m")
    buffer.moment("m")[:] = np.arange(14)
    assert buffer.moments_of(0)["m"].tolist() == [[0, 1, 2], [3, 4, 5]]
    buffer.restore(2, 7, {"m": np.full((3, 1), 5.0), "v": np.full((3, 1), 6.0)})
    assert buffer.steps == [0, 0, 7, 0]
    assert buffer.moment("m")[10:13].tolist() == [5, 5, 5] and buffer.moment("v").sum() == 18


def test_neighbours_with_a_gradient_are_updated_together():
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 0, 1, 2, 3)
    assert asked(buffer, "m") == [(0, [1.0] * 6 + [2.0] * 4 + [3.0] * 3 + [4.0], 1)]
    give(parameters, 0, 2, 3)
    assert asked(buffer, "m") == [(0, [1.0] * 6, 2), (10, [3.0] * 3 + [4.0], 2)]
    give(parameters)
    assert asked(buffer, "m") == []
    give(parameters, 0, 1, 2, 3)
    for step in (3, 4):
        assert asked(buffer, "m") == [(0, [1.0] * 6, step), (6, [2.0] * 4, step - 1), (10, [3.0] * 3 + [4.0], step)]
    assert buffer.steps == [4, 3, 4, 4]


def test_steps_of_which_nothing_is_remembered_are_not_counted():
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 0, 1, 2, 3)
    for _ in range(2):
        assert [step for _, _, step in asked(buffer)] == [1]
    assert buffer.steps == [0] * 4
    give(parameters, 0, 1)
    assert [step for _, _, step in asked(buffer, "m")] == [1]
    assert buffer.steps == [1, 1, 0, 0]


def test_a_restored_step_number_makes_a_new_plan():
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 0, 1, 2, 3)
    assert len(asked(buffer, "m")) == 1
    buffer.restore(1, 9, {})
    assert [(place, step) for place, _, step in asked(buffer, "m")] == [(0, 2), (6, 10), (10, 2)]


def test_moments_are_handed_out_where_the_values_are():
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 1)
    for names in (("m",), ("m", "v")):
        ((theta, _, moments, _, _),) = buffer.updates(names)
        for name, moment in zip(names, moments, strict=True):
            assert np.shares_memory(moment, buffer.moments[name][6:10]) and len(moment) == 4
    assert np.shares_memory(theta, parameters[1].data)


def test_large_ones_are_used_where_they_are_and_cut_into_parts(monkeypatch):
    monkeypatch.setattr("pellucid_nn.flat_buffer.PART", 4 * 8)
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 5)
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 0, 1, 2, 3)
    assert asked(buffer) == [(0, [1.0] * 4, 1), (4, [1.0] * 2, 1), (6, [2.0] * 4, 1), (10, [3.0] * 3 + [4.0], 1)]


@pytest.mark.parametrize("keep", [True, False])
def test_the_room_has_the_gradient_in_it_only_if_that_may_be_used_up(monkeypatch, keep):
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 5)
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 0, 1, 2, 3)
    large, small = buffer.updates((), keep)
    assert np.shares_memory(large[1], parameters[0].grad.data)
    assert not any(np.shares_memory(small[1], p.grad.data) for p in parameters)
    assert (large[4][2] is large[1]) == (not keep) and small[4][2] is small[1]
    for room in (large[4], small[4]):
        assert not np.shares_memory(room[0], room[1]) and not np.shares_memory(room[0], room[2])


@pytest.mark.parametrize(
    "gradient", [np.broadcast_to(2.0, 9), np.full(9, 2), np.full(9, 2, np.float32)], ids=["read-only", "whole", "short"]
)
@pytest.mark.parametrize("large", [5, 50])
def test_the_room_has_no_gradient_in_it_that_cannot_be_written_into(monkeypatch, gradient, large):
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", large)
    parameters = [Parameter(np.zeros(9)), Parameter(np.zeros(9))]
    buffer = FlatBuffer(parameters)
    for p in parameters:
        p.grad = Tensor(gradient)
    for _, g, _, _, room in buffer.updates((), keep_gradients=False):
        assert g.tolist() == [2.0] * len(g)
        for array in room:
            assert array.dtype == np.float64
            array[...] = 0.5
    assert gradient.tolist() == [2.0] * 9


def test_parameters_are_marked_as_written():
    parameters = draw()
    buffer = FlatBuffer(parameters)
    give(parameters, 1)
    born = tape.births()
    list(buffer.updates())
    assert [tape.write_since(p._array, born) for p in parameters] == [None, "a step of an optimizer", None, None]
