"""Text from a model or a program, made safe to show."""

import unicodedata


def visible(text: str, limit: int = 24) -> str:
    """Text from a model or a program, safe to show: no control characters, cut to `limit`.

    Control, formatting and private characters, surrogates, line breaks and the mark for what could
    not be decoded become their escapes;
    a longer text ends in an ellipsis; nothing at all becomes "(nothing)".
    """
    shown = "".join(character if _shows(character) else _escape(character) for character in text)
    if not shown.strip():
        return f"({len(text)} spaces)" if text else "(nothing)"
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _shows(character: str) -> bool:
    category = unicodedata.category(character)
    return character == " " or (character != "\ufffd" and not category.startswith(("C", "Z")))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
