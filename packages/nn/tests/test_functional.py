"""Every function against its layer or definition; names and order of the arguments against PyTorch."""

import inspect

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn import functional as F
from pellucid_nn.batch_norm import BatchNorm1d
from pellucid_nn.conv1d import Conv1d
from pellucid_nn.conv2d import Conv2d
from pellucid_nn.conv_transpose2d import ConvTranspose2d
from pellucid_nn.embedding import EmbeddingBag
from pellucid_nn.layer_norm import LayerNorm
from pellucid_nn.linear import Linear

rng = np.random.default_rng(0)
same = np.testing.assert_array_equal
near = np.testing.assert_allclose


def test_settings_of_activations_stand_where_pytorch_has_them():
    x = np.array([-2.0, 0.5])
    same(F.leaky_relu(x, 0.1), [-0.2, 0.5])
    near(F.elu(x, 2.0), [2 * np.expm1(-2), 0.5])
    near(F.softplus(x, 2.0, 0.9), [np.log1p(np.exp(-4)) / 2, 0.5])  # 2 · 0.5 is above 0.9
    near(F.gelu(x, "tanh"), x * 0.5 * (1 + np.tanh((2 / np.pi) ** 0.5 * (x + 0.044715 * x**3))))
    near(F.softmax([[1.0, 2.0], [3.0, 2.0]], 0).sum(axis=0), [1, 1])
    near(np.exp(F.log_softmax([[1.0, 2.0], [3.0, 2.0]], dim=1)).sum(axis=1), [1, 1])
    for function in (F.relu, F.elu, F.selu, F.silu, F.hardsigmoid, F.leaky_relu):
        with pytest.raises(ValueError, match="inplace=True is not supported"):
            function(x, inplace=True)


@pytest.mark.parametrize(
    "name", ["relu", "elu", "selu", "gelu", "silu", "softplus", "sigmoid", "hardsigmoid", "tanh", "exponential"]
)
def test_lists_are_arrays_and_tensors_are_recorded(name):
    function, x = getattr(F, name), [[-1.5, 0.5], [2.0, -0.25]]
    y = function(x)
    assert type(y) is np.ndarray
    same(y, function(np.array(x)))
    assert isinstance(function(Tensor(x)), Tensor)
    gradcheck(function, np.array(x))
    with pytest.raises(TypeError, match="int64"):
        function([1, 2])


def test_dropout_takes_a_probability():
    x = np.ones(10_000)
    y = F.dropout(x, 0.25, rng=0)
    same(np.unique(y), [0, 1 / 0.75])
    assert abs(np.mean(y == 0) - 0.25) < 0.02
    same(y, F.dropout(x, 0.25, True, False, rng=np.random.default_rng(0)))
    same(F.dropout(x, 0.25, False), x)
    with pytest.raises(ValueError, match="between 0 and 1"):
        F.dropout(x, 1.5)


def test_linear_and_convolutions():
    x, image = rng.normal(size=(5, 3)), rng.normal(size=(2, 4, 6, 7))
    layer = Linear(3, 2, rng=0)
    same(F.linear(x, layer.weight, layer.bias).data, layer(x).data)
    same(F.linear(x.tolist(), layer.weight.data.tolist()), x @ layer.weight.data.T)
    layer = Conv2d(4, 6, 3, 2, (1, 0), 2, 2, rng=0)
    same(F.conv2d(image, layer.weight, layer.bias, 2, (1, 0), 2, 2).data, layer(image).data)
    layer = Conv1d(4, 6, 3, 2, 1, 2, 2, rng=0)
    same(F.conv1d(image[0, :, 0], layer.weight, layer.bias, 2, 1, 2, 2).data, layer(image[0, :, 0]).data)
    layer = ConvTranspose2d(4, 6, 3, 2, 1, 1, 2, True, 2, rng=0)
    same(F.conv_transpose2d(image, layer.weight, layer.bias, 2, 1, 1, 2, 2).data, layer(image).data)
    for arguments in ((x, np.ones((2, 4))), (x, np.ones(3)), (x, np.ones((2, 3)), np.ones(3))):
        with pytest.raises(ValueError, match=r"must be \(\.\.\., I\), \(O, I\) and \(O,\)"):
            F.linear(*arguments)
    with pytest.raises(TypeError, match="float32 and the weights are float64"):
        F.linear(x.astype(np.float32), np.ones((2, 3)))


