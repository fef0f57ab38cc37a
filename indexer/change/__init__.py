"""Another encoder for a collection: prepare, embed beside, judge, change over, undo."""
