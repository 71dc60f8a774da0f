"""The vocabulary: tables, contacts, errors, ids. It imports nothing of the project."""
