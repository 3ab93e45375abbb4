"""What the pipeline knows of this experiment."""

from fimscope.experiments.registry import Experiment
from fimscope.typescript.edit_names import ALIGNED, ORIGINAL

EXPERIMENT = Experiment(
    name="traces",
    place=55,
    rejected=("trace_tokens",),
    edits=lambda config: (ORIGINAL, ALIGNED),
)
