"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment, study_edits

# The explorer shows every edit.
EXPERIMENT = Experiment(name="attention", place=20, attention=study_edits)
