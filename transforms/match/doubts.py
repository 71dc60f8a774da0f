"""Doubts: what keeps two records from being joined by themselves, however much else they share.

The living have twins, fathers, wives and desk neighbours with whom they share all but a letter. What would tell them
apart stands in the names; where it does, a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.match.features import Side, SingleValued
from transforms.match.levels import (
    Address,
    Birth,
    Company,
    Email,
    First,
    Identifier,
    Last,
    Middle,
    Phone,
    Suffix,
    is_identifier,
)

Marks = NDArray[np.bool_]


class Doubt(StrEnum):
    """Why two records are not joined by themselves, in words; the most telling first."""

    NUMBERS = "the numbers in their names differ"
    CHARACTERS = "their names are written in other characters"
    COUPLE = "one of them stands for two people"
    GENERATION = "one may be the other's father or son"
    BIRTH_DATES = "their birth dates have nothing in common"
    TWO_NAMES = "their first names are two names"
    OTHER_NAME = "their first names are different names"
    SECOND_NAMES = "their second names differ"
    CALLED_AFTER = "one's first name is the other's second name"
    NO_SURNAME = "one of them has no surname, and nothing of their own is the same"
    DESK = "they have extensions of their own, and no address in common"
    COLLEAGUES = "they have addresses and phones of their own at one firm"
    CROSSED = "their names stand in each other's place, and their addresses differ"
    INITIAL = "an initial may stand for another name, and their addresses differ"


DOUBTS = tuple(Doubt)
"""The doubts; a pair's `doubt` is the place of its own here, null for none."""
EXCLUDING = (Doubt.NUMBERS, Doubt.CHARACTERS, Doubt.COUPLE, Doubt.GENERATION, Doubt.TWO_NAMES)
"""Doubts of which no third record makes one person: no cluster holds both records."""
DOUBT = pl.Enum([doubt.value for doubt in DOUBTS])


def doubts(pairs: pl.DataFrame, crossed: Marks, left: Side, right: Side, people: SingleValued) -> pl.Series:
    """The doubt about each pair; null where there is none.

    Args:
        pairs: `left`, `right`, and the levels of all fields.
        crossed: which pairs have first and last name in each other's place.
        left, right: the further features of their records.
        people: the records' names.
    """
    names = people.named_of(pairs["left"]), people.named_of(pairs["right"])
    levels = [name for name in pairs.columns if name.startswith("level_")]
    field = {name.removeprefix("level_"): pairs[name].to_numpy() for name in levels}
    marks = {
        Doubt.NUMBERS: _differ(left, right, "numbers", one_sided=True) & (left["letters"] == right["letters"]),
        Doubt.CHARACTERS: _differ(left, right, "characters"),
        Doubt.COUPLE: _differ(left, right, "joint", one_sided=True) & _named(*names),
        Doubt.OTHER_NAME: _of_given_names(_other_names(field), *names, people),
        **_of_levels(field, crossed),
    }
    doubt = np.full(len(pairs), len(DOUBTS), dtype=np.uint32)
    for place in reversed(range(len(DOUBTS))):
        doubt[marks[DOUBTS[place]]] = place
    words = pl.Series("doubt", [*DOUBT.categories, None], dtype=DOUBT)
    return words.gather(pl.Series(doubt))


def numbered_otherwise(left: Side, right: Side) -> pl.Series:
    """Marks of pairs whose names differ in their numbers alone, of which each has some: `Room 12`, `Room 14`."""
    return pl.Series(_differ(left, right, "numbers") & (left["letters"] == right["letters"]))


def _other_names(field: Mapping[str, NDArray[np.uint8]]) -> Marks:
    """Whether first names differ and surnames do not, as in a family.

    Where nobody could be reached at all, as in a register, people with one birth date are judged by the model.
    """
    unreachable = (field["email"] == Email.MISSING) & (field["phone"] == Phone.MISSING)
    marks: Marks = (field["first"] == First.OTHER) & (field["last"] > Last.OTHER)
    marks &= ~(unreachable & (field["birth"] == Birth.SAME))
    return marks


def _of_levels(field: Mapping[str, NDArray[np.uint8]], crossed: Marks) -> dict[Doubt, Marks]:
    """The doubts that the levels of a pair tell."""
    first, last, birth = field["first"], field["last"], field["birth"]
    email, phone, address = field["email"], field["phone"], field["address"]
    same_ids = [level >= Identifier.SIMILAR for name, level in field.items() if is_identifier(name)]
    own_id = np.logical_or.reduce([np.zeros(len(first), dtype=np.bool_), *same_ids])
    born_alike = birth == Birth.SAME
    reached = (email >= Email.SHARED) | (phone >= Phone.SHARED) | (address == Address.SAME)
    certain = own_id | (born_alike & reached)
    exact = (
        own_id
        | (email >= Email.SHARED)
        | (phone >= Phone.SHARED)
        | (birth >= Birth.BIRTHDAY)
        | (address == Address.SAME)
    )
    close = (
        ((email > Email.OTHER) & (email < Email.SHARED)) | (phone == Phone.SIMILAR) | (field["company"] > Company.OTHER)
    )
    mailboxes_differ = (email == Email.OTHER) | (email == Email.COMPANY)
    own_reach = ((email == Email.COMPANY) | (email == Email.SIMILAR)) & (phone == Phone.OTHER)
    nameless = ((last == Last.MISSING) | (first == First.MISSING)) & ((last > Last.MISSING) | (first > First.MISSING))
    suffix = field["suffix"]
    return {
        Doubt.GENERATION: (suffix == Suffix.OTHER) | ((suffix == Suffix.ONE_SIDED) & ~certain),
        Doubt.BIRTH_DATES: (birth == Birth.OTHER) & ~own_id,
        Doubt.TWO_NAMES: first == First.LOOKALIKE,
        Doubt.SECOND_NAMES: (field["middle"] == Middle.OTHER) & ~certain,
        Doubt.CALLED_AFTER: (first == First.SECOND) & ~certain,
        Doubt.NO_SURNAME: nameless & close & ~exact,
        Doubt.DESK: (phone == Phone.DESK) & (email < Email.SHARED) & (birth < Birth.SIMILAR) & ~own_id,
        Doubt.COLLEAGUES: own_reach & (field["company"] > Company.OTHER) & (birth < Birth.SIMILAR) & ~own_id,
        Doubt.CROSSED: crossed & mailboxes_differ & ~born_alike & ~own_id,
        Doubt.INITIAL: (first == First.INITIAL) & mailboxes_differ & (birth < Birth.SIMILAR) & ~own_id,
    }


def _named(left: Side, right: Side) -> Marks:
    """Whether both records of a pair have a name."""
    has_name = [(side["first"] > 0) | (side["last"] > 0) for side in (left, right)]
    return has_name[0] & has_name[1]


def _of_given_names(marks: Marks, left: Side, right: Side, people: SingleValued) -> Marks:
    """The marked pairs both of whose first names are known as names."""
    if not marks.any():
        return marks
    known = np.append(False, people.is_given_name)  # 0 is a missing name
    both: Marks = marks & known[left["first"]] & known[right["first"]]
    return both


def _differ(left: Side, right: Side, column: str, *, one_sided: bool = False) -> Marks:
    """Whether the two values of a pair differ; `one_sided`: also where one has none."""
    one, two = left[column], right[column]
    marks: Marks = (one != two) if one_sided else (one != two) & (one > 0) & (two > 0)
    return marks
