"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="subspace",
    place=66,
    activations=lambda config: ("original", config["patch"]["edit"]),
)
