"""The settings of the operator process, from the environment."""

import os
from typing import Final

SWEEP_SECONDS: Final = float(os.environ.get("ARGOGRANT_SWEEP_SECONDS", "60"))
"""How often everything is listed anew, whatever the watches said."""
FINALIZER: Final = "argogrant.dev/revoke"
