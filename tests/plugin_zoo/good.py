"""Brings one of everything, and does nothing wrong."""

from pellucid import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, hookimpl


class Model:
    def __init__(self, depth=1):
        self.depth = depth


@hookimpl
def pellucid_models():
    yield ModelSpec(id="good/model", target="plugin_pellucid_good:Model", summary="A model", tasks=("regression",))


@hookimpl
def pellucid_components():
    yield ComponentSpec(id="good/relu", kind="activation", target="plugin_pellucid_good:Model", summary="max(x, 0)")


@hookimpl
def pellucid_datasets():
    yield DatasetSpec(id="good/rain", target="plugin_pellucid_good:rain", summary="Rain", task="regression")


@hookimpl
def pellucid_commands():
    yield CommandSpec(name="good", target="plugin_pellucid_good:Model", summary="Report")


@hookimpl
def pellucid_rules():
    return ["plugin_pellucid_good"]
