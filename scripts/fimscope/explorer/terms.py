"""What the words of the pages mean: said where the pointer rests on one."""

from fimscope.experiments.algorithms.hypotheses import HYPOTHESES
from fimscope.experiments.registry import about_experiment, all_experiments
from fimscope.experiments.steer.labels import LABELS as VECTOR_LABELS
from fimscope.report.glossary import AS_CODE, FOUND, GROUPS, WORDS, Word

DIRECT_LOGITS = (
    "what each block and head brings of gold less foil by itself: of a wrong answer, or of a right "
    "one that an edit breaks; others have no foil"
)
PARTS = {
    "predictions": "the likeliest first tokens at the hole, with their probabilities",
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
# Why a variant whose gold no prediction asks has nothing that builds on these.
NOT_PREDICTED = (
    "these follow the first token of an answer, which the study asks of golds of one token "
    "(prompt.golds); this gold is longer"
)
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
    "whole_types": _drawn("holes with golds of any length", "answers.max_examples")
    + "; or it could not be judged",
    "whole_patches": "it is the recipient of no pair: each condition takes whole types of one "
    "outcome, of those that were judged, for which there is a donor, as many as "
    "whole_patches.max_pairs",
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
VECTORS = {
    "zero": "a control: nothing is added",
    "mean_difference": "the residuals of right originals less those of their wrong variants, the "
    "mean over pairs of the group fit",
    "gold_type": "it is told the gold: the mean residual of right answers of that type, less that "
    "of all right answers",
    "held_out_type": "the mean difference, fitted without the pairs of this gold",
    "majority_type": "a control: as gold type, of the commonest type for every example",
    "other_edit": "a control: the mean difference of pairs of another edit",
    "flipped": "a control: the mean difference with the other sign",
    "shuffled": "a control: the mean difference with right and wrong swapped at random, by program",
    "random": "a control: a direction that is drawn at random",
}
# How solved examples are chosen; `none`: the prompt without any.
CHOICES = {
    "none": "no solved example: the prompt by itself",
    "same_type": "solved examples whose type is this hole's gold",
    "random": "any solved examples",
    "other_type": "solved examples whose type is another than this hole's gold",
    "untyped": "those of same_type, with their annotation left out",
    "scrambled": "those of random, with their tokens in random order",
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
GOLD_PROBABILITY = "the probability of the gold's first token at the hole"
COLUMNS = {
    "outcome": "right or wrong, of a gold of one token by the first token of the answer, of a "
    "longer one by the whole type; broken and mended: what the edit made of a right or a wrong "
    "answer",
    "name": "of the parameter or the function whose type is the hole",
    "gold": WORDS["gold"].meaning,
    "predicted": "the first token that the model says: a short type, or how a longer one begins; "
    "where the gold is longer, the whole type that it completes",
    "edit": WORDS["edit"].meaning,
    "gold_probability": f"{GOLD_PROBABILITY}; blank: not asked",
    "gold_rank": "of the gold's first token among all tokens; 1 is first; blank: not asked",
    "effect": "mean over all points of the paired donor's normalised effect; blank: not a "
    "recipient of the chosen condition, or as good as its donor",
    "package": "in which the program is published",
    "path": "of the program's file in its package",
}
# What a list can be filtered by, beside its columns.
FILTERS = {
    "search": "each word must be in name, gold, answer, package, path or id; case does not count",
    "golds": "the tokens of the gold: one, or more. How many are right is told of each by itself: "
    "of one token the first token of the answer decides, of longer ones the whole type",
    "kind": "the hole is the type of a parameter, or of what a function returns",
    "group": "; ".join(f"{name}: {meaning}" for name, meaning in GROUPS.items()),
    "patch effect": "the condition of the patches whose effects the list shows",
    "effect between": COLUMNS["effect"],
}
# What is chosen above the panels of an example.
CONTROLS = {
    "edit": f"{WORDS['edit'].meaning}; original is no edit",
    "colour": "what the colours of the cells show. divergence: Kullback-Leibler, of the "
    "probabilities at the last point from those of the cell",
    "measure": "what the curves show: the effect, the target's logit less the foil's, or natural "
    "logarithms of probabilities",
    "donor": "whose activations the cells are of: the condition's own donor, or a control",
    "condition": "whose residuals come into which prompt",
    "point": WORDS["point"].meaning,
    "vector": "the vector that is added",
    "prompt of": "which variant's prompt is shown",
    "block": "of the head that colours the text; 0 is first",
    "head": "the attention head that colours the text",
    "map": "what the map of all heads shows: the attention of the last token to the marked token, "
    "or its share on the tokens of a region",
}
OUTCOMES = {
    "right": "the answer is the gold",
    "wrong": "the answer is another type than the gold",
    "broken": WORDS["broken"].meaning,
    "mended": WORDS["mended"].meaning,
}
# Words of the pages that the report's glossary lacks.
PAGE_WORDS = {
    "completion": Word("what the model writes from the hole on", "[Cc]ompletions?"),
    "greedy": Word("at each step the likeliest token is taken, none is drawn", "greedy|greedily"),
    "pass_at_k": Word(
        "the chance that one of k samples is right, told without bias of all that were drawn "
        "(Chen et al. 2021, arXiv 2107.03374)",
        "pass@k",
    ),
    "verdict": Word(
        "same, equivalent, checks or fails: what the compiler says of a type in the hole",
        "verdicts?",
    ),
    "residual": Word(
        "the vector that a token hands from block to block; each block adds to it",
        "residual stream|residuals?",
    ),
    "logit_lens": Word(
        "the final norm and the unembedding, applied to the residual of an earlier point",
        "[Ll]ogit lens",
    ),
    "logit": Word("the score that the model gives a token, before it is a probability", "logits?"),
    "probe": Word("a linear classifier that is fitted to activations", "probes?"),
    "control": Word(
        "the same intervention with what should do nothing: what both do counts for nothing",
        "controls?",
    ),
    "compiler": Word("TypeScript's own type checker", "compiler"),
}
VERDICTS = {
    "same": "spelled as the gold is, but for white space and comments",
    "equivalent": "another spelling of the gold's type: each is assignable to the other",
    "checks": "another type, with which the program has no new error",
    "fails": "it brings a new error, or is no single type",
    "any": "to the compiler it is `any`, which checks anywhere",
}
ANSWER_THEN = "what the model says with this change: its likeliest first token"
IN_CONTROL = "what the model says in the control"
# Of the tables in the panels of an example.
HEADS = {
    "completion": "what the model writes greedily from the hole on, at each step the likeliest "
    "token, until it stops or has as many tokens as it was asked for",
    "whole type": "what the model completes greedily, as long as it may be, until the type ends",
    "ended": "within as many tokens as the model was asked for (answers.max_new_tokens); a type "
    "that never ends fails",
    "hole": "the name of the other hole; it leads to its page",
    "why": "why it stands here: it has the same name, or the model's residual is alike",
    "variant": WORDS["variant"].meaning + ", or its original",
    "gold": WORDS["gold"].meaning,
    "answer": COLUMNS["predicted"],
    "outcome": COLUMNS["outcome"],
    "cosine": "of the two holes' residuals at the last token and the middle point, less the mean",
    "change for": "the algorithm that would read what is changed",
    "planted": "the type that was put there; neither the answer nor the gold",
    "what changes": "the text that stood there, and the text that came there",
    "answer then": ANSWER_THEN,
    "the answer": "what became of it, judged beside the control",
    "control": FOUND_OUT["control"],
    "control: answer": IN_CONTROL,
    "masked": "what the model does not see",
    "way": "how it was kept from seeing it",
    "tokens": "how many were masked; the control masks as many others",
    "p(gold)": GOLD_PROBABILITY,
    "control: p(gold)": f"in the control, {GOLD_PROBABILITY}",
    "chosen": "by which rule the solved examples were chosen",
    "answers": "what the model said, over the draws of examples",
    "examples": "how many solved examples stand in front",
    "right, of draws": "for how many draws of the examples the answer is the gold",
    "mean p(gold)": f"over the draws, {GOLD_PROBABILITY}",
    "task": "what the probe was fitted to",
    "what is right there": "the label of this hole in that task",
    "what is read, by points": "the probe's answer at each point of the residual stream",
    "strongest parts": "the parts whose paired donor has the largest effects",
    "block": "a layer of the model; 0 is first",
    "part": "of the model: what it adds to the residual by itself",
    "share": "what the part brings of the logit of the gold less that of the foil",
    "strongest tokens": "those with the largest effects above 0",
    "role": "what the token is in the program",
    "point": WORDS["point"].meaning,
    "effect": WORDS["effect"].meaning,
    "right of n": "how many of all samples are right",
    "pass@1": "the chance that a sample is right",
    "pass@10": "the chance that one of 10 samples is right",
    "pass@100": "the chance that one of 100 samples is right",
    **VERDICTS,
    "of them any": "they check because to the compiler they are `any`, which checks anywhere",
    "never end": "they fail because their type has not ended within the tokens of a sample",
    "types": "how many different types are among the samples",
    "commonest types": "those that the most samples spell",
    "verdict": "what the compiler says of the type, in the hole of this program",
    "right": "the type counts as right, by the study's rule (`answers.right`)",
    "samples": "how many of all samples spell it",
}


def all_terms() -> dict[str, dict[str, str]]:
    """By group: term -> what it means; some terms mean another thing in another group."""
    return {
        "words": {name: word.meaning for name, word in {**WORDS, **PAGE_WORDS}.items()},
        "given": AS_CODE,
        "experiments": {one.name: about_experiment(room) for room, one in all_experiments().items()}
        | PARTS,
        "absent": ABSENT,
        "golds": {"longer": NOT_PREDICTED},
        "changes": HYPOTHESES,
        "found": FOUND_OUT,
        "masks": MASKS,
        "donors": DONORS,
        "positions": POSITIONS,
        "components": COMPONENTS,
        "roles": ROLES,
        "choices": CHOICES,
        "vectors": {VECTOR_LABELS[kind]: meaning for kind, meaning in VECTORS.items()},
        "columns": COLUMNS,
        "filters": {**COLUMNS, **FILTERS},
        "controls": CONTROLS,
        "outcomes": OUTCOMES,
        "tasks": TASKS,
        "verdicts": VERDICTS,
        "heads": HEADS,
    }


def words_pattern() -> str:
    """A regular expression of JavaScript that finds the words, a group for each.

    A part of a key of the config, as in `sample.max_examples`, is no word.
    """
    own = "|".join(rf"\b(?P<{name}>{word.pattern})\b" for name, word in PAGE_WORDS.items())
    return rf"(?<!\w\.)(?:{own}|{FOUND.pattern})(?!\.\w)".replace("(?P<", "(?<")
