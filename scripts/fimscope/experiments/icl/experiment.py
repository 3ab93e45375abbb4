"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment

EXPERIMENT = Experiment(name="icl", place=90, rejected=("compare_icl/{patched}",))
