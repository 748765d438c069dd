"""The training loop: a resumed run equals an undisturbed one, the best state is returned, nothing is left behind."""

import copy
import hashlib
import itertools
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from graincast.microstructure import BadInput
from graincast.training import checkpoint
from graincast.training.device import device_of
from graincast.training.generators import seeded
from graincast.training.loop import Settings, fit

ROOT = Path(__file__).parents[2]


def network(seed: int = 3) -> torch.nn.Module:
    """A network with dropout, which draws random numbers, and running averages, which are not parameters."""
    with seeded(seed):
        return torch.nn.Sequential(
            torch.nn.Linear(4, 8),
            torch.nn.BatchNorm1d(8),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.2),
            torch.nn.Linear(8, 1),
        )


def problem(noise: float = 0.5, delay: float = 0.0, hang: int = 0):
    """Batches, loss and measure of a small regression; a pass also draws from Python's and NumPy's generators.

    Each batch takes `delay` seconds; batch number `hang` takes a minute.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 4, generator=generator)
    y = x[:, :1] * x[:, 1:2] + noise * torch.randn(96, 1, generator=generator)
    train, validation = slice(0, 64), slice(64, 96)

    number = itertools.count(1)

    def batches(order):
        for rows in torch.randperm(64, generator=order).split(16):
            time.sleep(60 if next(number) == hang else delay)
            jitter = random.gauss(0, 0.01) + np.random.normal(0, 0.01)  # noqa: NPY002
            yield x[train][rows] + jitter, y[train][rows]

    def loss(module, batch):
        return torch.nn.functional.mse_loss(module(batch[0]), batch[1])

    def measure(module):
        assert not module.training and not torch.is_grad_enabled()
        return {
            "train_loss": loss(module, (x[train], y[train])),
            "validation_loss": loss(module, (x[validation], y[validation])),
        }

    return batches, loss, measure


def run(settings: Settings | None = None, seed: int = 1, module=None, changes: dict | None = None, **options):
    return fit(module or network(), *problem(**changes or {}), settings or SETTINGS, seed=seed, device="cpu", **options)


SETTINGS = Settings(epochs=30, learning_rate=0.02, weight_decay=1e-3, clip=1.0, plateau_factor=0.5, plateau_patience=2)


def assert_same(left, right):
    assert (left.epoch, left.columns) == (right.epoch, right.columns)
    np.testing.assert_array_equal(left.curves, right.curves, strict=True)
    assert left.state.keys() == right.state.keys()
    for key, value in left.state.items():
        assert torch.equal(value, right.state[key]), key


def test_it_learns_and_keeps_the_state_of_the_least_validation_loss():
    module = network()
    before = copy.deepcopy(module.state_dict())
    fitted = run(Settings(epochs=60, learning_rate=0.1), module=module, changes={"noise": 0.2})
    column = fitted.columns.index("validation_loss")
    losses = fitted.curves[:, column]
    assert losses.shape == (61,) and losses.argmin() == fitted.epoch
    assert 0 < fitted.epoch < 60 and losses[fitted.epoch] < 0.6 * losses[0]
    again = network()
    again.load_state_dict(fitted.state)
    measure = problem(noise=0.2)[2]
    with torch.no_grad():
        assert float(measure(again.eval())["validation_loss"]) == losses[fitted.epoch]
        assert float(measure(module)["validation_loss"]) == losses[fitted.epoch]  # left in its best state
    assert not torch.equal(before["0.weight"], fitted.state["0.weight"])


def test_the_state_is_a_copy():
    module = network()
    fitted = run(module=module)
    before = copy.deepcopy(fitted.state)
    with torch.no_grad():
        for value in module.state_dict().values():
            value.zero_()
    assert all(torch.equal(value, before[key]) for key, value in fitted.state.items())


def test_a_seed_fixes_the_result_and_another_seed_changes_it():
    assert_same(run(), run())
    torch.rand(5), random.random()
    assert_same(run(), run())
    assert not np.array_equal(run(seed=1).curves, run(seed=2).curves)


def test_generators_and_settings_are_restored():
    def drawn():
        return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002

    random.seed(7), np.random.seed(7), torch.manual_seed(7)  # noqa: NPY002
    expected = drawn()
    random.seed(7), np.random.seed(7), torch.manual_seed(7)  # noqa: NPY002
    deterministic = torch.are_deterministic_algorithms_enabled()
    run()
    assert drawn() == expected
    assert torch.are_deterministic_algorithms_enabled() == deterministic


KILLED = """
import sys, torch
from pathlib import Path
from tests.unit import test_training_loop as here
torch.set_num_threads(1)
here.run(changes={"delay": 0.01, "hang": 35}, checkpoint=Path(sys.argv[1]), identity="this",
         advance=lambda amount, note: print(note, flush=True))
