"""Paths that lead to no ordinary file, whatever is asked for."""

import os


def odd_paths(folder, suffix):
    """Make some in a folder; return them, each with what an error must say of it."""
    for name, target in {"loop": "loop", "left": "right", "right": "left"}.items():
        (folder / f"{name}{suffix}").symlink_to(f"{target}{suffix}")
    os.mkfifo(folder / f"pipe{suffix}")
    (folder / f"endless{suffix}").symlink_to("/dev/zero")
    (folder / f"folder{suffix}").mkdir()
    (folder / f"large{suffix}").touch()
    os.truncate(folder / f"large{suffix}", 2**33)
    return {
        folder / f"{'x' * 5000}{suffix}": "File name too long",
        folder / f"{'x' * 300}{suffix}": "File name too long",
        folder / f"{'d/' * 3000}x{suffix}": "File name too long",
        folder / f"loop{suffix}": "Too many levels of symbolic links",
        folder / f"left{suffix}": "Too many levels of symbolic links",
        folder / f"loop{suffix}" / f"x{suffix}": "Too many levels of symbolic links",
        folder / f"pipe{suffix}": "not an ordinary file",
        folder / f"pipe{suffix}" / f"x{suffix}": "Not a directory",
        folder / f"endless{suffix}": "not an ordinary file",
        folder / f"folder{suffix}": "Is a directory",
        folder / f"large{suffix}": "larger than",
        folder / f"nul\0{suffix}": "null",
        folder / f"bytes\udcff{suffix}": "known: ",
    }
