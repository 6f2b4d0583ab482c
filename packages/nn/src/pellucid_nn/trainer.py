"""Trainer: epochs, mini-batches, validation, early stopping, and a run that can be killed and continued.

One step is what `train_step` says in five lines: forget the old gradients, compute the loss of a batch, run it
backward, move the parameters. Everything else here decides which batch is next and when to stop.

    trainer = Trainer(net, CrossEntropyLoss(), Adam(net.parameters()), rng=np.random.default_rng(0))
    history = trainer.fit(X, y, epochs=20, validation=(X_val, y_val), patience=3)

A checkpoint holds the module, the loss if it is a module too, the optimizer, the random generators and the place in the
epoch. A run that is killed
after one and resumed from it ends with the same parameters as a run that was never stopped, bit for bit:

    trainer.fit(X, y, epochs=20, checkpoint="run.npz")          # killed somewhere
    trainer.resume("run.npz").fit(X, y, epochs=20)              # built anew as before, then this: the rest of the 20
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, fit_run, no_grad
from pellucid.saving import read_tree, write_tree
from pellucid.validation import check_rng
from pellucid_nn.module import Module
from pellucid_nn.optimizer import Optimizer

Array = NDArray[Any]
Metric = Callable[[Array, Array], float]


class Scheduler(Protocol):
    """What changes the learning rate during a run."""

    def step(self, loss: float) -> None:
        """Called after every update, with the loss of that batch."""

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned."""


@dataclass
class Run:
    """Where one call of `fit` stands.

    Attributes
    ----------
    n_rows, batch_size : int
        What it goes through, and in what portions; a resumed run must have the same.
    epoch : int
        Epochs finished.
    batch : int
        Batches finished in the epoch after these.
    order : ndarray or None
        The order of the rows in that epoch; None before its first batch.
    loss_sum : float
        Sum over its rows so far of the loss.
    best : float
        The best monitored loss of an epoch.
    best_state : dict or None
        The states of the module and of the loss then.
    waited : int
        Epochs since then.
    stopped : bool
        Whether patience ran out.
    """

    n_rows: int
    batch_size: int
    epoch: int = 0
    batch: int = 0
    order: NDArray[np.int64] | None = None
    loss_sum: float = 0.0
    best: float = math.inf
    best_state: dict[str, dict[str, Array]] | None = None
    waited: int = 0
    stopped: bool = False

    @property
    def n_seen(self) -> int:
        """Rows of this epoch that were trained on so far."""
        return min(self.batch * self.batch_size, self.n_rows)


