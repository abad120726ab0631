"""A week's grid: its premieres and new movies, typed row by row and saved at once."""
