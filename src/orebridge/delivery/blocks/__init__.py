"""One file per rule of the plan. A block adds its columns, rows and terms to the program; the order is in model.py."""
