"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment, study_edits

EXPERIMENT = Experiment(name="steering", place=70, activations=study_edits)
