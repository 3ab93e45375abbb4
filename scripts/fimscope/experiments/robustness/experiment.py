"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment
from fimscope.typescript.edit_names import dosed_edits

EXPERIMENT = Experiment(
    name="robustness",
    place=110,
    edits=lambda config: dosed_edits(**config["robustness"]),
)
