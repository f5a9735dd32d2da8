"""Other loaders on the same work."""
