"""The verbs of the command line, one group a module; none imports anything heavy until it runs."""
