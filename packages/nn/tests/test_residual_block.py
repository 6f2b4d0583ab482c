"""The oracle is the definition with loops over images, channels, stops and kernel positions."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.residual_block import ConvolutionalBlock, IdentityBlock, keeping_size

N, C, B, F, H, W = 2, 2, 3, 4, 5, 4
IDENTITY = [{}, {"hidden_channels": B}, {"kernel_sizes": (1, 3)}, {"kernel_sizes": ((2, 3), (4, 1)), "eps": 0.1}]
CONVOLUTIONAL = [{"stride": 2}, {"hidden_channels": B, "stride": (1, 3)}, {"kernel_sizes": (2, (1, 4)), "stride": 2}]


def blocks():
    for options in IDENTITY:
        yield IdentityBlock(C, rng=0, **options)
    for options in CONVOLUTIONAL:
        yield ConvolutionalBlock(C, F, rng=0, **options)


@pytest.fixture(params=range(len(IDENTITY + CONVOLUTIONAL)))
def block(request):
    """A block whose norms are not those of the start, which would hide what they do."""
    block = list(blocks())[request.param]
    rng = np.random.default_rng(1)
    for name, parameter in block.named_parameters():
        if "conv" not in name and parameter.ndim == 1:
            parameter.data[...] = rng.uniform(0.5, 1.5, parameter.shape)
    for _, buffer in block.named_buffers():
        if buffer.ndim:
            buffer[...] = rng.uniform(0.5, 1.5, buffer.shape)
    return block


def draw(seed=0):
    return np.random.default_rng(seed).normal(size=(N, C, H, W))


def by_loops(x, conv):
    """One output after the other: its stop, and the entries around it that are inside of the image."""
    weight, stride = conv.weight.data, conv.stride
    (_, _, kh, kw), (N, _, H, W) = weight.shape, x.shape
    y = np.zeros((N, len(weight), -(-H // stride[0]), -(-W // stride[1])))
    for n, f, t, u in np.ndindex(y.shape):
        for i, j in np.ndindex(kh, kw):
            row, column = t * stride[0] + i - (kh - 1) // 2, u * stride[1] + j - (kw - 1) // 2
            if 0 <= row < H and 0 <= column < W:
                y[n, f, t, u] += weight[f, :, i, j] @ x[n, :, row, column]
    return y


def normalized(x, norm):
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        mean, var = x[:, c].mean(), x[:, c].var()
        if not norm.training:
            mean, var = norm.running_mean[c], norm.running_var[c]
        y[:, c] = norm.weight.data[c] * (x[:, c] - mean) / np.sqrt(var + norm.eps) + norm.bias.data[c]
    return y


@pytest.mark.parametrize("training", [True, False])
def test_eq_1_2_3_4_5_6_the_definition(block, training):
    x = draw()
    block.train(training)
    a = np.maximum(normalized(by_loops(x, block.conv1), block.bn1), 0)
    r = normalized(by_loops(a, block.conv2), block.bn2)
    s = x if block.downsample is None else normalized(by_loops(x, block.downsample[0]), block.downsample[1])
    np.testing.assert_allclose(block(x).data, np.maximum(r + s, 0), rtol=1e-12, atol=1e-13)


def test_eq_6_margins_leave_the_size_to_the_stride():
    for k in range(1, 7):
        above, below, left, right = keeping_size((k, 7 - k))
        assert (above + below, left + right) == (k - 1, 6 - k)
        assert 0 <= below - above <= 1 and 0 <= right - left <= 1
    assert keeping_size((3, 4)) == (1, 1, 1, 2)
    assert keeping_size((2, 5)) == (0, 1, 2, 2)


@pytest.mark.parametrize("training", [True, False])
def test_eq_1_2_3_4_5_gradients_are_those_of_finite_differences(block, training):
    block.train(training)
    owners = [(name.rpartition("."), p) for name, p in block.named_parameters()]
    modules = dict(block.named_modules())
    still = {name: np.array(buffer) for name, buffer in block.named_buffers()}

    def run(x, parameters):
        for ((path, _, last), _), value in zip(owners, parameters):
            vars(modules[path])[last] = value
        return block(x)

    gradcheck(run, draw(2), [p.data.copy() for _, p in owners], order=2, directions=1)
    if not training:
        np.testing.assert_equal(dict(block.named_buffers()), still)


def test_eq_3_4_what_the_branch_loses_the_shortcut_carries():
    block, x = IdentityBlock(C, rng=0), Tensor(draw(3), requires_grad=True)
    block.bn2.weight.data[...] = 0  # nothing comes through the branch, either way
    y = block(x)
    np.testing.assert_array_equal(y.data, np.maximum(x.data, 0))
    dy = draw(4)
    y.backward(dy)
    np.testing.assert_array_equal(x.grad, dy * (x.data > 0))


def test_eq_5_the_shortcut_of_the_convolutional_block_has_a_stride_and_no_kernel():
    block = ConvolutionalBlock(C, F, stride=(2, 3), rng=0)
    conv, norm = block.downsample
    assert conv.kernel_size == (1, 1) and conv.stride == (2, 3) and conv.bias is None
    assert norm.num_features == F and block(draw()).shape == (N, F, 3, 2)
    assert block.conv1.out_channels == F and block.conv1.bias is None and block.conv2.bias is None
    assert IdentityBlock(C).conv1.out_channels == C and IdentityBlock(C, B).conv1.out_channels == B
    norms = [*ConvolutionalBlock(C, F, eps=0.3, momentum=None, rng=0).modules()]
    assert {(m.eps, m.momentum) for m in norms if hasattr(m, "momentum")} == {(0.3, None)}


def test_images_of_one_batch_are_alone_in_eval_mode_only():
    block, x = IdentityBlock(C, rng=0), draw(5)
    other = x.copy()
    other[1] *= 2
    assert (block(x).data[0] != block(other).data[0]).any()
    assert block.bn1.num_batches_tracked == block.bn2.num_batches_tracked == 2
    block.eval()
    np.testing.assert_array_equal(block(x).data[0], block(other).data[0])
    assert block.bn1.num_batches_tracked == 2


def test_seeds_repeat_and_convolutions_differ():
    one, other = (ConvolutionalBlock(C, C, rng=3).state_dict() for _ in range(2))
    np.testing.assert_equal(one, other)
    assert (one["conv1.weight"] != one["conv2.weight"]).any()
    assert (one["downsample.0.weight"] != one["conv1.weight"][..., :1, :1]).any()


def test_state_has_torchvisions_names_and_goes_round():
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    branch = ["conv1.weight", *(f"bn1.{n}" for n in norm), "conv2.weight", *(f"bn2.{n}" for n in norm)]
    assert sorted(IdentityBlock(C).state_dict()) == sorted(branch)
    shortcut = ["downsample.0.weight", *(f"downsample.1.{n}" for n in norm)]
    one, other = ConvolutionalBlock(C, F, rng=0), ConvolutionalBlock(C, F, rng=9)
    assert sorted(one.state_dict()) == sorted(branch + shortcut)
    one(draw())
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one.eval()(draw()).data, other.eval()(draw()).data)


def test_the_first_input_decides_the_channels():
    block = ConvolutionalBlock(None, F, rng=0)
    with pytest.raises(ValueError, match="must have the shape .N, C, H, W.: its shape is"):
        block(draw()[0])
    assert block(draw()).shape == (N, F, H, W)
    assert block.conv1.in_channels == block.downsample[0].in_channels == C


@pytest.mark.parametrize(
    "make", [lambda d: IdentityBlock(C, rng=0, dtype=d), lambda d: ConvolutionalBlock(C, F, dtype=d)]
)
def test_float32_stays_float32_and_batches_of_one_and_none_pass(make):
    block = make(np.float32)
    for n in (N, 1, 0):
        x = Tensor(draw()[:1].repeat(n, axis=0).astype(np.float32), requires_grad=True)
        y = block(x)
        np.sum(y * y).backward()
        assert y.shape[0] == n and x.grad.shape == x.shape
        assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in block.parameters())} == {np.dtype(np.float32)}
        if n == 0:
            assert not any(p.grad.any() for p in block.parameters())
        block.zero_grad()
    with no_grad():
        assert isinstance(block(np.zeros((N, C, H, W), np.float32)), np.ndarray)


def test_inputs_in_any_layout_are_only_read():
    block, x = IdentityBlock(C, rng=0).eval(), draw()
    y = block(x).data
    frozen = np.asfortranarray(x)
    frozen.flags.writeable = False
    np.testing.assert_allclose(block(frozen).data, y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(block(np.repeat(x, 2, axis=-1)[..., ::2]).data, y, rtol=1e-12, atol=1e-14)
    assert np.isnan(block(np.full_like(x, np.nan)).data).all()


def test_summary_counts_the_parts():
    text = ConvolutionalBlock(C, F, stride=2, rng=0).summary((N, C, 4, 4))
    convolutions = N * 4 * F * (9 * C + 9 * F + C)
    norms = 3 * 2 * N * 4 * F
    assert text.multiply_adds == convolutions + norms


def test_bad_input_is_named():
    block = IdentityBlock(C, rng=0)
    with pytest.raises(ValueError, match=r"must have the shape \(N, C, H, W\) with C = 2: its shape is \(2, 5, 4\)"):
        block(draw()[0])
    with pytest.raises(ValueError, match=r"with C = 2: its shape is \(2, 1, 5, 4\)"):
        block(draw()[:, :1])
    with pytest.raises(TypeError, match="float32"):
        block(draw().astype(np.float32))
    for sizes in (3, (3, 3, 3)):
        with pytest.raises(ValueError, match=r"kernel_sizes must have two entries.*try \(3, 3\)"):
            IdentityBlock(C, kernel_sizes=sizes)
    with pytest.raises(ValueError, match="kernel_sizes"):
        IdentityBlock(C, kernel_sizes=(3, 0))


@pytest.mark.parametrize("bad", [0, 2.5])
def test_sizes_are_named_as_they_were_given(bad):
    for make, name in (
        (lambda: IdentityBlock(bad), "channels"),
        (lambda: IdentityBlock(C, bad), "hidden_channels"),
        (lambda: ConvolutionalBlock(bad, F), "in_channels"),
        (lambda: ConvolutionalBlock(C, bad), "out_channels"),
        (lambda: ConvolutionalBlock(C, F, bad), "hidden_channels"),
    ):
        with pytest.raises(ValueError, match=f"^{name} must be a whole number of 1 or more: {bad}"):
            make()
