"""The columns of every table, and the reasons for which an input is left out."""

import pyarrow as pa

SCHEMA_VERSION = "1"

EXAMPLE_KEY = [("example_id", pa.string())]
VARIANT_KEY = [*EXAMPLE_KEY, ("edit", pa.string())]
RENAME = pa.struct([("old", pa.string()), ("new", pa.string()), ("kind", pa.string())])
CHECKS = pa.struct(
    [
        ("parses", pa.bool_()),
        ("same_errors", pa.bool_()),
        ("same_javascript", pa.bool_()),
        ("same_text", pa.bool_()),
    ]
)
CANDIDATE = pa.struct([("text", pa.string()), ("logprob", pa.float32())])
REGION = pa.struct([("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
POSITION = pa.struct([("name", pa.string()), ("index", pa.int32())])
DOSE = [  # what was added to the residual at the last token
    ("kind", pa.string()),  # of the vector; none where nothing was added
    ("vector", pa.string()),  # its name
    ("points", pa.list_(pa.int32())),  # where it was added, all at once
    ("strength", pa.float64()),  # in mean norms of the residual at each point; null: as it is
]
STEERED_TYPE = [
    *VARIANT_KEY,
    ("program_id", pa.string()),
    ("gold", pa.string()),
    ("broken", pa.bool_()),
    *DOSE,
    ("predicted_token_id", pa.int32()),  # the steered first token
    ("completion", pa.string()),  # it and what follows it without steering
    ("completed_type", pa.string()),
]

PATCH_KEY = (
    ("condition", pa.string()),
    ("pair_id", pa.string()),
    *EXAMPLE_KEY,  # the recipient
    ("edit", pa.string()),
    ("program_id", pa.string()),
    ("donor_kind", pa.string()),
    ("donor_example_id", pa.string()),
)
PATCH_MEASURES = (
    ("predicted", pa.string()),
    ("predicted_token_id", pa.int32()),
    ("to_gold", pa.bool_()),
    ("to_donor", pa.bool_()),
    ("gold_logprob", pa.float32()),
    ("foil_logprob", pa.float32()),
    ("target_logprob", pa.float32()),
    ("logit_diff", pa.float32()),  # target minus foil
    ("recipient_logit_diff", pa.float32()),  # the same without a patch
    ("donor_logit_diff", pa.float32()),  # the same in the paired donor's own run
    ("normalised_effect", pa.float32()),  # 0 recipient, 1 donor; null under the least gap
)

# Why an input was left out. Every row of a rejected table has one of these reasons.
REASONS = (
    "not_utf8",
    "binary",
    "empty",
    "too_large",
    "syntax_error",
    "vanished",
    "unreadable",
    "symlink_loop",
    "outside_source",
    "not_typescript",
    "declaration_file",
    "test_file",
    "generated",
    "minified",
    "license",
    "duplicate",
    "over_package_cap",
    "over_program_cap",
    "no_annotation",
    "unsupported_hole",
    "nothing_to_edit",
    "edit_failed",
    "does_not_parse",
    "other_errors",
    "unsupported_syntax",
    "other_javascript",
    "other_text",
    "hole_moved",
    "too_complex",
    "compiler_failed",
    "gold_several_tokens",
    "token_boundary",
    "over_budget",
    "position_missing",
    "not_paired",
)

SCHEMAS: dict[str, pa.Schema] = {
    name: pa.schema(fields)
    for name, fields in {
        "programs": [
            ("program_id", pa.string()),  # sha256 of the file's bytes
            ("package", pa.string()),
            ("version", pa.string()),
            ("license", pa.string()),
            ("path", pa.string()),
            ("n_bytes", pa.int64()),
            ("cluster", pa.string()),  # the near-duplicate cluster, named by its first program
            ("content", pa.string()),
        ],
        "rejected": [
            ("step", pa.string()),
            ("package", pa.string()),
            ("path", pa.string()),
            ("example_id", pa.string()),  # null where a whole program was left out
            ("edit", pa.string()),  # null before the edits
            ("reason", pa.string()),
            ("detail", pa.string()),
        ],
        "examples": [
            *EXAMPLE_KEY,
            ("program_id", pa.string()),
            ("package", pa.string()),
            ("path", pa.string()),
            ("kind", pa.string()),  # parameter | return
            ("name", pa.string()),  # of the parameter or of the function
            ("gold", pa.string()),
            ("prefix", pa.string()),
            ("suffix", pa.string()),
            ("name_start", pa.int64()),  # code point in prefix where the name starts
            ("group", pa.string()),  # fit | select | test
        ],
        "variants": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("kind", pa.string()),
            ("name", pa.string()),
            ("gold", pa.string()),
            ("prefix", pa.string()),
            ("suffix", pa.string()),
            ("name_start", pa.int64()),
            ("renames", pa.list_(RENAME)),
            ("checks", CHECKS),
        ],
        "prompts": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("kind", pa.string()),
            ("text", pa.string()),
            ("token_ids", pa.list_(pa.int32())),
            ("gold_token_ids", pa.list_(pa.int32())),
            ("positions", pa.list_(POSITION)),
            ("regions", pa.list_(REGION)),  # cover all tokens, in order; end excluded
            ("window", pa.string()),  # the syntax unit that the prompt shows
            ("n_prompt_truncated", pa.int32()),  # tokens of the program that it does not show
        ],
        "activation_index": [*VARIANT_KEY, ("positions", pa.list_(POSITION))],
        "predictions": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("kind", pa.string()),
            ("gold", pa.string()),
            ("n_tokens", pa.int32()),
            ("gold_token_id", pa.int32()),
            ("predicted", pa.string()),
            ("predicted_token_id", pa.int32()),
            ("first_token", pa.string()),
            ("completion", pa.string()),  # all the text that was generated
            ("completed_type", pa.string()),  # the first type that the completion spells
            ("correct", pa.bool_()),
            ("gold_rank", pa.int32()),  # 0 is first
            ("gold_logprob", pa.float32()),  # natural logarithm, of the gold's first token
            ("top10", pa.list_(CANDIDATE)),
            ("n_prompt_truncated", pa.int32()),
        ],
        "answers": [  # of the model to a prompt: a part of the steps that ask
            ("top_ids", pa.list_(pa.int32())),
            ("top_logprobs", pa.list_(pa.float32())),
            ("gold_rank", pa.int32()),
            ("gold_logprob", pa.float32()),
            ("completion_ids", pa.list_(pa.int32())),
        ],
        "drawn": [  # all samples of a prompt: a part of sample_types
            ("token_ids", pa.list_(pa.list_(pa.int32()))),
        ],
        "masked_parts": [  # a prompt with a mask in its text, or why not: mask_distractors
            ("distractor", pa.string()),
            ("is_control", pa.bool_()),
            ("n_masked", pa.int32()),
            ("token_ids", pa.list_(pa.int32())),
            ("gold_token_ids", pa.list_(pa.int32())),
            ("reason", pa.string()),
            ("detail", pa.string()),
        ],
        "split": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("kind", pa.string()),
            ("gold", pa.string()),
            ("predicted", pa.string()),
            ("outcome", pa.string()),  # right | wrong
            ("broken", pa.bool_()),  # the original right, this variant wrong
            ("mended", pa.bool_()),  # the original wrong, this variant right
        ],
        "funnel": [
            ("edit", pa.string()),
            ("stage", pa.string()),
            ("n_programs", pa.int64()),
            ("n_rows", pa.int64()),
        ],
        "pairs": [
            ("condition", pa.string()),
            ("pair_id", pa.string()),
            ("recipient_example_id", pa.string()),
            ("recipient_edit", pa.string()),
            ("recipient_program_id", pa.string()),
            ("donor_kind", pa.string()),  # paired | self | unrelated | random | random_position
            ("donor_example_id", pa.string()),  # null for random
            ("donor_edit", pa.string()),
            ("target_token_id", pa.int32()),  # what success would predict
            ("foil_token_id", pa.int32()),  # what the recipient predicts
            ("gold_token_id", pa.int32()),  # the recipient's
            ("donor_token_id", pa.int32()),  # what the donor predicts
        ],
        "patches": [
            *PATCH_KEY,
            ("point", pa.int32()),  # the first of the points that are patched together
            ("n_points", pa.int32()),  # how many those are
            ("position", pa.string()),  # of a token, or of a set of them: fim, name
            *PATCH_MEASURES,
        ],
        "components": [
            *PATCH_KEY,
            ("component", pa.string()),  # attention_output | mlp_output | head
            ("block", pa.int32()),
            ("head", pa.int32()),  # null but for a head
            *PATCH_MEASURES,
        ],
        "lens": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("position", pa.string()),
            ("point", pa.int32()),
            ("top10", pa.list_(CANDIDATE)),
            ("gold_rank", pa.int32()),  # 0 is first
            ("gold_logprob", pa.float32()),
            ("foil_token_id", pa.int32()),  # null, as what follows, where there is no foil
            ("foil_rank", pa.int32()),
            ("foil_logprob", pa.float32()),
            ("final_rank", pa.int32()),  # of the token that is first at the last point
            ("entropy", pa.float32()),  # nats
            ("divergence", pa.float32()),  # nats, KL(final || point)
        ],
        "lens_tokens": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("choice", pa.string()),  # earliest | median | latest: by which rule it was chosen
            ("token_index", pa.int32()),
            ("token", pa.string()),
            ("point", pa.int32()),
            ("top", pa.string()),  # the likeliest next token there
            ("top_logprob", pa.float32()),
        ],
        "attention_shares": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("block", pa.int32()),
            ("head", pa.int32()),
            ("region", pa.string()),  # a kind of region; all kinds of a head sum to 1
            ("n_tokens", pa.int32()),  # of this kind in the prompt
            ("n_prompt_tokens", pa.int32()),
            ("share", pa.float32()),  # of the last token's attention
        ],
        "attention_differences": [
            ("comparison", pa.string()),  # right_minus_wrong | original_minus_broken
            ("block", pa.int32()),
            ("head", pa.int32()),
            ("region", pa.string()),
            ("n", pa.int32()),  # variants, or pairs, that have the region
            ("n_programs", pa.int32()),
            ("first_share", pa.float64()),  # mean where right, or of the originals
            ("second_share", pa.float64()),
            ("difference", pa.float64()),  # first minus second
            ("lower", pa.float64()),  # 95%, clustered by program
            ("upper", pa.float64()),
            ("token_difference", pa.float64()),  # the same of the region's share of all tokens
            ("p", pa.float64()),
            ("adjusted_p", pa.float64()),  # Holm, over all rows of the comparison
        ],
        "attention_heads": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("block", pa.int32()),
            ("head", pa.int32()),
            ("region", pa.string()),  # in which this head was chosen
            ("tokens", pa.list_(pa.string())),
            ("weights", pa.list_(pa.float32())),  # of the last token to each; they sum to 1
        ],
        "attention_tokens": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("block", pa.int32()),
            ("head", pa.int32()),
            ("tokens", pa.list_(pa.int32())),  # indices in the prompt, the most looked at first
            ("weights", pa.list_(pa.float32())),  # of the last token to each
        ],
        "samples": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("n", pa.int32()),
            ("n_correct", pa.int32()),
            ("pass_at_1", pa.float64()),
            ("pass_at_10", pa.float64()),
            ("pass_at_100", pa.float64()),
            ("distinct", pa.int32()),  # different types among the samples
        ],
        "steering_vectors": [
            ("name", pa.string()),
            ("kind", pa.string()),
            ("gold", pa.string()),  # of the vectors that stand for a type or leave one out
            ("point", pa.int32()),
            ("n_pairs", pa.int32()),  # or examples, of a concept vector
            ("n_programs", pa.int32()),
            ("norm", pa.float64()),
            ("residual_norm", pa.float64()),  # the residual's mean norm at this point
            ("relative_norm", pa.float64()),  # the strength at which the vector is added as it is
        ],
        "steering_results": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("group", pa.string()),
            ("outcome", pa.string()),  # right | wrong, without steering
            ("broken", pa.bool_()),
            *DOSE,
            ("predicted", pa.string()),
            ("predicted_token_id", pa.int32()),
            ("to_gold", pa.bool_()),
            ("gold_logprob", pa.float32()),
            ("foil_logprob", pa.float32()),  # null where the prediction was right
            ("logit_diff", pa.float32()),  # gold minus foil; null where it was right
            ("unsteered_logit_diff", pa.float32()),
        ],
        "steering_settings": [
            ("kind", pa.string()),
            ("points", pa.list_(pa.int32())),
            ("strength", pa.float64()),
            ("n_wrong", pa.int32()),
            ("n_mended", pa.int32()),
            ("n_right", pa.int32()),
            ("n_worsened", pa.int32()),
            ("score", pa.float64()),  # share of wrong mended minus share of right worsened
            ("gain", pa.float64()),  # mean rise of gold minus foil in the wrong ones, in logits
            ("chosen", pa.bool_()),
        ],
        "steering_disturbance": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("token", pa.int32()),  # index in the prompt of the token that was steered
            *DOSE,
            ("divergence", pa.float32()),  # nats, KL(unsteered || steered) of the next token
            ("moved", pa.bool_()),  # another next token is likeliest
        ],
        "steering_completions": STEERED_TYPE,
        "steering_types": [
            *STEERED_TYPE,
            ("verdict", pa.string()),  # exact | typechecks | error | no_type | unchecked
            ("detail", pa.string()),  # the first new error, or why it was not checked
        ],
        "probes": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("predicted", pa.string()),  # by the model
            ("outcome", pa.string()),  # right | wrong, of the model
            ("name_seen", pa.bool_()),  # by the probe: an example of `fit` has the hole's name
            ("point", pa.int32()),
            ("task", pa.string()),  # gold | control
            ("l2", pa.float64()),
            ("label", pa.string()),  # what is right in this task
            ("probed", pa.string()),  # what the probe says
            ("correct", pa.bool_()),
        ],
        "icl": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("outcome", pa.string()),  # right | wrong | broken, with no shots
            ("choice", pa.string()),  # none, or how the shots were chosen
            ("n_shots", pa.int32()),
            ("seed", pa.int64()),  # of the shots; null without any
            ("shots", pa.list_(pa.string())),  # their examples, in the order of the text
            ("n_tokens", pa.int32()),
            ("predicted", pa.string()),
            ("correct", pa.bool_()),
            ("gold_rank", pa.int32()),  # 0 is first
            ("gold_logprob", pa.float32()),
        ],
        "masking": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("gold", pa.string()),
            ("outcome", pa.string()),  # right | wrong | broken, with nothing masked
            ("way", pa.string()),  # none | text | attention_last | attention_later
            ("distractor", pa.string()),  # none, or what is masked
            ("is_control", pa.bool_()),  # as many random tokens of the rest instead
            ("n_masked", pa.int32()),  # tokens hidden, or taken out of the text
            ("n_tokens", pa.int32()),
            ("predicted", pa.string()),
            ("correct", pa.bool_()),
            ("gold_rank", pa.int32()),
            ("gold_logprob", pa.float32()),
        ],
        "training_programs": [
            ("program_id", pa.string()),
            ("package", pa.string()),
            ("version", pa.string()),
            ("license", pa.string()),
            ("path", pa.string()),
            ("n_bytes", pa.int64()),
            ("content", pa.string()),
            ("part", pa.string()),  # train | validation
            ("starts", pa.list_(pa.int64())),  # code points of its annotations
            ("ends", pa.list_(pa.int64())),
        ],
        "training_packages": [
            ("package", pa.string()),
            ("version", pa.string()),
            ("license", pa.string()),
            ("part", pa.string()),
            ("n_programs", pa.int64()),
            ("n_bytes", pa.int64()),
            ("n_annotations", pa.int64()),
        ],
        "training_log": [
            ("step", pa.int64()),
            ("n_tokens", pa.int64()),
            ("loss", pa.float64()),  # since the row before, weighted, nats
            ("top1", pa.float64()),  # of the validation packages' one-token types
            ("top10", pa.float64()),
            ("exact", pa.float64()),  # whole types of several tokens
            ("middle_loss", pa.float64()),
        ],
    }.items()
}

# A row of one of the two tables, the other null: a part of edit_examples and check_types.
SCHEMAS["variant_parts"] = pa.schema(
    [(name, pa.struct(list(SCHEMAS[name]))) for name in ("variants", "rejected")]
)
