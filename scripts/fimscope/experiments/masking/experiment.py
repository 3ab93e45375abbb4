"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(name="masking", place=100, rejected=("mask_distractors",))
