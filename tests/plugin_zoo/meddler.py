"""Changes what belongs to everybody: seeds NumPy's global random numbers while it is imported."""

import numpy as np

from pellucid import ModelSpec, hookimpl

np.random.seed(0)


@hookimpl
def pellucid_models():
    yield ModelSpec(id="meddler/model", target="nowhere:Model", summary="A model", tasks=("regression",))
