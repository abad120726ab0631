"""The bin: what editors delete is kept for 30 days and can be brought back."""
