"""Prints, warns and silences everybody's warnings while it is imported and asked."""

import warnings

from pellucid import ModelSpec, hookimpl

print("Thank you for choosing chatterbox!")
warnings.warn("chatterbox has a new version", stacklevel=1)
warnings.simplefilter("ignore")


@hookimpl
def pellucid_models():
    print("Here are my models!")
    yield ModelSpec(id="chatterbox/model", target="nowhere:Model", summary="A model", tasks=("regression",))
