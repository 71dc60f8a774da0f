"""The report files of a run."""
