"""Photo -> sketch ablations: the library behind the workflow's scripts."""
