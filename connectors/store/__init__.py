"""State on disk: run folders, journals, the memory of runs, decisions, indexes, locks."""
