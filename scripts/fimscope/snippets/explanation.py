"""Why a model says what it says in the hole of a snippet, from one call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.errors import UserError
from fimscope.experiments.answers import completed_types
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.fim import FIM_TOKENS
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.prompts.prompt import Prompt, Unfit
from fimscope.snippets.readings import NEW_TOKENS, Reading, read_prompt
from fimscope.snippets.renaming import Renaming, ask_draws, by_name, patch_last
from fimscope.snippets.snippet import HOLE, RENAMING, Snippet, read_snippet, renamed
from fimscope.typescript.client import TypeScript
from fimscope.typescript.results import TypeScriptError

if TYPE_CHECKING:
    from fimscope.models.load import Model

N_DRAWS = 8  # of new names for all; of one name alone as many a name, on average
MOST_ALONE = 40  # in all: of many names some are not drawn
MOST_TOKENS = 1024  # of a prompt, unless more are asked for


@dataclass(frozen=True)
class Explanation:
    """What a model says in a snippet's hole, and what is seen of why; a notebook shows its page.

    model      its name, as it was asked for
    original   what is read at the snippet as it was given
    renaming   the same with other names; None where it was not asked for, or no name can change
    """

    model: str
    snippet: Snippet
    original: Reading
    renaming: Renaming | None

    def __str__(self) -> str:
        from fimscope.snippets.terminal import explanation_text

        return explanation_text(self)

    def _repr_html_(self) -> str:
        from fimscope.snippets.page import explanation_view

        return explanation_view(self)

    def write(self, path: str | Path) -> None:
        """The same as one HTML page that needs nothing else."""
        from fimscope.files.atomic import replacing
        from fimscope.snippets.page import explanation_page

        with replacing(Path(path)) as temporary:
            temporary.write_text(explanation_page(self), encoding="utf-8")


def explain(
    snippet: str | Path,
    model: "str | Path | Model" = "embedded",
    rename: bool = False,
    max_tokens: int | None = None,
    **options: str,
) -> Explanation:
    """What a model says in the hole of a snippet, and why.

    snippet     TypeScript with <hole> in the place of one type of a function's signature, or the
                path of such a file
    model       a name, as `load_model` takes it, or what that gave
    rename      ask also with other names, and patch back what they break
    max_tokens  of the prompt; a longer program is shown through a window around the hole.
                Default: what the model reads, at most 1024
    options     dtype, device, attention of `load_model`
    raises      UserError of a snippet without one hole, with a mistake in it, or of no such model

    One snippet shows what happens in it, and no more: a study says whether it is a rule.
    """
    text = snippet_text(snippet)
    with TypeScript() as typescript:
        given = read_snippet(text, typescript)  # before a model is loaded
        loaded, name = _loaded(model, options)
        encoder = Encoder.from_folder(Path(loaded.network.name_or_path))
        room = loaded.max_tokens - NEW_TOKENS
        maker = PromptMaker(
            FORMATS[_format_of(encoder)],
            encoder,
            typescript,
            min(room, max_tokens or MOST_TOKENS),
            "all",
        )
        make = partial(_prompt, maker, given)
        read = partial(_read, typescript, loaded, encoder)
        original = read(make(given), given)
        renaming = None
        if rename:
            renaming = _rename(typescript, loaded, encoder, given, original, make, read)
        return Explanation(name, given, original, renaming)


def snippet_text(snippet: str | Path) -> str:
    """The text of a snippet that is given as it is or by its file. raises UserError of no file"""
    if isinstance(snippet, str) and (HOLE in snippet or "\n" in snippet):
        return snippet
    try:
        return Path(snippet).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{snippet}: not a text in UTF-8; give a file of TypeScript") from None
    except (OSError, ValueError):
        if isinstance(snippet, Path) or Path(snippet).suffix in (".ts", ".tsx"):
            raise UserError(f"{snippet}: no such file; give the path of one, or a text") from None
        return str(snippet)


def _loaded(model: "str | Path | Model", options: dict[str, str]) -> "tuple[Model, str]":
    if isinstance(model, str | Path):
        from fimscope.loading import load_model

        return load_model(model, **options), str(model)
    return model, model.name


def _format_of(encoder: Encoder) -> str:
    """fim where the tokenizer has the tokens of a family, else rewrite."""
    families = FIM_TOKENS.values()
    has_one = any(all(encoder.token_id(t) is not None for t in tokens) for tokens in families)
    return "fim" if has_one else "rewrite"


def _prompt(maker: PromptMaker, given: Snippet, variant: Snippet) -> Prompt:
    try:
        return maker.make(given.row, variant.row)
    except (Unfit, TypeScriptError) as error:
        raise UserError(f"snippet: it gives no prompt ({error}); make it shorter") from None


def _read(
    typescript: TypeScript,
    model: "Model",
    encoder: Encoder,
    prompt: Prompt,
    snippet: Snippet,
    asked: int | None = None,
) -> Reading:
    reading, completion = read_prompt(model, encoder, prompt, asked)
    [spelled] = completed_types(typescript, [completion], [snippet.row])
    return replace(reading, type=spelled)


def _rename(
    typescript: TypeScript,
    model: "Model",
    encoder: Encoder,
    given: Snippet,
    original: Reading,
    make: Callable[[Snippet], Prompt],
    read: Callable[..., Reading],
) -> Renaming | None:
    """What other names do; None where no name of the snippet can change."""
    every = renamed(given, typescript, RENAMING, N_DRAWS)
    if not every:
        return None
    n_alone = min(MOST_ALONE, N_DRAWS * len(every[0].names))
    single = renamed(given, typescript, f"{RENAMING}@k1", n_alone)
    variants = [*every, *single]
    prompts = [make(variant) for variant in variants]
    draws = ask_draws(model, encoder, original, variants, prompts)
    chosen = next((i for i, draw in enumerate(draws[: len(every)]) if draw.changed), 0)
    reading = read(prompts[chosen], variants[chosen], original.answer_id)
    return Renaming(
        draws=draws[: len(every)],
        alone=by_name(draws[len(every) :]),
        names=draws[chosen].names,
        reading=reading,
        patch=patch_last(model, encoder, original, reading) if draws[chosen].changed else None,
    )
