"""The site's use of the page cache: fragments, validity, URL inventory, warming, debug page."""
