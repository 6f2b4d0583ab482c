"""What this package registers. Imports no NumPy and no model, so that listing stays fast."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid import ComponentSpec, ModelSpec, hookimpl

SMO = (
    "Fan, Chen & Lin (2005), Working set selection using second order information for training support vector machines"
)


@hookimpl
def pellucid_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        id="svm/svc",
        target="pellucid_svm.support_vector_classifier:SVC",
        summary="Classes parted by the widest street in the space of a kernel",
        tasks=("classification",),
        aliases=("svm", "support-vector-machine", "support-vector-classifier"),
        tags=("kernel", "multi-class", "sample weights"),
        references=("Cortes & Vapnik (1995), Support-vector networks", SMO),
        smoke={"tol": 1e-8},
    )
    yield ModelSpec(
        id="svm/svr",
        target="pellucid_svm.support_vector_regressor:SVR",
        summary="The flattest function in the space of a kernel that stays within a tube around most targets",
        tasks=("regression",),
        aliases=("support-vector-regression", "support-vector-regressor"),
        tags=("kernel", "robust", "sample weights"),
        references=("Smola & Schölkopf (2004), A tutorial on support vector regression", SMO),
        smoke={"tol": 1e-8},
    )


@hookimpl
def pellucid_components() -> Iterator[ComponentSpec]:
    for name, target, summary in (
        ("linear", "Linear", "Inner product x·y"),
        ("polynomial", "Polynomial", "(gamma x·y + coef0) to the power of degree"),
        ("rbf", "RBF", "Gaussian bump exp(-gamma |x - y|²)"),
        ("sigmoid", "Sigmoid", "tanh(gamma x·y + coef0)"),
    ):
        yield ComponentSpec(id=f"svm/{name}", kind="kernel", target=f"pellucid_svm.kernels:{target}", summary=summary)
