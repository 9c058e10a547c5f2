"""Command lines parsed as the program parses them, without running the verb."""

import typer

from analog_bench.cli import app


def parse(words):
    """Return the values of a verb's arguments and options, by name; an unreadable line raises."""
    command, words = typer.main.get_command(app), list(words)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    return command.make_context(command.name, words).params
