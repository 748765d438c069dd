"""What every model must do, as one suite of tests. test_models_alike.py runs it on all declared models.

A subclass makes the data of one kind of input. It runs each model that takes this input with each kind of target and
each choice of grains that the model declares. Settings are the declared defaults, except those named here.
"""

import re
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from graincast.experiment import declaration, targets
from graincast.experiment.declaration import Declaration
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL, Target
from graincast.experiment.trained import FORMAT, Trained
from graincast.files import nested
from graincast.files.declaration import chain
from graincast.microstructure import BadInput
from graincast.models import by_name

COUNT = 28  # microstructures, where nothing is learned that shows
THRESHOLD = 10.0  # growth ratios of the made-up data lie on both sides of it
SMALL = {"epochs": 3, "batch_size": 8, "hidden": 4, "heads": 2, "iterations": 20, "evaluate_every": 5}
"""Training settings of a small model that is trained briefly."""
LEARNING = {
    "epochs": 16,
    "batch_size": 8,
    "hidden": 16,
    "heads": 2,
    "iterations": 300,
    "learning_rate": [0.005],
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "propagation_steps": [1],
}
"""Settings with which a simple rule is learned, quickly and with any of several seeds."""
OTHER = {
    "threshold": 11.0,
    "learning_rate": 0.05,
    "seed": 3,
    "propagation_steps": 1,
    "variance": 0.5,
    "trees": 7,
    "c": 10.0,
}
"""A second value of each axis; an axis without one is not varied."""


@dataclass(frozen=True)
class Case:
    """A model and what it predicts."""

    name: str
    kind: str
    grains: str

    def __str__(self) -> str:
        return f"{self.name}-{self.kind}-{self.grains}"

    @property
    def model(self) -> ModuleType:
        return by_name.load(self.name)

    @property
    def declared(self) -> Declaration:
        return declaration.read(self.name)

    def grid(self, **others: Any) -> dict[str, list]:
        """The default grid, except the axes in `others` that it has."""
        defaults = {setting.get("axis", key): setting["default"] for key, setting in self.declared.grid.items()}
        thresholds = {"threshold": [THRESHOLD]} if self.kind == ABNORMAL else {}
        grid = {**thresholds, **{axis: values for axis, values in defaults.items() if values is not None}}
        return {axis: others.get(axis, values) for axis, values in grid.items()}

    def training(self, **others: Any) -> dict[str, Any]:
        """The default training settings, except those in `others` that it has."""
        return {key: others.get(key, setting["default"]) for key, setting in self.declared.training.items()}

    def target(self, data: Any, grid: dict[str, list]) -> Target:
        return targets.of_data(data, grid.get("threshold", [None]), self.kind, self.grains)

    def train(self, data: Any, subsets: dict, grid: dict | None = None, training: dict | None = None, **options: Any):
        """The model trained briefly with the default grid, or as asked for."""
        grid = grid or self.grid()
        options = {"target": self.target(data, grid), **options}
        return self.model.train(data, subsets, grid=grid, training=training or self.training(**SMALL), **options)


def cases(section: str) -> list[Case]:
    """What the models that take features of a section of the configuration predict."""
    declared = [one for name in declaration.names() if section in (one := declaration.read(name)).features]
    return [Case(one.name, kind, grains) for one in declared for kind in one.kinds for grains in one.grains]


def learners(section: str) -> list[Case]:
    """The cases whose learning runs code of their own.

    Graph networks share what makes a loss of a kind of target and a choice of grains, and what trains several: one runs
    them all, the others, which differ in their layers, a single one.
    """
    chosen, networks = [], []
    for case in cases(section):
        shared = "graph_network" in [path.stem for path in chain(case.name, declaration.folders())]
        if not shared or case.name in networks[:1] or case.name not in networks:
            chosen.append(case)
            networks += [case.name] if shared else []
    return chosen


def folds(count: int) -> dict[str, np.ndarray]:
    """Two folds with different fractions; in the second, some microstructures are in no subset."""
    rng = np.random.default_rng(2)
    return {
        "one": rng.choice(["train", "validation", "test"], count, p=[0.5, 0.3, 0.2]),
        "two": rng.choice(["train", "validation", "test", ""], count, p=[0.4, 0.2, 0.2, 0.2]),
    }


def assert_same(left: Any, right: Any, where: str = "") -> None:
    """Two models, or parts of them, are equal bit for bit."""
    assert type(left) is type(right), where
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        for key in left:
            assert_same(left[key], right[key], f"{where}/{key}")
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype and left.shape == right.shape, where
        assert left.tobytes() == right.tobytes(), where
    else:
        assert left == right, where


