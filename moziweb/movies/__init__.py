"""Movies, their premieres and the people in them; the calendar that lists them."""
