"""Encodes images."""

from dataclasses import asdict
from io import BytesIO

from PIL import Image

from ..recipes import Encoder


def encode(image: Image.Image, encoder: Encoder) -> bytes:
    """Encode the image without comment, profile and EXIF."""
    buffer = BytesIO()
    image.save(buffer, encoder.pillow_format, **asdict(encoder))
    return buffer.getvalue()
