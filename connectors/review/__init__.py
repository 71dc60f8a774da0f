"""The app in which people review the cases of a run, on their own machine."""