"""


def begin(path: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", KILLED, str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_resumed_after_a_kill_equals_an_undisturbed_one(tmp_path, number, one_thread):
    path = tmp_path / "checkpoints" / "one.pt"
    with begin(path) as process:
        for _ in range(8):  # then it hangs in the third of the ninth epoch's four batches
            assert process.stdout.readline().startswith("loss")
        process.send_signal(number)
    assert process.returncode == -number
    notes = []
    resumed = run(checkpoint=path, identity="this", advance=lambda amount, note: notes.append((amount, note)))
    amount, note = notes[0]
    assert 1 <= amount <= 8 and note == f"resumed after epoch {amount}"
    assert sum(amount for amount, _ in notes) == SETTINGS.epochs
    assert_same(resumed, run())


def test_a_finished_training_is_not_repeated(tmp_path):
    path = tmp_path / "one.pt"
    first = run(checkpoint=path)
    notes = []
    assert_same(run(checkpoint=path, advance=lambda *report: notes.append(report)), first)
    assert notes == [(SETTINGS.epochs, f"resumed after epoch {SETTINGS.epochs}")]


@pytest.mark.parametrize("other", ["identity", "seed", "settings", "module"])
def test_the_checkpoint_of_another_training_is_not_used(tmp_path, caplog, other):
    path = tmp_path / "one.pt"
    run(checkpoint=path, identity="this")
    options = {"identity": "this", "seed": 1, "settings": SETTINGS, "module": None}
    options[other] = {
        "identity": "that",
        "seed": 2,
        "settings": Settings(epochs=30, learning_rate=0.01),
        "module": torch.nn.Linear(4, 1),
    }[other]
    alone = run(**copy.deepcopy(options))
    assert_same(run(checkpoint=path, **options), alone)
    assert caplog.messages == [f"{path}: the checkpoint is from another training; training starts afresh"]


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text"])
def test_a_damaged_checkpoint_is_not_used(tmp_path, caplog, damage):
    path = tmp_path / "one.pt"
    run(checkpoint=path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"cut": data[:-100], "empty": b"", "flipped": data, "text": b"no checkpoint"}[damage])
    assert_same(run(checkpoint=path), run())
    assert caplog.messages == [f"{path}: the checkpoint is damaged; training starts afresh"]


def test_an_undamaged_file_of_other_content_is_not_used(tmp_path, caplog):
    data = b"not of torch"
    (tmp_path / "one.pt").write_bytes(hashlib.sha256(data).digest() + data)
    assert checkpoint.read(tmp_path / "one.pt", "this") is None
    assert len(caplog.messages) == 1


def test_early_stopping_waits_for_its_patience_and_reports_the_skipped_epochs_as_done(tmp_path):
    settings = Settings(epochs=400, learning_rate=0.05, patience=7)
    notes = []
    fitted = run(settings, checkpoint=tmp_path / "one.pt", advance=lambda *report: notes.append(report))
    losses = fitted.curves[:, fitted.columns.index("validation_loss")]
    assert len(losses) - 1 == fitted.epoch + 7 < 400
    assert sum(amount for amount, _ in notes) == 400
    np.testing.assert_array_equal(losses, run(Settings(len(losses) - 1, 0.05)).curves[:, 1])
    assert_same(run(settings, checkpoint=tmp_path / "one.pt"), fitted)


def test_the_learning_rate_falls_on_a_plateau_only_if_configured():
    """With a tiny factor the weights stop changing after the first plateau, not before."""

    def moves(**settings):
        fitted = run(Settings(epochs=40, learning_rate=0.1, **settings), module=torch.nn.Linear(4, 1))
        return np.abs(np.diff(fitted.curves[:, 0])) > 1e-5

    resting = moves(plateau_factor=1e-7, plateau_patience=4)
    assert resting[:5].all() and not resting[-5:].any()
    assert moves().all()


def test_clipping_bounds_the_gradient():
    """Adam normalises its steps, so the test looks at the gradients themselves."""
    norms = {}
    for clip in (None, 0.01):
        module = network()
        run(Settings(epochs=1, learning_rate=0.001, clip=clip), module=module)
        norms[clip] = float(torch.cat([p.grad.ravel() for p in module.parameters()]).norm())
    assert norms[0.01] == pytest.approx(0.01, rel=1e-3) and norms[None] > 0.1


def test_a_loss_that_is_not_finite_names_the_learning_rate():
    settings = Settings(epochs=20, learning_rate=1e30)
    with pytest.raises(BadInput, match=r"loss is not finite after epoch \d+; lower the learning_rate \(1e\+30\)"):
        run(settings)


def test_data_that_are_not_finite_are_distinguished_from_a_high_learning_rate():
    batches, loss, _ = problem()
    with pytest.raises(BadInput, match="not finite before training; look for non-finite values"):
        fit(network(), batches, loss, lambda module: {"validation_loss": float("nan")}, SETTINGS, seed=0, device="cpu")


def test_a_device_is_chosen_by_name_and_must_exist():
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(BadInput, match="none of auto, cpu, cuda"):
        device_of("tpu")
    if torch.cuda.is_available():
        assert device_of("cuda").type == "cuda"
    else:
        with pytest.raises(BadInput, match="no CUDA device here; use device auto or cpu"):
            device_of("cuda")
