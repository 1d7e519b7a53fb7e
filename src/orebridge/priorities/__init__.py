"""Published yardsticks of criticality, side by side."""
