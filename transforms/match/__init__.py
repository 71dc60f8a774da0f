"""From records to clusters: candidate pairs, comparison levels, match weights, clusters."""
