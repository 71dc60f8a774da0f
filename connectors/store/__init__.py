"""What a run keeps on disk: its folder and journal, the memory of runs, decisions, indexes, locks."""
