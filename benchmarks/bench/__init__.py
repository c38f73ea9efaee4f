"""Measurements of the operator on real parts, beside a floor taken in the same run."""
