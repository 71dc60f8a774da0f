"""Splink on public data sets, with comparisons and blocking rules as its documentation shows for each of them.

Of the thresholds 0.3, 0.5, 0.8 and 0.95 the one that is best for it on the data set is taken.

python benchmarks/splink_public.py fake_1000|historical_50k|febrl table.csv clusters.csv|--known
"""

from __future__ import annotations

import logging
import sys
from typing import NamedTuple

import duckdb
import splink.comparison_library as cl
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

RANDOM_PAIRS = 5e6


class Setup(NamedTuple):
    """How Splink is set up for a data set: its id, comparisons, blocking, and what its parameters are trained from."""

    id_column: str
    comparisons: list
    blocking: list
    certain: list
    recall: float
    training: list
    threshold: float


SETUPS = {
    "fake_1000": Setup(
        "unique_id",
        [
            cl.NameComparison("first_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
        [block_on("first_name"), block_on("surname"), block_on("dob"), block_on("email")],
        [block_on("first_name", "dob"), block_on("email"), block_on("surname", "dob")],
        0.7,
        [block_on("first_name", "surname"), block_on("dob")],
        0.5,
    ),
    "historical_50k": Setup(
        "unique_id",
        [
            cl.ForenameSurnameComparison("first_name", "surname", forename_surname_concat_col_name="both_names"),
            cl.DateOfBirthComparison("dob", input_is_string=True),
            cl.PostcodeComparison("postcode_fake"),
            cl.ExactMatch("birth_place").configure(term_frequency_adjustments=True),
            cl.ExactMatch("occupation").configure(term_frequency_adjustments=True),
        ],
        [
            block_on("substr(first_name, 1, 3)", "substr(surname, 1, 4)"),
            block_on("surname", "dob"),
            block_on("first_name", "dob"),
            block_on("postcode_fake", "first_name"),
            block_on("postcode_fake", "surname"),
            block_on("dob", "birth_place"),
            block_on("substr(postcode_fake, 1, 3)", "dob"),
            block_on("substr(postcode_fake, 1, 3)", "first_name"),
            block_on("substr(postcode_fake, 1, 3)", "surname"),
            block_on("substr(first_name, 1, 2)", "substr(surname, 1, 2)", "substr(dob, 1, 4)"),
        ],
        [block_on("first_name", "surname", "dob"), block_on("substr(first_name, 1, 2)", "surname", "postcode_fake")],
        0.6,
        [block_on("first_name", "surname"), block_on("dob")],
        0.95,
    ),
    "febrl": Setup(
        "rec_id",
        [
            cl.NameComparison("given_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
            cl.DamerauLevenshteinAtThresholds("soc_sec_id", [2]),
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
        ],
        [
            block_on("soc_sec_id"),
            block_on("given_name"),
            block_on("surname"),
            block_on("date_of_birth"),
            block_on("postcode"),
        ],
        [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth")],
        0.9,
        [block_on("date_of_birth"), block_on("postcode")],
        0.95,
    ),
}


def main(name: str, source: str, target: str) -> None:
    """Writes the clusters of a table."""
    logging.disable(logging.CRITICAL)
    setup = SETUPS[name]
    database = duckdb.connect()
    database.execute(f"CREATE TABLE raw AS SELECT * FROM read_csv('{source}', all_varchar = true)")
    columns = [row[0] for row in database.execute("DESCRIBE raw").fetchall() if row[0] != setup.id_column]
    cleaned = ", ".join(f'nullif(lower(trim("{column}")), \'\') AS "{column}"' for column in columns)
    both = ", first_name || ' ' || surname AS both_names" if "first_name" in columns else ""
    database.execute(f'CREATE TABLE cleaned AS SELECT "{setup.id_column}" AS unique_id, {cleaned} FROM raw')
    database.execute(f"CREATE TABLE people AS SELECT *{both} FROM cleaned")
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=setup.comparisons,
        blocking_rules_to_generate_predictions=setup.blocking,
        retain_matching_columns=False,
    )
    api = DuckDBAPI(database)
    linker = Linker(api.register("people"), settings)
    linker.training.estimate_probability_two_random_records_match(setup.certain, recall=setup.recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=1)
    for rule in setup.training:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.2)
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=setup.threshold
    )
    query = f"SELECT unique_id AS id, cluster_id FROM {found.physical_name}"
    database.execute(f"COPY ({query}) TO '{target}' (HEADER, DELIMITER ',')")


if __name__ == "__main__":
    if sys.argv[-1] == "--known":
        sys.exit(sys.argv[1] not in SETUPS)
    main(*sys.argv[1:])
