"""What operators call: inspection, statistics and purges."""