def assert_trained_alike(left: Trained, right: Trained) -> None:
    """Two results of training are equal bit for bit."""
    assert list(left.models) == list(right.models)
    for key in left.models:
        assert_same(left.models[key], right.models[key], str(key))
        assert_same(left.curves[key], right.curves[key], f"curves of {key}")
        assert left.iterations[key] == right.iterations[key]


class Killed(Exception):
    """Stands for a kill of the process."""


class ModelSuite:
    """The suite. A subclass has a name with Test, and these:

    TAKES                     the section of the configuration that defines the features
    data(kind, count)         a table with a rule that decides the growth, or the class
    selected(data, numbers)   the table of some of the microstructures, whose numbers ascend
    disturbed(data, numbers)  the same table with other features of these microstructures
    renamed(data)             the same table with features that no model of `data` takes
    """

    TAKES: str

    @staticmethod
    def data(kind: str, count: int) -> Any:
        raise NotImplementedError

    @staticmethod
    def selected(data: Any, numbers: np.ndarray) -> Any:
        raise NotImplementedError

    @staticmethod
    def disturbed(data: Any, numbers: np.ndarray) -> Any:
        raise NotImplementedError

    @staticmethod
    def renamed(data: Any) -> Any:
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "case" in metafunc.fixturenames:
            metafunc.parametrize("case", cases(self.TAKES), ids=str, scope="class")
        if "learner" in metafunc.fixturenames:
            metafunc.parametrize("learner", learners(self.TAKES), ids=str)

    @pytest.fixture(scope="class")
    @classmethod
    def table(cls, case):
        return cls.data(case.kind, COUNT)

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, case, table):
        return case.train(table, folds(COUNT))

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, trained):
        return next(iter(trained.models.values()))

    def test_predictions_are_one_per_grain_or_microstructure_and_in_range(self, case, table, model):
        predicted = case.model.predict(model, table)
        grid = case.grid()
        (values,) = case.target(table, grid).values.values()
        assert predicted.dtype == np.float64
        assert predicted.shape == values.shape + ((len(table.classes),) if case.kind == LABEL else ())
        assert np.isfinite(predicted).all()
        if case.kind == ABNORMAL:
            assert ((predicted >= 0) & (predicted <= 1)).all()

    def test_curves_lead_to_the_iteration_that_is_kept(self, case, trained):
        assert bool(case.declared.unit) == bool(trained.columns)
        for key, curve in trained.curves.items():
            if trained.columns:
                assert curve.shape == (len(trained.steps), len(trained.columns))
                assert trained.iterations[key] == trained.steps[np.nanargmin(curve[:, 1])]

    def test_a_batch_predicts_what_each_microstructure_alone_does(self, case, table, model):
        alone = [case.model.predict(model, self.selected(table, np.array([i]))) for i in range(len(table.name))]
        np.testing.assert_allclose(np.concatenate(alone), case.model.predict(model, table), rtol=1e-5, atol=1e-6)

    def test_the_seed_decides_every_bit(self, case, table, trained):
        torch.rand(3)  # generators in another state
        np.random.rand(3)  # noqa: NPY002
        assert_trained_alike(case.train(table, folds(COUNT)), trained)
        if "seed" in case.grid():
            other = next(iter(case.train(table, folds(COUNT), case.grid(seed=[OTHER["seed"]])).curves.values()))
            assert (other[0, :2] != next(iter(trained.curves.values()))[0, :2]).all()

    def test_training_that_was_cut_off_gives_the_same(self, case, table, trained, tmp_path):
        reports: list[tuple] = []
        case.train(table, folds(COUNT), advance=lambda *report: reports.append(report))
        total, unit = case.model.total_steps(1, 2, case.training(**SMALL))
        assert sum(amount for amount, _ in reports) == total and unit
        left = [len(reports) // 2 + 1]

        def cut_off(amount: int, note: str) -> None:
            left[0] -= 1
            if not left[0]:
                raise Killed

        with pytest.raises(Killed):
            case.train(table, folds(COUNT), advance=cut_off, checkpoints=tmp_path)
        takes_checkpoints = any(tmp_path.iterdir())
        reports.clear()
        resumed = case.train(table, folds(COUNT), advance=lambda *report: reports.append(report), checkpoints=tmp_path)
        assert_trained_alike(resumed, trained)
        assert sum(amount for amount, _ in reports) == total
        assert any("resumed" in note for _, note in reports) == takes_checkpoints

    def test_trials_and_folds_trained_together_equal_those_trained_alone(self, learner):
        case, grid, table = learner, learner.grid(), self.data(learner.kind, COUNT)
        several = {axis: [*values, *([OTHER[axis]] if axis in OTHER else [])] for axis, values in grid.items()}
        together = case.train(table, folds(COUNT), several)
        last = tuple(values[-1] for values in several.values())
        alone = case.train(
            table, {"two": folds(COUNT)["two"]}, {axis: [values[-1]] for axis, values in several.items()}
        )
        assert list(alone.models) == [(last, "two")]
        for key, model in alone.models.items():
            np.testing.assert_allclose(together.curves[key], alone.curves[key], rtol=0, atol=1e-12)
            assert together.iterations[key] == alone.iterations[key]
            predicted = case.model.predict(together.models[key], table)
            np.testing.assert_allclose(predicted, case.model.predict(model, table), rtol=1e-10)

    def test_only_training_and_validation_data_affect_a_model(self, case, table, trained):
        subset = folds(COUNT)["two"]
        seen = np.isin(subset, ["train", "validation"])
        target = case.target(table, case.grid())
        known = targets.rows(target, table, seen)
        values = {threshold: np.where(known, true, true[::-1]) for threshold, true in target.values.items()}
        disturbed = self.disturbed(table, np.flatnonzero(~seen))
        again = case.train(disturbed, {"two": subset}, target=replace(target, values=values))
        for (trial, fold), model in again.models.items():
            undisturbed = case.model.predict(trained.models[trial, fold], table)
            np.testing.assert_allclose(case.model.predict(model, table), undisturbed, rtol=1e-10)
            np.testing.assert_allclose(again.curves[trial, fold], trained.curves[trial, fold], rtol=0, atol=1e-12)

    def test_a_saved_model_is_the_same(self, case, table, trained, tmp_path):
        by_fold = {fold: model for (_, fold), model in trained.models.items()}
        nested.write(tmp_path / "models.h5", FORMAT, by_fold, {})
        loaded, _ = nested.read(tmp_path / "models.h5", FORMAT)
        assert_same(loaded, by_fold)
        for fold, model in by_fold.items():
            np.testing.assert_array_equal(case.model.predict(loaded[fold], table), case.model.predict(model, table))

    def test_other_features_are_refused(self, case, table, model):
        with pytest.raises(ValueError, match=r"the model needs .*, the data have") as caught:
            case.model.predict(model, self.renamed(table))
        assert "\n" not in str(caught.value)

    def test_equal_targets_are_refused_or_learned(self, case, table):
        """A model may have nothing to learn, but must not give numbers that are not finite."""
        grid = case.grid()
        target = case.target(table, grid)
        equal = {threshold: np.zeros_like(values) + values[0] for threshold, values in target.values.items()}
        try:
            trained = case.train(table, folds(COUNT), grid, target=replace(target, values=equal, all_values=None))
        except BadInput as error:
            assert re.search("all (training|validation) targets are the same", str(error)) and "\n" not in str(error)
        else:
            for model in trained.models.values():
                assert np.isfinite(case.model.predict(model, table)).all()

    def test_a_planted_rule_is_learned(self, learner):
        data = self.data(learner.kind, 240)
        subset = np.repeat(["train", "validation", "test"], [140, 40, 60])
        grid = learner.grid(**LEARNING)
        target = learner.target(data, grid)
        trained = learner.train(data, {"all": subset}, grid, learner.training(**LEARNING), target=target)
        held_out = targets.rows(target, data, subset == "test")
        (values,), (model,) = target.values.values(), trained.models.values()
        true, predicted = values[held_out], learner.model.predict(model, data)[held_out]
        if learner.kind == GROWTH_RATIO:
            assert np.mean((predicted - true) ** 2) < 0.4 * true.var()
        else:
            best = predicted.argmax(axis=1) if learner.kind == LABEL else predicted > 0.5
            majority = max(np.mean(true == value) for value in np.unique(true))
            assert np.mean(best == true) > max(0.8, majority + 0.2)

    def test_fractions_of_growth_runs_are_learned_as_probabilities(self, learner):
        """As labels of these states, 0 and 1 would be learned."""
        if not learner.declared.soft or learner.kind != ABNORMAL:
            pytest.skip("learns no fractions")
        data = self.data(learner.kind, 240)
        subset = np.repeat(["train", "validation", "test"], [140, 40, 60])
        grid = learner.grid(**LEARNING)
        target = learner.target(data, grid)
        soft, all_soft = (
            {threshold: np.where(true, 0.75, 0.25) for threshold, true in values.items()}
            for values in (target.values, target.all_values or {})
        )
        target = replace(target, soft=soft, all_soft=all_soft)
        trained = learner.train(data, {"all": subset}, grid, learner.training(**LEARNING), target=target)
        held_out = targets.rows(target, data, subset == "test")
        (fraction,), (model,) = soft.values(), trained.models.values()
        error = np.abs(learner.model.predict(model, data) - fraction)[held_out].mean()
        assert error < 0.15  # one half everywhere would give 0.25, and so would the labels
