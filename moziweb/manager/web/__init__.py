"""What all pages of the manager share: resources, layout, forms, request limits."""
