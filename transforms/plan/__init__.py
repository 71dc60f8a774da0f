"""From clusters to operations on a site, and what they leave of each contact."""