def test_pooling():
    image = np.arange(16.0).reshape(1, 4, 4)
    same(F.max_pool2d(image, 2), [[[5, 7], [13, 15]]])
    same(F.max_pool2d(image.tolist(), 2, 1, 1, 2)[0, :2, :2], [[5, 6], [9, 10]])
    same(F.avg_pool2d(image, 2, 2), [[[2.5, 4.5], [10.5, 12.5]]])
    same(F.avg_pool2d(image, 2, 2, 1, False, False)[0, 0], [0, 1.5, 3])
    with pytest.raises(ValueError, match="return_indices"):
        F.max_pool2d(image, 2, return_indices=True)
    with pytest.raises(TypeError, match="int64"):
        F.avg_pool2d(np.ones((1, 2, 2), int), 2)


@pytest.mark.parametrize("shape", [(6, 3), (2, 3, 5)])
def test_batch_norm_has_the_order_of_pytorch(shape):
    x = 5 + rng.normal(size=shape)
    layer = BatchNorm1d(3)
    layer.weight.data[:], layer.bias.data[:] = rng.normal(size=(2, 3))
    mean, var = np.zeros(3), np.ones(3)
    y = F.batch_norm(x, mean, var, layer.weight, layer.bias, True, 0.1, 1e-5)
    near(y.data, layer(x).data, rtol=1e-12)
    near(mean, layer.running_mean, rtol=1e-14)
    near(var, layer.running_var, rtol=1e-13)
    near(F.batch_norm(x, mean, var, layer.weight, layer.bias).data, layer.eval()(x).data, rtol=1e-12)
    kept = mean.copy(), var.copy()
    F.batch_norm(x, mean, var)
    same((mean, var), kept)
    gradcheck(lambda x, W, b: F.batch_norm(x, None, None, W, b, training=True), x, np.ones(3), np.zeros(3))
    gradcheck(lambda x, W, b: F.batch_norm(x, mean, var, W, b), x, np.ones(3), np.zeros(3))
    narrow = F.batch_norm(x.astype(np.float32), mean, var, eps=np.float64(1e-5))
    assert narrow.dtype == np.float32


def test_batch_norm_names_what_does_not_fit():
    x = np.ones((4, 3))
    with pytest.raises(ValueError, match="both running_mean and running_var are needed"):
        F.batch_norm(x, None, None)
    with pytest.raises(ValueError, match=r"all others \(C,\)"):
        F.batch_norm(x, np.zeros(4), np.ones(4))
    with pytest.raises(ValueError, match="more than one number per channel"):
        F.batch_norm(x[:1], None, None, training=True)
    with pytest.raises(TypeError, match="int64"):
        F.batch_norm(x.astype(int), np.zeros(3), np.ones(3))


def test_layer_norm():
    x, layer = rng.normal(size=(4, 2, 3)), LayerNorm((2, 3), 1e-3)
    layer.weight.data[:], layer.bias.data[:] = rng.normal(size=(2, 2, 3))
    near(F.layer_norm(x, (2, 3), layer.weight, layer.bias, 1e-3).data, layer(x).data, rtol=1e-12)
    near(F.layer_norm(x, [3], bias=np.ones(3)).mean(axis=-1), np.ones((4, 2)))
    for arguments in (((2,),), ((),), ((2, 3), np.ones(3))):
        with pytest.raises(ValueError, match="must be normalized_shape"):
            F.layer_norm(x, *arguments)


def test_embedding_takes_the_numbers_first():
    W = rng.normal(size=(5, 3))
    same(F.embedding([[0, 4]], W), W[[[0, 4]]])
    table = Tensor(W, requires_grad=True)
    F.embedding(np.array([1, 4, 4]), table, -1).sum().backward()
    same(table.grad.data[:, 0], [0, 1, 0, 0, 0])
    with pytest.raises(ValueError, match="the second argument is the table"):
        F.embedding(W, np.array([1, 2]))
    with pytest.raises(ValueError, match="max_norm"):
        F.embedding([1], W, max_norm=1.0)
    with pytest.raises(ValueError, match="one of the 5 rows; got 5"):
        F.embedding([1], W, 5)
    with pytest.raises(ValueError, match="goes from 5 to 5"):
        F.embedding([5], W)


