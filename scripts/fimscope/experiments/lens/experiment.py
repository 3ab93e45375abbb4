"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(name="lens", place=10, rejected=("read_lens/{edit}",))
