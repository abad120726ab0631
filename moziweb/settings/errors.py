"""The error of the settings."""


class SettingsError(Exception):
    """A setting is missing, unknown or wrong. The text is one line for the operator."""
