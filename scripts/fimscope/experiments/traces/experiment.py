"""What the pipeline knows of this experiment."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.registry import Experiment
from fimscope.typescript.edit_names import ALIGNED


def aligned_edit(config: Mapping[str, Any]) -> Sequence[str]:
    return (ALIGNED,)


EXPERIMENT = Experiment(name="traces", place=55, edits=aligned_edit, rejected=("trace_tokens",))
