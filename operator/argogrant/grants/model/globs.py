"""Patterns in access policies: literal text in which ``*`` stands for any text."""


def glob_matches(pattern: str, text: str) -> bool:
    """Tell whether a whole text fits a pattern; upper and lower case count.

    Args:
        pattern: Every character but ``*`` stands for itself; ``*`` stands for any
            number of characters, also none.
        text: What a person or the API server wrote.
    """
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    if not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, max(end, position))
        if found < 0:
            return False
        position = found + len(part)
    return position <= end
