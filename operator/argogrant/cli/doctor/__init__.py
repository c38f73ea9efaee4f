"""``argogrant doctor``: what is looked at, and what that means for a person.

``look`` reads, with whatever rights there are, and never changes anything; ``checks``
and ``checks_of_instance`` are pure. What could not be read is said, never guessed.
"""
