"""Pictures: learning curves, rolls and sequences; and what notebooks and reports show of them, with sound.

`figures`, `sequence_figures` and `strips` draw with matplotlib, and are imported where something is drawn.
"""
