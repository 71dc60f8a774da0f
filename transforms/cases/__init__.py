"""Cases: what a person looks at to judge a run: who is together, what comes of it, and what waits, and why."""
