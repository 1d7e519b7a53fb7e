"""Lets tests import the small hand-built worlds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