class Trainer:
    """Trains a module on arrays.

    Parameters
    ----------
    module : Module
        Called with a batch of rows of X.
    loss : callable
        ``loss(output, target)`` returns the mean loss of a batch, as a Tensor. A Module that has parameters or draws
        random numbers is kept in checkpoints and switched between train and eval mode, as `module` is.
    optimizer : Optimizer
        Moves the module's parameters.
    rng : Generator, int or None
        Shuffles the rows; a number is a seed, None shuffles differently each time.
    scheduler : Scheduler, optional
        Told of every update.

    Attributes
    ----------
    history : dict of str to list of float
        One number per finished epoch: "loss", and with validation data "validation_loss" and "validation_" + each
        metric.
    """

    def __init__(
        self,
        module: Module,
        loss: Callable[[Any, Any], Tensor],
        optimizer: Optimizer,
        *,
        rng: np.random.Generator | int | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        self.module, self.loss, self.optimizer = module, loss, optimizer
        self.rng, self.scheduler = check_rng(rng), scheduler
        self.history: dict[str, list[float]] = {}
        self._run: Run | None = None

    def train_step(self, x: Any, t: Any) -> float:
        """Move the parameters once, against the gradient of the loss of one batch (and forget it); return that loss.

        Raises
        ------
        FloatingPointError
            If the loss is not finite; then no parameter has moved.
        """
        self.optimizer.zero_grad()
        loss = self.loss(self.module(x), t)
        value = float(loss.item())
        if not math.isfinite(value):
            run = self._run
            where = "" if run is None else f" in batch {run.batch + 1} of epoch {run.epoch + 1}"
            raise FloatingPointError(
                f"the loss became {value}{where}: use a lower learning rate, or look for infinite or very large values "
                f"in X and y; the parameters are those before this batch"
            )
        loss.backward()
        self.optimizer.step(keep_gradients=False)
        if self.scheduler is not None:
            self.scheduler.step(value)
        return value

    def fit(
        self,
        X: Any,
        y: Any,
        epochs: int,
        batch_size: int = 32,
        *,
        shuffle: bool = True,
        validation: tuple[Any, Any] | None = None,
        metrics: Mapping[str, Metric] | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        model: object = None,
    ) -> dict[str, list[float]]:
        """Train for some epochs; afterwards the module is in eval mode.

        Parameters
        ----------
        X, y : array, first axis N
            Inputs and targets, one row per example.
        epochs : int
            How often to go through all rows. After `resume` it counts from the start of the run that is continued.
        batch_size : int
            Rows per update.
        shuffle : bool
            Whether every epoch has an order of its own.
        validation : (X, y), optional
            Data to measure the loss on after every epoch.
        metrics : dict of str to callable, optional
            ``metric(output, target)`` on the validation data, as arrays.
        patience : int, optional
            Stop after this many epochs in a row without a better loss (on the validation data, if there are any), and
            go back to the parameters of the best epoch.
        min_delta : float
            What "better" is at least.
        checkpoint : path, optional
            A file to write the state to after every epoch, and after every `checkpoint_every` batches if that is given.
        model : object, optional
            What listeners are told is being fitted; the module if None.

        Returns
        -------
        dict
            `history`.

        Raises
        ------
        ValueError
            If the arrays do not fit together, or to the run that is resumed.
        FloatingPointError
            If the loss stops being finite.
        """
        X, y = _rows(X, "X"), _rows(y, "y")
        checks: dict[str, Metric] = dict(metrics or {})
        if checks and validation is None:
            raise ValueError("metrics are measured on validation data: pass validation=(X, y)")
        watched = "loss" if validation is None else "validation_loss"
        run = self._run = self._start(X, y, batch_size)
        try:
            with fit_run(model or self.module, total=epochs, unit="epoch", monitor=watched) as events:
                while run.epoch < epochs and not run.stopped:
                    for _ in self._epoch(X, y, run, shuffle):
                        if checkpoint is not None and checkpoint_every and run.batch % checkpoint_every == 0:
                            self.checkpoint(checkpoint)
                        if events.interrupted:
                            break
                    measured = {"loss": run.loss_sum / run.n_seen}
                    if run.n_seen == len(X):
                        if validation is not None:
                            measured |= self._validate(validation, checks)
                        self._finish_epoch(run, measured, watched, patience, min_delta)
                        if checkpoint is not None:
                            self.checkpoint(checkpoint)
                    if events.step(**measured):
                        break
        finally:
            self._run = None
            self._train(False)
        if run.best_state is not None:
            self._load(run.best_state)
        return self.history

    def _epoch(self, X: Any, y: Any, run: Run, shuffle: bool) -> Iterator[int]:
        """Do what is left of the epoch, batch by batch; yield how many batches are done."""
        self._train()
        if run.order is None:
            run.order = self.rng.permutation(run.n_rows) if shuffle else np.arange(run.n_rows)
        for start in range(run.batch * run.batch_size, run.n_rows, run.batch_size):
            rows = run.order[start : start + run.batch_size]
            loss = self.train_step(X[rows], y[rows])
            run.batch, run.loss_sum = run.batch + 1, run.loss_sum + loss * len(rows)
            yield run.batch

    def _start(self, X: Any, y: Any, batch_size: int) -> Run:
        """The run to continue, or a new one, once the arrays are found to fit."""
        if len(X) != len(y):
            raise ValueError(
                f"X and y must have one row per example each: X has shape {X.shape}, y has shape {y.shape}"
            )
        if len(X) == 0 or batch_size < 1:
            raise ValueError(
                f"training needs at least one row, in batches of at least one: {len(X)} rows by {batch_size}"
            )
        if self._run is None:
            return Run(len(X), batch_size)
        if (len(X), batch_size) != (self._run.n_rows, self._run.batch_size):
            raise ValueError(
                f"the run to be continued had {self._run.n_rows} rows in batches of {self._run.batch_size}; it cannot "
                f"go on with {len(X)} rows in batches of {batch_size}"
            )
        return self._run

    def _validate(self, validation: tuple[Any, Any], metrics: Mapping[str, Metric]) -> dict[str, float]:
        X, y = _rows(validation[0], "validation X"), _rows(validation[1], "validation y")
        self._train(False)  # the next epoch switches back
        output = self.predict(X)
        with no_grad():
            loss = float(self.loss(Tensor(output), y).item())
        return {"validation_loss": loss} | {f"validation_{name}": float(f(output, y)) for name, f in metrics.items()}

    def _finish_epoch(
        self, run: Run, measured: dict[str, float], watched: str, patience: int | None, min_delta: float
    ) -> None:
        """Write the epoch into the history, remember it if it is the best, stop if that was too long ago."""
        for name, value in measured.items():
            self.history.setdefault(name, []).append(value)
        run.epoch, run.batch, run.order, run.loss_sum = run.epoch + 1, 0, None, 0.0
        if patience is not None:
            if measured[watched] < run.best - min_delta:
                run.best, run.best_state, run.waited = measured[watched], self._states(), 0
            else:
                run.waited += 1
            run.stopped = run.waited >= patience

    def predict(self, X: Any, batch_size: int = 1024) -> Array:
        """What the module returns for all rows of X, as an array; in eval mode, without a graph."""
        X, modes = _rows(X, "X"), [(module, module.training) for module in self.module.modules()]
        self.module.eval()
        try:
            with no_grad():
                outputs = [self.module(X[i : i + batch_size]) for i in range(0, max(len(X), 1), batch_size)]
        finally:
            for module, training in modes:
                module.training = training
        return np.concatenate([output.numpy() if isinstance(output, Tensor) else output for output in outputs])

    def _modules(self) -> dict[str, Module]:
        """The module, and the loss if that is one."""
        return {"module": self.module} | ({"loss": self.loss} if isinstance(self.loss, Module) else {})

    def _train(self, mode: bool = True) -> None:
        for module in self._modules().values():
            module.train(mode)

    def _states(self) -> dict[str, dict[str, Array]]:
        return {name: module.state_dict() for name, module in self._modules().items()}

    def _load(self, states: Mapping[str, Mapping[str, Array]]) -> None:
        for name, module in self._modules().items():
            module.load_state_dict(states[name])

    def _generators(self) -> dict[str, np.random.Generator]:
        """All that draws random numbers during a run, by name."""
        own = {"(trainer)": self.rng} | dict(self.module.named_generators())
        loss = self._modules().get("loss")
        return own | ({} if loss is None else {f"(loss).{name}": rng for name, rng in loss.named_generators()})

    def checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Write everything that the run needs to go on to a file; an old one is replaced in one step."""
        tree = {
            "states": self._states(),
            "generators": self._generators(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": None if self.scheduler is None else self.scheduler.state_dict(),
            "history": self.history,
            "run": None if self._run is None else vars(self._run),
        }
        write_tree(path, "checkpoint", tree)

    def resume(self, path: str | os.PathLike[str]) -> Self:
        """Take over the state of a checkpoint; the next `fit` continues that run.

        The module, the optimizer and the scheduler must have been built as they were for the run.

        Raises
        ------
        LoadError
            If the file is damaged or no checkpoint.
        ValueError
            If its state does not fit this module or optimizer.
        """
        tree, _ = read_tree(path, "checkpoint")
        generators, theirs = self._generators(), tree["generators"]
        if generators.keys() != theirs.keys():
            raise ValueError(
                f"the checkpoint has random generators {sorted(theirs)}, this run has {sorted(generators)}"
            )
        if (self.scheduler is None) != (tree["scheduler"] is None):
            raise ValueError("the checkpoint and this trainer must both have a scheduler, or neither")
        if self._modules().keys() != tree["states"].keys():
            raise ValueError("the loss must be a Module both in the checkpoint and in this trainer, or in neither")
        self._load(tree["states"])
        self.optimizer.load_state_dict(tree["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(tree["scheduler"])
        for name, generator in generators.items():
            generator.bit_generator.state = theirs[name].bit_generator.state
        self.history = tree["history"]
        self._run = None if tree["run"] is None else Run(**tree["run"])
        return self


def _rows(values: Any, name: str) -> Any:
    """`values` as an array with a first axis; arrays stay as they are, memory-mapped ones too."""
    array = values.numpy() if isinstance(values, Tensor) else np.asanyarray(values)
    if array.ndim == 0:
        raise ValueError(f"{name} must have one row per example; it is a single number")
    return array
