"""Every figure there is."""
