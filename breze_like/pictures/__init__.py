"""Pictures: learning curves, rolls and sequences; and how notebooks and reports show them, with sound.

`figures`, `sequence_figures` and `strips` draw with matplotlib, and are imported only when something is
drawn.
"""
