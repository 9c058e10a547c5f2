"""What is tried: a folder with something odd in it, and the commands that meet it."""

from dataclasses import dataclass, field

from tests.fuzz import mutator
from tests.fuzz.binary_mutators import first_difference


@dataclass(frozen=True)
class Step:
    """A command: `pytest`, `analog-bench`, or lines of `python`, and its words."""

    program: str
    args: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """What is tried.

    Attributes:
        told: What is odd about it, in one line.
        steps: The commands; each one's output is looked at, and the first that refuses ends it.
        names: A refusal names one of these.
        sound: Nothing is odd about it but names, and no command may refuse.
        long: It may rightly take for ever, such as a million chips.
        where: Other places that are written to because the user says so.
    """

    told: str
    steps: tuple[Step, ...]
    names: tuple[str, ...] = ()
    sound: bool = False
    long: bool = False
    where: tuple[str, ...] = ()


def bench(*args):
    return Step("analog-bench", tuple(map(str, args)))


def pytest(*args):
    return Step("pytest", ("--tb=native", *map(str, args)))


def python(text):
    return Step("python", (text,))


def of_files(files, commands, *, after=None, misplace=0.12, also=()):
    """Make inputs of one damaged file each.

    `files` maps patterns to mutators; commands are tuples of steps, with `{}` for the file;
    `after` is called with the folder and the file that was damaged.
    """

    def make(house, rng, hub):
        pattern = rng.choice(sorted(files))
        path = rng.choice(sorted(house.glob(pattern)))
        relative = str(path.relative_to(house))
        chance, old = rng.random(), path.read_bytes()
        sound = house.name != "house" and chance < 0.5
        if sound:
            told = f"folder {house.name!a}"
        elif chance < misplace:
            told = f"{relative}: {mutator.misplaced(path, rng)}"
        else:
            new = files[pattern](old, rng)
            path.write_bytes(new)
            told = f"{relative}: {first_difference(old, new)}"
            sound = new == old
        if after is not None and not (chance < misplace):
            after(house, path, rng)
        steps = tuple(
            Step(step.program, tuple(word.replace("{}", relative) for word in step.args), step.env)
            for step in rng.choice(commands)
        )
        return Input(told, steps, (path.name, path.parent.name, *also), sound)

    return make
