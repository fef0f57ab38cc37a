"""Where pictures are decoded and encoded: on this machine, or on a cluster of Ray."""
