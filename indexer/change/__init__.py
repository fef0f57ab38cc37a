"""Changes of a collection's encoder: prepare, embed, judge, switch over, undo."""
