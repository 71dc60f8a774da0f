"""The Contacts API on the wire: shapes and names, what they mean here, and errors."""
