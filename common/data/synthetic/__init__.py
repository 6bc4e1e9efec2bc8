"""The embedded data set: drawn pets with exact masks."""
