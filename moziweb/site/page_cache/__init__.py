"""The page cache of the site: fragments, validity, the inventory of URLs, warming."""
