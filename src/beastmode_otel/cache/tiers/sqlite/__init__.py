"""The embedded store: one SQLite file that the processes of a machine share."""
