"""Items that show the same: byte for byte, the same picture in another form, or alike."""
