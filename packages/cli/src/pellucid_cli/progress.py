"""How the command line follows a fit: as `pellucid.listeners.ProgressBar` shows it, or quietly; then in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pellucid.listeners import Listener, ProgressBar, shown

if TYPE_CHECKING:
    from pellucid.events import FitRun


def listener(*, quiet: bool) -> Listener:
    """What follows a fit; afterwards its `run` is the fit, or None if the model reported nothing."""
    return Listener() if quiet else ProgressBar()


def summary(run: FitRun | None) -> str:
    """'40 epochs, loss 0.0312', or nothing if the model reported nothing to tell."""
    if run is None or not run.n_steps or (run.n_steps == 1 and not run.metrics):
        return ""
    return ", ".join([f"{run.n_steps:,} {run.unit}{'s' * (run.n_steps != 1)}", *shown(run.metrics)])
