"""The data of a grant and the rules of one value: names, windows, reasons. Pure."""