def test_embedding_bag():
    layer = EmbeddingBag(5, 3, mode="sum", padding_idx=1, rng=0)
    numbers, s = np.array([[0, 1, 4], [2, 2, 3]]), rng.normal(size=(2, 3))
    y = F.embedding_bag(numbers, layer.weight, mode="sum", per_sample_weights=s, padding_idx=-4)
    same(y.data, layer(numbers, None, s).data)
    y.sum().backward()
    assert (layer.weight.grad.data[1] == 0).all() and (layer.weight.grad.data[0] != 0).all()
    W = layer.weight.data
    near(F.embedding_bag([0, 1, 4], W, [0, 1]), [W[0], (W[1] + W[4]) / 2])
    near(F.embedding_bag([0, 1], W, [0, 1, 2], include_last_offset=True), W[:2])
    with pytest.raises(ValueError, match="mode must be one of"):
        F.embedding_bag([0, 1], W, [0], mode="median")


def test_losses_are_reduced():
    y, t = np.array([0.5, -1.0, 3.0]), np.array([0.0, 0.0, 1.0])
    near(F.mse_loss(y, t), 5.25 / 3)
    near(F.mse_loss(y.tolist(), t.tolist(), reduction="sum"), 5.25)
    same(F.l1_loss(y, t, reduction="none"), [0.5, 1, 2])
    near(F.smooth_l1_loss(y, t, reduction="none", beta=2.0), [0.0625, 0.25, 1])
    near(F.huber_loss(y, t, "none", 0.5), [0.125, 0.375, 0.875])
    near(F.cross_entropy(y[None], [2]), -np.log(np.exp(3) / np.exp(y).sum()))
    near(F.cross_entropy(y[None], np.array([2]), weight=[1, 1, 4], reduction="sum"), 4 * F.cross_entropy(y[None], [2]))
    p = 1 / (1 + np.exp(-y))
    by_hand = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    near(F.binary_cross_entropy(p, t), by_hand.mean())
    near(F.binary_cross_entropy(p, t, Tensor([1.0, 2.0, 0.0]), reduction="none"), by_hand * [1, 2, 0])
    near(F.binary_cross_entropy_with_logits(y, t, reduction="sum"), by_hand.sum())
    near(F.binary_cross_entropy_with_logits(y, t, pos_weight=[1, 1, 3], reduction="none"), by_hand * [1, 1, 3])
    near(F.hinge_loss(y, [1, 1, -1], 2.0, reduction="none"), [1.5, 3, 5])
    near(F.hinge_embedding_loss(y, [1, -1, -1], 2.0, reduction="none"), [0.5, 3, 0])
    near(F.multi_margin_loss(y, 0, 2, 2.0, [3, 1, 1]), (0.5**2 + 4.5**2))


RENAMED = {"size_average", "reduce", "_stacklevel", "dtype", "out"}


def test_the_order_of_the_arguments_is_that_of_pytorch():
    theirs = pytest.importorskip("torch").nn.functional
    compared = 0
    for name in sorted(set(F.__all__) - {"pad"}):  # which takes the sides in another order, by name
        try:
            wanted = list(inspect.signature(getattr(theirs, name)).parameters)
        except (AttributeError, ValueError):  # it has none of this name, or one without a signature
            continue
        ours = [key for key in inspect.signature(getattr(F, name)).parameters if key != "rng"]
        if wanted[:1] == ["args"]:
            continue
        wanted = [key for key in wanted if key not in RENAMED]
        assert ours == [key for key in wanted if key in ours], name
        compared += 1
    assert compared > 15


def test_convolutions_and_pooling_agree_with_pytorch_by_position():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.functional
    x, W, V, b = (rng.normal(size=shape) for shape in ((2, 4, 9, 8), (6, 2, 3, 2), (4, 3, 3, 2), (6,)))
    for name, arguments in (
        ("conv2d", (x, W, b, 2, 1, (1, 2), 2)),
        ("conv1d", (x[:, :, 0], W[..., 0], b, 2, 1, 1, 2)),
        ("conv_transpose2d", (x, V, b, (3, 2), 1, (2, 1), 2, 1)),
        ("linear", (x, rng.normal(size=(5, 8)), rng.normal(size=5))),
        ("avg_pool2d", (x, 3, 2, 1, True, False, 5)),
        ("max_pool2d", (x, 3, 2, 1, 2, True)),
        ("batch_norm", (x, x[0, :, 0, 0], x[1, :, 0, 0] ** 2, b[:4], b[2:], False, 0.1, 1e-3)),
        ("embedding_bag", (np.array([1, 3, 3]), x[0, 0], np.array([0, 1]), None, 2.0, False, "sum")),
        ("softmax", (x, 1)),
    ):
        tensors = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arguments]
        near(getattr(F, name)(*arguments), getattr(theirs, name)(*tensors).numpy(), rtol=1e-10, atol=1e-12)
