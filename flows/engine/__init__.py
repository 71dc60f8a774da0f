"""From exports and a site to a plan, and from a plan to a changed site; without Prefect and without a terminal."""
