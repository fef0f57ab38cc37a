"""Imported by the fork server alone, so that decoding processes start with their decoders loaded.

Each of them would load them otherwise, in a twentieth of a second, before it is confined.
"""

from contextlib import suppress

from search_engine.images.confinement import load_decoders

with suppress(Exception):  # a decoding process tries it again, and tells
    load_decoders()
