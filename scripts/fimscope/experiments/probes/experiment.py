"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="probes",
    place=80,
    activations=lambda config: ("original", config["steer"]["edit"]),
)
