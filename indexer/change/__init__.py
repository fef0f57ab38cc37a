"""Another encoder for a collection: embed beside, judge, switch, undo."""
