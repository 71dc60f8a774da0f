"""From rows as sources write them to records whose values can be compared."""
