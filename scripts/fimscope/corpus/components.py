"""Connected components: which items hang together through the labels that they share."""

from collections.abc import Hashable, Iterable, Sequence


class Components:
    """Disjoint sets of the numbers 0..n-1, each named by its least member (union-find)."""

    def __init__(self, n: int):
        self.parent = list(range(n))

    def find(self, item: int) -> int:
        """The least member of the component of `item`."""
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Make the components of two items one."""
        low, high = sorted((self.find(one), self.find(other)))
        self.parent[high] = low


def components_by_labels(labels: Sequence[Iterable[Hashable]]) -> list[int]:
    """The component of each item, where items that share a label are in one component.

    labels   the labels of each item
    returns  for each item, the least item of its component
    """
    components = Components(len(labels))
    first_with: dict[Hashable, int] = {}
    for item, own in enumerate(labels):
        for label in own:
            components.join(first_with.setdefault(label, item), item)
    return [components.find(item) for item in range(len(labels))]
