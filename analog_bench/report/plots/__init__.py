"""Plots of a run and of its history, drawn by Vega-Lite."""
