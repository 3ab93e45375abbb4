"""How positions are named, and which token each is."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from fimscope.errors import MisalignedError
from fimscope.interventions.named_prompt import NamedPrompt, name_prompts, pair_positions


class Named:
    """What `name_prompts` reads of a model: its tokenizer."""

    def __init__(self, tokenizer):
        self.nnsight, self.tokenizer = self, tokenizer


def a_model():
    """Tokens are the letters; `<hole>` is the tokenizer's own, and is not called special."""
    letters = {letter: number for number, letter in enumerate("abcdefgh :,")}
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    fast.add_tokens(["<hole>"])
    return Named(fast)


def test_names_texts_and_numbers_are_tokens():
    [prompt] = name_prompts(a_model(), ["abc: <hole>, ab"])
    assert len(prompt.token_ids) == 10
    assert prompt.index_of("<hole>") == 5
    assert prompt.index_of("abc") == 2  # the last token that covers it
    assert prompt.index_of("c: <hole>,") == 6
    assert prompt.index_of("last") == prompt.index_of(-1) == 9


def test_token_ids_have_the_tokenizers_own_tokens_as_names():
    model = a_model()
    [text] = name_prompts(model, ["a<hole>b"])
    [ids, named] = name_prompts(model, [text.token_ids, NamedPrompt("n", [0, 0], [("use", 1)])])
    assert ids.index_of("<hole>") == 1
    assert named.positions == [("use", 1)]


@pytest.mark.parametrize(
    ("position", "says"),
    [
        ("g", r"prompt 0: 'g' is none of its positions \(<hole>\) and does not stand in its text"),
        ("ab", r"'ab' stands at tokens \[1, 9\]; one expected"),
        ("", "'' is none of its positions"),
        (12, "no token 12; it has 10 tokens"),
        (1.5, "1.5 is no position; expected a name"),
        (None, "None is no position"),
    ],
)
def test_positions_that_are_none_or_several(position, says):
    [prompt] = name_prompts(a_model(), ["abc: <hole>, ab"])
    with pytest.raises(MisalignedError, match=says):
        prompt.index_of(position)


def test_a_text_that_overlaps_itself_stands_twice():
    [prompt] = name_prompts(a_model(), ["aaab"])
    with pytest.raises(MisalignedError, match=r"'aa' stands at tokens \[1, 2\]"):
        prompt.index_of("aa")


def test_a_name_at_several_tokens_is_none():
    prompt = NamedPrompt("p", [1, 2, 3], [("use", 0), ("use", 1)])
    with pytest.raises(MisalignedError, match=r"'use' stands at tokens \[0, 1\]"):
        prompt.index_of("use")
    with pytest.raises(MisalignedError, match=r"'x' is none of its positions \(use\); one"):
        prompt.index_of("x")


def test_one_position_is_the_donors_and_the_recipients():
    assert pair_positions(["a", ("b", 3), [1, 2]]) == (["a", "b", [1, 2]], ["a", 3, [1, 2]])
    assert pair_positions("a") == (["a"], ["a"])
