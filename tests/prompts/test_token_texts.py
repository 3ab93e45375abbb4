"""A token alone is text that can be read, whichever bytes it holds."""

from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE

from fimscope.prompts.encoder import Encoder
from fimscope.prompts.token_texts import token_text, token_texts

EMBEDDED = Path(__file__).parents[2] / "models/embedded"


def test_bytes_that_are_no_character_show_as_escapes():
    encoder = Encoder.from_folder(EMBEDDED)
    ids = encoder.encode("é🙂").ids
    texts = token_texts(ids, encoder).to_pylist()
    assert texts == [token_text(token, encoder) for token in ids]
    assert any(text.startswith("\\x") for text in texts)
    spelled = "".join(texts).encode("latin-1").decode("unicode_escape")
    assert spelled.encode("latin-1").decode("utf-8") == "é🙂"


def test_no_token_of_the_embedded_model_shows_as_unknown():
    encoder = Encoder.from_folder(EMBEDDED)
    ids = range(len(encoder.text_ids() | encoder.control_ids()))
    texts = {token: token_text(token, encoder) for token in ids}
    assert not [text for text in texts.values() if "\ufffd" in text]
    whole = [token for token in ids if "\ufffd" not in encoder.decode([token])]
    assert all(texts[token] == encoder.decode([token]) for token in whole)


def test_a_byte_as_sentencepiece_spells_it():
    from tokenizers import decoders

    tokenizer = Tokenizer(BPE({"a": 0, "<0xE2>": 1, "<0x41>": 2}, []))
    tokenizer.decoder = decoders.ByteFallback()
    encoder = Encoder(tokenizer, [])
    assert [token_text(token, encoder) for token in range(3)] == ["a", "\\xe2", "A"]
