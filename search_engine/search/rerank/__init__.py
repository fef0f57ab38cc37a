"""Re-ranking: the first results of a search put in a better order, for more time a query."""
