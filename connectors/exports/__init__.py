"""Contact exports as files: what they look like (`formats`) and how they are read (`reading`)."""
