"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="patches",
    place=40,
    activations=lambda config: ("original", config["patch"]["edit"]),
)
