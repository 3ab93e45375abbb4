"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="circuits",
    place=65,
    rejected=("attribute_edges",),
    edits=lambda config: ("original", config["circuits"]["edit"]),
)
