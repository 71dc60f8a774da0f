"""The policy that decides between values and contacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from transforms.match.parameters import AUTO, REVIEW

TIE_BREAKS = ("member", "precedence", "most_complete", "most_recent", "oldest", "id")


@dataclass(frozen=True)
class Policy:
    """The policy that decides between values and contacts.

    Attributes:
        target: tie-breaks in order that choose the contact the others are merged into.
        overwrite: single fields of an existing contact that an export may overwrite.
        precedence: sources in the order of trust for single fields that have an order of their own.
        import_as: `fold` a row into its person's contact, or create one for it and `merge` that.
        label: the label of everything a run touched; empty for none.
        opt_out_label: the label that keeps an export's opt-out visible; empty for none.
        auto, review: probabilities from which records are joined, and from which a person should look.
    """

    target: tuple[str, ...] = TIE_BREAKS
    overwrite: frozenset[str] = frozenset()
    precedence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    import_as: str = "fold"
    label: str = ""
    opt_out_label: str = ""
    auto: float = AUTO
    review: float = REVIEW
