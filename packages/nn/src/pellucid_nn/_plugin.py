"""What this family registers. Imports no NumPy and no model, so that listing stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid import ComponentSpec, ModelSpec, hookimpl

BACKPROPAGATION = 'Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors"'
ADAM = 'Kingma & Ba (2015), "Adam: a method for stochastic optimization"'


@hookimpl
def pellucid_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        id="nn/mlp-classifier",
        target="pellucid_nn.mlp_classifier:MLPClassifier",
        summary="Multilayer perceptron for classes, trained by Adam or SGD",
        tasks=("classification",),
        aliases=("mlp",),
        tags=("neural network", "multi-class", "sample weights", "online"),
        references=(BACKPROPAGATION, ADAM),
        smoke={"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 60, "random_state": 0},
    )
    yield ModelSpec(
        id="nn/mlp-regressor",
        target="pellucid_nn.mlp_regressor:MLPRegressor",
        summary="Multilayer perceptron for numbers, trained by Adam or SGD",
        tasks=("regression",),
        tags=("neural network", "multi-output", "sample weights", "online"),
        references=(BACKPROPAGATION, ADAM),
        smoke={"hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 60, "random_state": 0},
    )


@hookimpl
def pellucid_components() -> Iterator[ComponentSpec]:
    for name, kind, target, summary in (
        ("linear", "layer", "linear:Linear", "Weighted sums of all inputs, plus a bias"),
        ("sequential", "module", "sequential:Sequential", "Modules applied one after the other"),
        ("relu", "activation", "activations:ReLU", "max(x, 0)"),
        ("tanh", "activation", "activations:Tanh", "Hyperbolic tangent"),
        ("sigmoid", "activation", "activations:Sigmoid", "Logistic function 1 / (1 + exp(-x))"),
        ("cross-entropy", "loss", "cross_entropy:CrossEntropyLoss", "Softmax and cross-entropy for classes"),
        ("mse", "loss", "squared_error:MSELoss", "Squared error for numbers"),
        ("sgd", "optimizer", "sgd:SGD", "Stochastic gradient descent with momentum"),
        ("adam", "optimizer", "adam:Adam", "Step lengths from moving averages of the gradient"),
        ("trainer", "training", "trainer:Trainer", "Epochs, validation, early stopping, checkpoints"),
    ):
        yield ComponentSpec(id=f"nn/{name}", kind=kind, target=f"pellucid_nn.{target}", summary=summary)
