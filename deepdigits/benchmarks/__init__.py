"""What ``deepdigits bench`` measures, one file each: always side by side, in turn, in one run."""
