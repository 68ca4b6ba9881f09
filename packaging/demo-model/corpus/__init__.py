"""The text the demo model learns from: written for it by hand as patterns, and expanded into dialogues."""
from .dialogues import TITLE_REQUEST, Turn, dialogues, openings

__all__ = ["TITLE_REQUEST", "Turn", "dialogues", "openings"]
