"""What the words of the pages mean: said where the pointer rests on one."""

from fimscope.experiments.algorithms.hypotheses import HYPOTHESES
from fimscope.experiments.icl.choices import LABELS as CHOICES
from fimscope.experiments.registry import about_experiment, all_experiments
from fimscope.report.glossary import AS_CODE, FOUND, WORDS

DIRECT_LOGITS = (
    "what each block and head brings of gold less foil by itself: of a wrong answer, or of a right "
    "one that an edit breaks; others have no foil"
)
PARTS = {
    "direct_logits": DIRECT_LOGITS,
    "direct_heads": "the same by head",
    "linear_lens": "the last token through a linear map to the last point (`last_linear`)",
    "attention_tokens": "the tokens that each head looks at from the last one",
    "attention_shares": "how much of each head's attention falls on a region of the prompt",
}


def _drawn(what: str, key: str) -> str:
    return f"drawn are {what}, as many as {key} allows; this is none of them"


_OUTCOMES = "right, wrong and broken variants of the patched edit"
_OF_PAIRS = "of the pairs of the patches {} are {}; none of these is of this variant"
# Why a variant has none of what the study has.
ABSENT = {
    "lens": "the lens was read of other edits",
    "linear_lens": "the map was fitted on the group fit, and is read of prompts of the group test",
    "direct_logits": "there is no foil, as the answer is right and no edit breaks it; or the "
    "model's final norm is none that a sum goes through",
    "direct_heads": "there is no foil, as the answer is right and no edit breaks it; or what the "
    "heads give is not what the attention adds, as a norm stands behind them",
    "attention_tokens": "attention was read of other edits",
    "attention_shares": "regions were read of other edits",
    "patches": "it is the recipient of no pair: each condition takes variants of one outcome for "
    "which there is a donor, as many as patch.max_pairs",
    "patch_positions": _OF_PAIRS.format(
        "as many as patch.max_pairs_positions", "patched at other tokens"
    ),
    "components": _OF_PAIRS.format("as many as patch.max_pairs_components", "patched by part"),
    "traces": "traced are broken variants of the aligned edit and their originals, one of a "
    "program, with short prompts, as many as traces.max_pairs",
    "algorithms": _drawn("right, wrong and broken variants", "algorithms.max_examples")
    + "; or nothing could be planted in it",
    "masking": _drawn(_OUTCOMES, "masking.max_examples"),
    "steering": _drawn(
        "right and wrong variants of the steered edit, of the groups select and test",
        "steer.max_examples",
    ),
    "icl": _drawn(_OUTCOMES, "icl.max_examples") + "; or no solved examples fit in front of it",
    "probes": "probes are read on the group test, where the gold is one of the types they know",
    "samples": _drawn("holes with golds of any length", "sample.max_examples"),
}
DONORS = {
    "paired": "the condition's own donor",
    "self": "a control: the recipient's own activation, which must change nothing",
    "unrelated": "a control: that of another package and another gold, about as common as the "
    "paired donor's",
    "other_gold": "a control: that of another package and another gold which the model gets right",
    "random": "a control: a vector with the mean and the covariance of such activations",
    "random_position": "a control: that of another token of the donor's prompt",
}
ROLES = {
    "last": "the last token of the prompt: its answer is the model's",
    "format": "a token that the prompt format adds",
    "hole_name": "the hole's own name, where it is declared",
    "use": "another use of the hole's name",
    "other_name": "a token of another renamed name",
    "annotation": "a type that is written behind a colon, and is not the gold",
    "comment": "a comment",
    "rest": "anything else",
}
MASKS = {
    "text": "taken out of the prompt's text",
    "attention_last": "hidden from the last token alone, in every block",
    "attention_later": "hidden from all later tokens, in every block",
    "annotations": "all annotations but the hole's, as far as the type checker allows",
    "comments": "all comments",
    "names": "names of variables, parameters and functions: others come that mean nothing",
    "siblings": "all that stands outside the hole's own function",
    "declaration": "the hole's own name, where it is declared",
    "use": ROLES["use"],
    "annotation": "the types that are written behind a colon, but the gold",
    "comment": "the comments",
}
POSITIONS = {
    "last": ROLES["last"],
    "hole_name": ROLES["hole_name"],
    "declaration": ROLES["hole_name"],
    "use": ROLES["use"],
    "fim": "all tokens that the prompt format adds",
    "name": "the hole's name and all its uses together",
    "fim_prefix": "the token in front of the text before the hole",
    "fim_suffix": "the token in front of the text behind the hole",
    "fim_middle": "the token behind which the model answers",
}
COMPONENTS = {
    "attention_output": "what all heads of a block together add to the residual",
    "mlp_output": "what the MLP of a block adds to the residual",
    "head": "what one head of a block adds to the residual",
}
TASKS = {
    "gold": "the probe was fitted to the gold types of the group fit",
    "control": "the probe was fitted to a random type for each name: what it reads there it has "
    "learnt by itself",
}
FOUND_OUT = {
    "follows": "the answer becomes the planted type, and does not in the control",
    "moves": "another answer comes, and the control leaves the answer as it is",
    "both": "another answer comes, as in the control",
    "stays": "the answer stays as it is",
    "unheld": "another answer comes, and no control was possible: it counts for nothing",
    "control": "the same done to what is not meant: another annotation, name or value, or as many "
    "other tokens; of type_of_name a name of the answer's own type",
}
COLUMNS = {
    "outcome": "right or wrong; broken and mended: what the edit made of a right or a wrong answer",
    "name": "of the parameter or the function whose type is the hole",
    "gold": WORDS["gold"].meaning,
    "predicted": "the first token that the model says: a short type, or how a longer one begins",
    "edit": WORDS["edit"].meaning,
    "gold_probability": "the probability of the gold's first token at the hole",
    "gold_rank": "of the gold's first token among all tokens; 1 is first",
    "effect": "mean over all points of the paired donor's normalised effect; blank: not a "
    "recipient of the chosen condition",
    "package": "in which the program is published",
    "path": "of the program's file in its package",
}
MEASURES = {
    "planted": "the type that was put there; neither the answer nor the gold",
    "p(gold)": COLUMNS["gold_probability"],
    "normalised effect": WORDS["effect"].meaning,
    "logit difference": "of target and foil",
    "cosine": "of the two holes' residuals at the last token and the middle point, less the mean",
    "name_seen": "an example of the group fit has the hole's name",
    "last_linear": "the last token, through a linear map to the last point",
    "pass@1": "the chance that a sample is right",
    "pass@10": "the chance that one of 10 samples is right",
    "pass@100": "the chance that one of 100 samples is right",
    "same": "spelled as the gold is, but for white space and comments",
    "equivalent": "another spelling of the gold's type: each is assignable to the other",
    "checks": "another type, with which the program has no new error",
    "of them any": "they check because to the compiler they are `any`, which checks anywhere",
    "fails": "it brings a new error, or is no single type",
    "never end": "they fail because their type has not ended within the tokens of a sample",
}


def all_terms() -> dict[str, dict[str, str]]:
    """By group: term -> what it means; some terms mean another thing in another group."""
    return {
        "words": {name: word.meaning for name, word in WORDS.items()},
        "given": AS_CODE,
        "experiments": {one.name: about_experiment(room) for room, one in all_experiments().items()}
        | PARTS,
        "absent": ABSENT,
        "changes": HYPOTHESES,
        "found": FOUND_OUT,
        "masks": MASKS,
        "donors": DONORS,
        "positions": POSITIONS,
        "components": COMPONENTS,
        "roles": ROLES,
        "choices": CHOICES,
        "columns": COLUMNS,
        "tasks": TASKS,
        "measures": MEASURES,
    }


def words_pattern() -> str:
    """A regular expression of JavaScript that finds the words of the glossary, a group for each."""
    return FOUND.pattern.replace("(?P<", "(?<")
