"""Data of a grant and the rules of single values: names, windows, reasons."""
