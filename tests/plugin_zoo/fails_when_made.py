"""Lists two models: one whose module cannot be imported, and one whose constructor raises."""

from pellucid import ModelSpec, hookimpl


class Fussy:
    def __init__(self):
        raise RuntimeError("not today")


@hookimpl
def pellucid_models():
    for name, target in (("absent", "plugin_fails_when_made_models:Model"), ("fussy", "plugin_fails_when_made:Fussy")):
        yield ModelSpec(id=f"fails-when-made/{name}", target=target, summary="A model", tasks=("regression",))
