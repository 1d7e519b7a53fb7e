"""Reports: the self-contained brief and the files beside it."""
