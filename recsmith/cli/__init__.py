"""The commands, one module each: ``HELP``, ``arguments(parser)`` and ``run(args)``."""
