"""Neural networks beside PyTorch, scikit-learn and NumPy written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pellucid_nn
from pellucid import Tensor, dataset
from pellucid_nn import SGD, Adam, CrossEntropyLoss, Linear, MLPClassifier, Parameter, ReLU, Sequential
from stopwatch import compare, peer

SIZES, BATCH, RATE, STEPS = (784, 256, 128, 10), 64, 0.01, 100
PAIRS = list(zip(SIZES, SIZES[1:]))

rng = np.random.default_rng(0)
X = rng.standard_normal((BATCH, SIZES[0])).astype(np.float32)
y = rng.integers(0, SIZES[-1], BATCH)


def our_step(keep_gradients: bool = False) -> Callable[[], Any]:
    """The step of `Trainer.train_step`."""
    draw = np.random.default_rng(0)
    layers = [layer for i, o in PAIRS for layer in (Linear(i, o, rng=draw, dtype=np.float32), ReLU())]
    net, loss = Sequential(*layers[:-1]), CrossEntropyLoss()
    optimizer = SGD(net.parameters(), lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(net(X), y)
        value.backward()
        optimizer.step(keep_gradients=keep_gradients)
        return float(value.item())

    return step


def torch_step() -> Callable[[], Any] | None:
    torch = peer("torch")
    if torch is None:
        return None
    layers = [layer for i, o in PAIRS for layer in (torch.nn.Linear(i, o), torch.nn.ReLU())]
    net, loss = torch.nn.Sequential(*layers[:-1]), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    X_torch, y_torch = torch.tensor(X), torch.tensor(y)

    def step() -> float:
        optimizer.zero_grad()
        value = loss(net(X_torch), y_torch)
        value.backward()
        optimizer.step()
        return float(value.item())

    return step


def step_by_hand() -> Callable[[], Any]:
    """The same step with nothing between it and NumPy: no tape, no layers, everything in place that can be."""
    draw, rows, rate = np.random.default_rng(0), np.arange(BATCH), np.float32(RATE)
    weights = [(draw.standard_normal((i, o)) / np.sqrt(i)).astype(np.float32) for i, o in PAIRS]
    biases = [np.zeros(o, np.float32) for _, o in PAIRS]

    def step() -> float:
        h1 = X @ weights[0]
        h1 += biases[0]
        np.maximum(h1, 0, out=h1)
        h2 = h1 @ weights[1]
        h2 += biases[1]
        np.maximum(h2, 0, out=h2)
        z = h2 @ weights[2]
        z += biases[2]
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - z[rows, y]).mean()
        p /= total
        p[rows, y] -= 1
        p /= BATCH
        dh2 = p @ weights[2].T
        dh2 *= h2 > 0
        dh1 = dh2 @ weights[1].T
        dh1 *= h1 > 0
        gradients = [X.T @ dh1, h1.T @ dh2, h2.T @ p, dh1.sum(axis=0), dh2.sum(axis=0), p.sum(axis=0)]
        for parameter, gradient in zip(weights + biases, gradients):
            gradient *= rate
            parameter -= gradient
        return float(loss)

    return step


def lenet_steps() -> dict[str, Callable[[], Any] | None]:
    """A step of SGD on 64 images of 28 x 28: two convolutions with pooling, three linear layers."""
    images, labels = rng.standard_normal((64, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, 64)

    def layers(nn: Any, **options: Any) -> list[Any]:
        return [
            *(nn.Conv2d(1, 6, 5, padding=2, **options), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5, **options), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
            *(nn.Linear(400, 120, **options), nn.ReLU(), nn.Linear(120, 84, **options), nn.ReLU()),
            nn.Linear(84, 10, **options),
        ]

    net, loss = Sequential(*layers(pellucid_nn, dtype=np.float32)), CrossEntropyLoss()
    optimizer = SGD(net.parameters(), lr=RATE)

    def ours() -> None:
        optimizer.zero_grad()
        loss(net(images), labels).backward()
        optimizer.step(keep_gradients=False)

    torch = peer("torch")
    if torch is None:
        return {"pellucid": ours, "torch": None}
    twin, their_loss = torch.nn.Sequential(*layers(torch.nn)), torch.nn.CrossEntropyLoss()
    twin.load_state_dict(net.to_torch_state())
    their_optimizer = torch.optim.SGD(twin.parameters(), lr=RATE)
    x, t = torch.tensor(images), torch.tensor(labels)

    def theirs() -> None:
        their_optimizer.zero_grad()
        their_loss(twin(x), t).backward()
        their_optimizer.step()

    return {"pellucid": ours, "torch": theirs}


def in_a_row(step: Callable[[], Any]) -> Callable[[], None]:
    """Steps as training takes them: one after the other, with nothing in between that empties the caches."""

    def run() -> None:
        for _ in range(STEPS):
            step()

    return run


def losses(N: int, K: int) -> dict[str, Callable[[], Any] | None]:
    z, target = rng.standard_normal((N, K)).astype(np.float32), rng.integers(0, K, N)
    ours, loss = Tensor(z, requires_grad=True), CrossEntropyLoss()

    def our_loss() -> None:
        ours.grad = None
        loss(ours, target).backward()

    torch = peer("torch")
    if torch is None:
        return {"pellucid": our_loss, "torch": None}
    theirs, their_target = torch.tensor(z, requires_grad=True), torch.tensor(target)

    def their_loss() -> None:
        theirs.grad = None
        torch.nn.functional.cross_entropy(theirs, their_target).backward()

    return {"pellucid": our_loss, "torch": their_loss}


def our_update(optimizer: Callable[..., Any], shapes: list[tuple[int, ...]], dtype: Any, **settings: Any) -> Any:
    parameters = [Parameter(rng.standard_normal(shape), dtype=dtype) for shape in shapes]
    for parameter in parameters:
        parameter.grad = Tensor(rng.standard_normal(parameter.shape).astype(dtype))
    return optimizer(parameters, **settings).step


def torch_update(name: str, shapes: list[tuple[int, ...]], dtype: Any, **settings: Any) -> Any:
    torch = peer("torch")
    if torch is None:
        return None
    parameters = [torch.nn.Parameter(torch.tensor(rng.standard_normal(shape).astype(dtype))) for shape in shapes]
    for parameter in parameters:
        parameter.grad = torch.tensor(rng.standard_normal(parameter.shape).astype(dtype))
    return getattr(torch.optim, name)(parameters, **settings).step


def fit_digits() -> tuple[Callable[[], Any], Callable[[], Any] | None]:
    digits = dataset("digits")
    settings: dict[str, Any] = {"max_iter": 20, "tol": 0.0, "random_state": 0}
    sklearn = peer("sklearn.neural_network")

    def theirs() -> Any:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sklearn.MLPClassifier(**settings).fit(digits.X, digits.y)  # type: ignore[union-attr]

    def ours() -> Any:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return MLPClassifier(**settings).fit(digits.X, digits.y)

    return ours, theirs if sklearn is not None else None


def main() -> None:
    """Print all tables."""
    name = f"MLP {'-'.join(map(str, SIZES))}, batch {BATCH}, float32, {STEPS} SGD steps in a row"
    steps = {
        "pellucid": our_step(),
        "pellucid, gradients kept": our_step(keep_gradients=True),
        "torch": torch_step(),
        "by hand": step_by_hand(),
    }
    runs = {who: None if step is None else in_a_row(step) for who, step in steps.items()}
    for baseline in ("torch", "by hand"):
        print(compare(name, runs, baseline=baseline, seconds=10))

    print(compare("LeNet, batch 64, float32, one SGD step", lenet_steps(), baseline="torch", seconds=5))

    for N, K in ((64, 10), (1024, 1000)):
        print(compare(f"cross-entropy of {N} x {K}, float32, forward and backward", losses(N, K), baseline="torch"))

    shapes: list[tuple[int, ...]] = [shape for i, o in PAIRS for shape in ((o, i), (o,))]
    large = [(1000, 2000), (1000,)] * 2
    for what, sizes, dtype in (
        ("235,146 parameters, float32", shapes, np.float32),
        ("235,146 parameters, float64", shapes, np.float64),
        ("4 million parameters, float32", large, np.float32),
    ):
        for kind, settings in ((Adam, {}), (SGD, {"lr": RATE, "momentum": 0.9})):
            contestants = {
                "pellucid": our_update(kind, sizes, dtype, **settings),
                "torch": torch_update(kind.__name__, sizes, dtype, **settings),
            }
            words = " with momentum" if settings else ""
            print(compare(f"{kind.__name__}{words}, one step, {what}", contestants, baseline="torch"))

    ours, theirs = fit_digits()
    contestants = {"pellucid": ours, "scikit-learn": theirs}
    print(compare("MLPClassifier on the digits, 20 epochs", contestants, baseline="scikit-learn", seconds=4))


if __name__ == "__main__":
    main()
