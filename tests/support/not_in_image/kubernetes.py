"""Stands for a package that the tests need, and the image does not contain.

kopf imports it if it is there, which takes longer than everything else at the start.
"""

raise ImportError("The image does not contain this package.")
