"""Loads the plugin for this repository, installed or not."""

pytest_plugins = ["analog_bench.plugin"]
