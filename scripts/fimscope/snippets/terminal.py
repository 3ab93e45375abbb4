"""An explanation as text for a terminal."""

from collections.abc import Iterator, Sequence
from textwrap import wrap

from fimscope.report.format import percent
from fimscope.report.text import visible
from fimscope.snippets.explanation import Explanation
from fimscope.snippets.readings import Attention, Lens, Reading
from fimscope.snippets.renaming import N_RANDOM, Patch, Renaming
from fimscope.snippets.words import (
    REGIONS,
    say_alone,
    say_answer,
    say_attention,
    say_lens,
    say_nothing_to_patch,
    say_patch,
    say_renaming,
    say_tie,
    say_variant,
    say_window,
)

WIDTH = 96
BAR, LINE_BAR = 24, 12
CELL = 11  # of the lens
MOST_LINES = 12


def explanation_text(explanation: Explanation) -> str:
    """Sentences and tables, no line longer than WIDTH; nothing in it acts on the terminal."""
    original, renaming = explanation.original, explanation.renaming
    blocks = [
        _source(original.text),
        [say_answer(explanation), say_tie(original), say_window(original)],
        ["The ten likeliest first tokens:", *_top(original.top)],
        [say_lens(original.lens), *_lens(original.lens, original.answer)],
        [say_attention(original), *_regions(original.attention)],
        _lines(original),
    ]
    if renaming:
        blocks += _renaming(renaming, original)
    wrapped = (line for block in blocks for line in [*filter(None, block), ""])
    return "\n".join(part.rstrip() for line in wrapped for part in _wrap(line)).rstrip()


def _wrap(line: str) -> list[str]:
    """A sentence in lines of WIDTH; a row of a table, which is indented, as it is."""
    return [line] if line.startswith(" ") or not line else wrap(line, WIDTH)


def _source(text: str) -> list[str]:
    lines = text.rstrip().split("\n")
    return [f"  {visible(line, WIDTH - 2) if line.strip() else ''}" for line in lines]


def _top(top: Sequence[tuple[str, float]]) -> list[str]:
    rows = [f"   #  {'first token':24} {'p':>6}  {_scale(BAR)}"]
    rows += [
        f"  {n:2}  {_cell(text, 24)} {percent(p):>6}  {_bar(p)}"
        for n, (text, p) in enumerate(top, 1)
    ]
    return rows


def _lens(lens: Lens, answer: str) -> list[str]:
    """The likeliest token at every point and position, the points upwards as the stream flows."""
    names = " ".join(_cell(name, CELL) for name, _ in lens.positions)
    tokens = " ".join(_cell(text, CELL) for _, text in lens.positions)
    rows = [f"  point  {names}  {_asked(answer):>13}  rank", f"         {tokens}"]
    for point in reversed(range(len(lens.top))):
        cells = " ".join(_cell(text, CELL) for text, _ in lens.top[point])
        p, rank = percent(lens.probability[point]), lens.rank[point] + 1
        rows.append(f"  {point:5}  {cells}  {p:>13}  {rank:4}")
    return rows


def _regions(attention: Attention) -> list[str]:
    most = "the head that looks there most"
    rows = [f"  {'part of the prompt':28} {'share':>6}  {'of tokens':>9}  {most}"]
    for part in attention.regions():
        block, head = part.head
        rows.append(
            f"  {REGIONS[part.name]:28} {percent(part.share):>6}  {percent(part.of_tokens):>9}  "
            f"block {block}, head {head}: {percent(part.most)}"
        )
    return rows


def _lines(reading: Reading) -> list[str]:
    """The lines of the program that get most, in their order."""
    shares = reading.attention.by_line()
    texts = reading.text.split("\n")
    shown = [line for line in shares if texts[line].strip()]
    most = sorted(shown, key=lambda line: -shares[line])[:MOST_LINES]
    rows = [f"  {'share':>6}  {_scale(LINE_BAR)}  line of the program"]
    rows += [
        f"  {percent(shares[line]):>6}  {_bar(shares[line], LINE_BAR):{LINE_BAR}}  "
        f"{visible(texts[line].rstrip(), WIDTH - 12 - LINE_BAR)}"
        for line in sorted(most)
    ]
    return rows


def _renaming(renaming: Renaming, original: Reading) -> Iterator[list[str]]:
    marked = " They are marked *." if any(draw.changed for draw in renaming.draws) else ""
    yield [say_renaming(renaming, original) + marked, *_draws(renaming, original)]
    yield [say_alone(renaming), *_alone(renaming, original)]
    if renaming.patch is None:
        yield [say_nothing_to_patch(original)]
        return
    yield [say_variant(renaming), *_source(renaming.reading.text)]
    yield [
        *say_patch(renaming.patch, renaming, original),
        *_patch(renaming.patch, renaming, original),
    ]


def _draws(renaming: Renaming, original: Reading) -> Iterator[str]:
    yield f"    {'answer':20} {_asked(original.answer):>13}  new names"
    for draw in renaming.draws:
        mark = "*" if draw.changed else " "
        names = ", ".join(f"{old} -> {new}" for old, new in draw.names.items())
        answer, p = _cell(draw.answer, 20), percent(draw.probability)
        yield f"  {mark} {answer} {p:>13}  {visible(names, WIDTH - 42)}"


def _alone(renaming: Renaming, original: Reading) -> Iterator[str]:
    yield f"  {'name':22} {'changed by':>13}  {_asked(original.answer)}"
    for each in renaming.alone:
        times = f"{each.n_changed} of {each.n_draws}"
        yield f"  {_cell(each.name, 22)} {times:>13}  {percent(each.probability):>6}"


def _patch(patch: Patch, renaming: Renaming, original: Reading) -> Iterator[str]:
    """The patch beside what the lens shows of both prompts."""
    yield f"  {'':5}  {f'lens, {_asked(original.answer)}':>20}  with the patch"
    yield f"  point  {'as given':>9} {'renamed':>10}  effect  {'answer':22} by random vectors"
    for point in reversed(range(len(patch.effect))):
        effect = patch.effect[point]
        value = "" if effect is None else f"{effect:.2f}"
        given, own = (percent(r.lens.probability[point]) for r in (original, renaming.reading))
        answer, random = _cell(patch.answer[point], 22), f"{patch.random[point]} of {N_RANDOM}"
        yield f"  {point:5}  {given:>9} {own:>10}  {value:>6}  {answer} {random:>17}"


def _asked(answer: str) -> str:
    return f"p({visible(answer, 10)})"


def _cell(text: str, width: int) -> str:
    """A token in a column: no control character, spaces around it left out, cut to the width."""
    return f"{visible(text.strip(' ') or '␣', width):{width}}"


def _scale(width: int) -> str:
    """Of bars: where they begin and where they would be full."""
    return f"0{'100%':>{width - 1}}"


def _bar(share: float, width: int = BAR) -> str:
    return "█" * round(width * share)
