"""Music: piano rolls, from MIDI files and back, and as sound."""

from breze_like.music.midi import MidiRoll, read_midi, write_midi
from breze_like.music.sound import wav_bytes, write_wav

__all__ = ["MidiRoll", "read_midi", "wav_bytes", "write_midi", "write_wav"]
