"""Movies, their premieres and people, and the premiere calendar."""
