"""Tables as plain text; see `orebridge.layout`, which does not need the stories."""

from orebridge.layout import table_lines, wrap

__all__ = ["table_lines", "wrap"]
