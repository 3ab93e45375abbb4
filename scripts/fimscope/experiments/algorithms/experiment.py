"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(
    name="algorithms",
    place=68,
    rejected=("plant_types/original", "plant_types/{patched}"),
)
