"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(name="patch_positions", place=50, rejected=("sweep_positions",))
