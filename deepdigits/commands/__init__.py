"""The verbs that are not Lightning's own, one file each."""
