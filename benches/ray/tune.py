"""Searches a learning rate with Ray Tune: four trials of the quickstart's network, the worse half ended early.

    tune.py FOLDER_OF_CELLS

Prints a line for each trial: its values, the epochs that it ran, its best accuracy.
"""

import sys

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from hema_blood.ray import trainable


def main(cells: str) -> None:
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_resources(trainable("quickstart", cells, set={"stage.0.epochs": 40}), {"cpu": 1}),
        param_space={"stage.0.lr": tune.grid_search([3e-5, 3e-4, 3e-3, 3e-2])},
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            scheduler=ASHAScheduler(time_attr="epoch", max_t=40, grace_period=5),
        ),
    )
    for result in tuner.fit():
        best = result.metrics_dataframe["val_accuracy"].max()
        print(f"lr {result.config['stage.0.lr']:g}: {int(result.metrics['epoch'])} epochs, val accuracy {best:.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
