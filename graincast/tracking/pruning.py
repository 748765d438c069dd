"""MLflow experiments that no configuration names."""

from graincast.tracking import store


def leftovers(tracking: dict, names: set[str], delete: bool) -> list[str]:
    """The names of experiments with the configured prefix that are not in `names`; `delete` also deletes them.

    MLflow keeps deleted experiments until `mlflow gc` removes them.
    """
    client = store.connect(tracking)
    prefix = tracking["experiment_prefix"]
    experiments = [experiment for experiment in client.search_experiments() if experiment.name.startswith(prefix)]
    unnamed = [experiment for experiment in experiments if experiment.name.removeprefix(prefix) not in names]
    if delete:
        for experiment in unnamed:
            client.delete_experiment(experiment.experiment_id)
    return sorted(experiment.name for experiment in unnamed)
