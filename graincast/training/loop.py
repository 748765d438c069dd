"""The training loop of every torch model: Adam, early stopping, and exact checkpoints.

A killed and restarted training gives the same result as an uninterrupted one, bit for bit on the CPU: a checkpoint
holds all state that an epoch changes, including that of the random number generators.
"""

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graincast.microstructure import BadInput
from graincast.training import checkpoint as checkpoints
from graincast.training.device import device_of
from graincast.training.diverged import Diverged
from graincast.training.generators import restore, seeded, states

CHECKPOINT_FRACTION = 0.05  # of the time at most is spent on checkpoints, so not every short epoch writes one


@dataclass(frozen=True)
class Settings:
    """Training settings.

    epochs, learning_rate, weight_decay  of Adam (Kingma & Ba 2015, arXiv 1412.6980); the decay is an L2 penalty
    patience          stop after this many epochs without a better validation loss; 0: never stop early
    clip              largest norm of the gradient over all parameters; None: unlimited
    plateau_factor    multiplies the learning rate when the validation loss stagnates; 1: constant rate
    plateau_patience  epochs of stagnation until then
    mixed_precision   16-bit arithmetic in training passes on CUDA devices
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 0.0
    patience: int = 0
    clip: float | None = None
    plateau_factor: float = 1.0
    plateau_patience: int = 10
    mixed_precision: bool = True


@dataclass(frozen=True)
class Fitted:
    """The result of training.

    state    the module's state at the lowest validation loss, a copy on the CPU
    epoch    the number of epochs that led to it
    curves   float64 [epochs run + 1, columns]: measurements before the first epoch and after each
    columns  the names of the measurements
    """

    state: dict[str, torch.Tensor]
    epoch: int
    curves: np.ndarray
    columns: tuple[str, ...]


def fit(
    module: torch.nn.Module,
    batches: Callable[[torch.Generator], Iterable],
    loss: Callable[[torch.nn.Module, Any], torch.Tensor],
    measure: Callable[[torch.nn.Module], dict[str, float]],
    settings: Settings,
    *,
    seed: int,
    device: str = "auto",
    checkpoint: Path | None = None,
    identity: str = "",
    advance: Callable[[int, str], None] = lambda amount, note: None,
    watch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Fitted:
    """Train a module and leave it on the device in its best state. Initialise it in `generators.seeded`.

    batches     returns a new pass over the training data, on the device, in an order drawn from the generator
    loss        returns the mean loss of a batch, a scalar
    measure     returns train_… and validation_… values, including validation_loss; called in eval mode, no gradients
    checkpoint  a file to resume from and to write after epochs; the caller deletes it after saving the result
    identity    text that identifies model and data; checkpoints of another identity, settings or seed are ignored
    advance     called with the number of epochs done and a note of the loss; epochs skipped by an early stop count
    watch       called with each epoch, from 0, and the validation loss after it, again after a resumption; it may raise
                an exception to end the training
    Raises BadInput if the loss is not finite before training, Diverged if it is no longer.
    """
    torch_device = device_of(device)
    identity = f"{identity} {module} {asdict(settings)} seed {seed} {torch_device.type} torch {torch.__version__}"
    with seeded(seed, torch_device):
        training = _Training(module.to(torch_device), settings, seed, torch_device)
        content = checkpoints.read(checkpoint, identity) if checkpoint else None
        if content is None:
            training.evaluate(measure)
        else:
            training.load(content)
            advance(training.epoch, f"resumed after epoch {training.epoch}")
        for epoch, row in enumerate(training.curves):
            watch(epoch, row["validation_loss"])
        last_written, duration = time.monotonic(), 0.0
        while not training.finished:
            training.run_epoch(batches, loss)
            training.evaluate(measure)
            begin = time.monotonic()
            if checkpoint and (training.finished or begin - last_written > duration / CHECKPOINT_FRACTION):
                checkpoints.write(checkpoint, identity, training.content())
                last_written = time.monotonic()
                duration = last_written - begin
            loss_now = training.curves[-1]["validation_loss"]
            advance(1, f"loss {loss_now:.4g}")
            watch(training.epoch, loss_now)
        if skipped := settings.epochs - training.epoch:
            advance(skipped, f"stopped early after epoch {training.epoch}")
    module.load_state_dict(training.best)
    module.eval()
    columns = tuple(training.curves[0])
    curves = np.array([[row[column] for column in columns] for row in training.curves], np.float64)
    return Fitted({key: value.cpu() for key, value in training.best.items()}, training.best_epoch, curves, columns)


class _Training:
    """All state that changes from epoch to epoch."""

    def __init__(self, module: torch.nn.Module, settings: Settings, seed: int, device: torch.device) -> None:
        self.module, self.settings, self.device = module, settings, device
        self.order = torch.Generator().manual_seed(seed)
        self.optimiser = torch.optim.Adam(
            module.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.plateau = None
        if settings.plateau_factor != 1:
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                self.optimiser, factor=settings.plateau_factor, patience=settings.plateau_patience
            )
        mixed = settings.mixed_precision and device.type == "cuda"
        bfloat16 = mixed and torch.cuda.is_bf16_supported(including_emulation=False)
        self.autocast = torch.autocast(device.type, torch.bfloat16 if bfloat16 else torch.float16, enabled=mixed)
        # Unscaled float16 gradients would vanish; bfloat16 has the range of float32
        self.scaler = torch.amp.GradScaler(device.type, enabled=mixed and not bfloat16)
        self.epoch = self.best_epoch = 0
        self.best: dict[str, torch.Tensor] = {}
        self.curves: list[dict[str, float]] = []

    @property
    def finished(self) -> bool:
        epochs_since_best = self.epoch - self.best_epoch
        return self.epoch >= self.settings.epochs or 0 < self.settings.patience <= epochs_since_best

    def run_epoch(self, batches: Callable, loss: Callable) -> None:
        """Train for one epoch."""
        self.module.train()
        total = torch.zeros((), device=self.device)
        for batch in batches(self.order):
            self.optimiser.zero_grad()
            with self.autocast:
                value = loss(self.module, batch)
            self.scaler.scale(value).backward()
            if self.settings.clip is not None:
                self.scaler.unscale_(self.optimiser)
                torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.settings.clip)
            self.scaler.step(self.optimiser)
            self.scaler.update()
            total += value.detach()
        self.epoch += 1
        self._check(float(total))

    def evaluate(self, measure: Callable) -> None:
        """Record the measurements, keep the best state, and lower the learning rate on a plateau."""
        self.module.eval()
        with torch.no_grad():
            row = {key: float(value) for key, value in measure(self.module).items()}
        self._check(row["validation_loss"])
        if not self.curves or row["validation_loss"] < self.curves[self.best_epoch]["validation_loss"]:
            self.best, self.best_epoch = copy.deepcopy(self.module.state_dict()), self.epoch
        self.curves.append(row)
        if self.plateau and self.epoch:
            self.plateau.step(row["validation_loss"])

    def _check(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        if not self.epoch:
            raise BadInput("the loss is not finite before training; look for non-finite values in the data")
        rate = self.settings.learning_rate
        raise Diverged(
            f"the loss is not finite after epoch {self.epoch}; lower the learning_rate ({rate:g}), or set clip"
        )

    def content(self) -> dict:
        """The state as the content of a checkpoint."""
        return {
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "module": self.module.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "plateau": self.plateau.state_dict() if self.plateau else None,
            "scaler": self.scaler.state_dict(),
            "order": self.order.get_state(),
            "generators": states(self.device),
            "curves": self.curves,
        }

    def load(self, content: dict) -> None:
        """Restore the state from a checkpoint's content."""
        self.epoch, self.best_epoch, self.curves = content["epoch"], content["best_epoch"], content["curves"]
        self.module.load_state_dict(content["module"])
        self.best = {key: value.to(self.device) for key, value in content["best"].items()}
        self.optimiser.load_state_dict(content["optimiser"])
        if self.plateau:
            self.plateau.load_state_dict(content["plateau"])
        self.scaler.load_state_dict(content["scaler"])
        self.order.set_state(content["order"])
        restore(content["generators"], self.device)
