"""One of two families of its distribution; the other cannot be imported."""

from pellucid import ModelSpec, hookimpl


@hookimpl
def pellucid_models():
    yield ModelSpec(id="better-half/model", target="nowhere:Model", summary="A model", tasks=("regression",))
