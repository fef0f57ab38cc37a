"""Long runs over a collection as jobs: kept in the catalog, run beside a server, told of."""
