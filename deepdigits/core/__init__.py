"""What every room may use: errors, files, locks, tables, timing."""
