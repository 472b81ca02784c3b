"""Figures: their look, single models, many seeds, sliders, and a module a chapter."""
