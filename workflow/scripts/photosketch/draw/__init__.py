"""Sketches of one's own photos, by a trained generator."""

from photosketch.draw.sketcher import Face, Sketch, Sketcher

__all__ = ["Face", "Sketch", "Sketcher"]
