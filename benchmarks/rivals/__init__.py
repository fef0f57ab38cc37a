"""Vector engines behind one small protocol: ours, and those a user might take instead."""
