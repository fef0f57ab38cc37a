"""The report for people: one HTML file with plots and pictures."""
