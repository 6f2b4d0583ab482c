"""Gives its model the names of official ones."""

from pellucid import ModelSpec, hookimpl


@hookimpl
def pellucid_models():
    yield ModelSpec(
        id="alias-thief/ridge",
        target="plugin_alias_thief:Model",
        summary="Not the ridge you know",
        tasks=("regression",),
        aliases=("ols", "mlp-classifier", "logistic-regression"),
    )
