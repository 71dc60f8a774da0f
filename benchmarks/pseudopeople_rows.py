"""The sample that the package `pseudopeople` ships with, as one table of contacts with the truth about who is who.

    python benchmarks/pseudopeople_rows.py FOLDER

Run by an interpreter that has `pseudopeople`; `benchmarks/match.py FOLDER` then measures on it. It holds a census, a
welfare programme, two surveys and the tax forms of one year of an invented town, with their noise.
"""

import sys
from pathlib import Path

import pandas as pd
import pseudopeople

YEAR, SEED = 2020, 1
SOURCES = {
    pseudopeople.generate_decennial_census: "",
    pseudopeople.generate_women_infants_and_children: "",
    pseudopeople.generate_current_population_survey: "",
    pseudopeople.generate_american_community_survey: "",
    pseudopeople.generate_taxes_w2_and_1099: "mailing_address_",
}
"""What makes each data set, and what the names of its address columns begin with."""


def contacts(found: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """A data set's rows as contacts, each with the id of its person."""

    def column(name: str) -> pd.Series:
        given = found[name] if name in found else pd.Series("", index=found.index)
        return given.astype("string").fillna("")

    address = [column(f"{prefix}{name}") for name in ("street_number", "street_name", "unit_number")]
    return pd.DataFrame(
        {
            "entity": column("simulant_id"),
            "First Name": column("first_name"),
            "Middle Name": column("middle_initial"),
            "Last Name": column("last_name"),
            "Date of birth": column("date_of_birth"),
            "Street Address": (address[0] + " " + address[1] + " " + address[2]).str.strip(),
            "City": column(f"{prefix}city"),
            "State": column(f"{prefix}state"),
            "Zip": column(f"{prefix}zipcode"),
        }
    )


folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
parts = [contacts(make(year=YEAR, seed=SEED), prefix) for make, prefix in SOURCES.items()]
rows = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=SEED, ignore_index=True)
rows.insert(0, "Record ID", range(1, len(rows) + 1))
rows.drop(columns="entity").to_csv(folder / "people.csv", index=False)
rows[["Record ID", "entity"]].rename(columns={"Record ID": "id"}).to_csv(folder / "truth.csv", index=False)
