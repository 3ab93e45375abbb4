"""Which holes are asked for their whole type, and where a completion of one has ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fimscope.prompts.encoder import Encoder
from fimscope.steps.seeds import seed_of
from fimscope.typescript.client import TypeScript

TokenIds = Sequence[int]


def draw_examples(names: Iterable[str], n: int, seed: int, step: str) -> set[str]:
    """At most `n` of the examples, the same in whatever order they come."""
    return set(sorted(names, key=lambda name: seed_of(seed, step, name))[:n])


@dataclass
class TypeEnds:
    """Whether the types that completions begin with have ended; a text is asked of once.

    known   (completion, kind of the hole) -> whether its first type has ended
    """

    typescript: TypeScript
    encoder: Encoder
    known: dict[tuple[str, str], bool] = field(default_factory=dict)

    def look(self, kinds: Sequence[str], beginnings: Sequence[tuple[int, TokenIds]]) -> list[bool]:
        """Of some prompts, of holes of these kinds: (number, tokens behind it) -> has it ended."""
        texts = [(self.encoder.decode(token_ids), kinds[i]) for i, token_ids in beginnings]
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known |= zip(new, self.typescript.type_ends(new), strict=True)
        return [self.known[text] for text in texts]
