"""Data: sample zips, label maps, conditions."""
