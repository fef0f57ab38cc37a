"""The page as it is served: what its owner set, the words, the frame of its views."""
