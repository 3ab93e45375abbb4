"""The columns of every table, and the reasons for which an input is left out."""

import pyarrow as pa

SCHEMA_VERSION = "1"

EXAMPLE_KEY = [("example_id", pa.string())]
VARIANT_KEY = [*EXAMPLE_KEY, ("edit", pa.string())]
RENAME = pa.struct([("old", pa.string()), ("new", pa.string()), ("kind", pa.string())])
CHECKS = pa.struct(
    [("parses", pa.bool_()), ("same_errors", pa.bool_()), ("same_javascript", pa.bool_())]
)
CANDIDATE = pa.struct([("text", pa.string()), ("logprob", pa.float32())])
REGION = pa.struct([("kind", pa.string()), ("start", pa.int32()), ("end", pa.int32())])
POSITION = pa.struct([("name", pa.string()), ("index", pa.int32())])

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
    "other_javascript",
    "hole_moved",
    "time_limit",
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
        "answers": [  # of the model to a prompt: a part of predict_types
            ("top_ids", pa.list_(pa.int32())),
            ("top_logprobs", pa.list_(pa.float32())),
            ("gold_rank", pa.int32()),
            ("gold_logprob", pa.float32()),
            ("completion_ids", pa.list_(pa.int32())),
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
            ("donor_kind", pa.string()),  # paired | self | unrelated | random
            ("donor_example_id", pa.string()),  # null for random
            ("donor_edit", pa.string()),
            ("target_token_id", pa.int32()),  # what success would predict
            ("foil_token_id", pa.int32()),  # what the recipient predicts
            ("gold_token_id", pa.int32()),  # the recipient's
            ("donor_token_id", pa.int32()),  # what the donor predicts
        ],
        "patches": [
            ("condition", pa.string()),
            ("pair_id", pa.string()),
            *EXAMPLE_KEY,  # the recipient
            ("edit", pa.string()),
            ("program_id", pa.string()),
            ("donor_kind", pa.string()),
            ("donor_example_id", pa.string()),
            ("point", pa.int32()),
            ("position", pa.string()),
            ("predicted", pa.string()),
            ("predicted_token_id", pa.int32()),
            ("to_gold", pa.bool_()),
            ("to_donor", pa.bool_()),
            ("gold_logprob", pa.float32()),
            ("foil_logprob", pa.float32()),
            ("logit_diff", pa.float32()),  # target minus foil
            ("recipient_logit_diff", pa.float32()),  # the same without a patch
            ("donor_logit_diff", pa.float32()),  # the same in the paired donor's own run
            ("normalised_effect", pa.float32()),  # 0 recipient, 1 donor; null under the least gap
        ],
        "lens": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("position", pa.string()),
            ("point", pa.int32()),
            ("top10", pa.list_(CANDIDATE)),
            ("gold_rank", pa.int32()),  # 0 is first
            ("gold_logprob", pa.float32()),
            ("entropy", pa.float32()),  # nats
            ("divergence", pa.float32()),  # nats, KL(final || point)
        ],
        "attention": [
            *VARIANT_KEY,
            ("program_id", pa.string()),
            ("position", pa.string()),  # of the token that looks
            ("block", pa.int32()),
            ("head", pa.int32()),
            ("weights", pa.list_(pa.float32())),  # to every token of the prompt; they sum to 1
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
