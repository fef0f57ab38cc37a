"""Classification of whole sources of pictures."""
