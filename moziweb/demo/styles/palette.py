"""Colour palettes.

A palette has seven roles, from `ink` (nearly black) to `paper` (nearly white), so a style can use
every palette of its moods. `accent` contrasts with the other colours.
"""

import colorsys
from dataclasses import dataclass
from random import Random
from typing import Final

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """Seven colours, dark to light with an accent, and the moods they suit."""

    name: str
    moods: frozenset[str]
    ink: Colour
    deep: Colour
    mid: Colour
    warm: Colour
    light: Colour
    paper: Colour
    accent: Colour


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Interpolate between two colours; `share` is 0 for `first` and 1 for `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """Relative lightness, 0 to 1 (Rec. 601 weights, as Pillow's mode L)."""
    red, green, blue = colour
    return (0.299 * red + 0.587 * green + 0.114 * blue) / 255


def readable(ground: Colour, palette: Palette) -> Colour:
    """Ink on a light `ground`, paper on a dark one."""
    return palette.ink if luminance(ground) > 0.52 else palette.paper


def shifted(palette: Palette, hue: float) -> Palette:
    """The palette with every hue shifted by `hue` (a fraction of the circle)."""
    turned = [_turn(colour, hue) for colour in _colours(palette)]
    return Palette(palette.name, palette.moods, *turned)


def random_palette(moods: tuple[str, ...], rng: Random) -> Palette:
    """A random palette with one of `moods`, with slightly shifted hues."""
    suited = [palette for palette in PALETTES if palette.moods & set(moods)]
    return shifted(rng.choice(suited), rng.uniform(-0.018, 0.018))


def _colours(palette: Palette) -> tuple[Colour, ...]:
    return (
        palette.ink,
        palette.deep,
        palette.mid,
        palette.warm,
        palette.light,
        palette.paper,
        palette.accent,
    )


def _turn(colour: Colour, hue: float) -> Colour:
    red, green, blue = (channel / 255 for channel in colour)
    h, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    red, green, blue = colorsys.hls_to_rgb((h + hue) % 1.0, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _parse(line: str) -> Palette:
    name, *rest = line.split()
    colours = [_hex(word) for word in rest[:7]]
    return Palette(name, frozenset(rest[7:]), *colours)


def _hex(word: str) -> Colour:
    red, green, blue = bytes.fromhex(word)
    return red, green, blue


# name     ink    deep   mid    warm   light  paper  accent  moods
_TABLE = """
ember      160b10 3d1420 9c2f2f e8743b f6c177 fbeedb ffcf4a dusk hot
lagoon     06141b 0c3340 1f6f78 e9b872 9fd3c7 f1f5ec ff6b4a dusk cold
plum       140a1f 2e1746 6b2d73 e8607a f7b6a0 fdf0e6 ffd166 dusk neon romance
steel      070b12 13233a 2f4d6e 7f9db5 c3d3de eef2f4 e63b2e night cold
sodium     0d0a06 2a1c0c 7a4a12 e39a24 f7d58a fbf2dd f25c1f night hot dusk
absinthe   071009 12301d 3a6b3a a4b83c dbe39a f5f6e2 f03a2e night eerie
blood      0b0506 2a080b 6e0f14 b52a22 d9a48f f0e3d6 e3171b eerie
bone       111214 2b2f33 5d666b 9aa39f cfd2c8 efece1 c4221c eerie noir cold
petrol     060d10 0c2a33 1d5560 5f9aa0 bcd9d6 eef5f1 f0a63c eerie cold night
amber      0a0908 1f1a16 4a3d31 c08a4a e8cfa3 f6ecd8 d6402b noir
bluehour   05080d 0e1a28 27435c 6d93ab c7dbe3 f2f6f5 f2b134 noir night
orange     15130f 2b2620 d9481c f08a24 f6c65b f4ead3 0f6f73 flat
red        141212 3a1512 c42021 e8a13a f0d9a8 f3ead6 1d3f72 flat
teal       0f1718 17393d 1f7a78 f2a541 f4d58d f5eddb e4572e flat
mustard    1a1712 3d3016 d8a21b e36a28 f3d77e f7f0dc 23395b flat
violet     15101c 35204f 6f4aa0 ef7b5a f3c6a5 f6eee3 17a398 flat
pink       1d1216 5a1a35 e0567e f7a072 f9d5c4 fbf1e8 1b6ca8 flat romance
fern       0d1711 1c3b2b 4a7856 d98e73 dcd6b8 f6f1e3 c8553d organic earth
rose       211015 5c2334 b0546a e7a08d f3d3c5 fbf3ec 3f6b5c organic romance airy
delft      0d1426 1d2f5a 4f6fae d9a5b3 ccd7ea f5f3ee e0a030 organic airy
fig        1a0f1c 3f1f3f 7d3f63 d98c5f ecd0b0 f8efe3 5d8a66 organic romance
sky        14213d 1c4a8a 2a9df4 ffb703 bde7ff fffaf0 ff4d6d bright
candy      2b1240 6a1b9a c04df0 ff8fa3 ffd6e8 fff6fb ffca3a bright
jungle     10281a 1b6b3a 4cc15f ffd23f d6f5b0 fdfdea ff6b35 bright
sun        33160a b3361b ff7b29 ffc93c ffe8a3 fffaec 1aa6b7 bright
nebula     05040f 14103a 3c2a8c 8f5be8 c9b8ff f3efff 3ff0e0 space neon
orbit      020a10 06283a 0f6d83 44c4c4 b7f0e6 effbf8 ff8a3d space
rust       0c0606 2e120e 84351d dd7a3c f4c493 fbeee0 6fd3ff space hot dusk
neon       0a0614 1d0f3f 5b1a8e ff2e88 ff9ad5 fbeeff 18e0ff neon night
frontier   1f120a 4b2412 a24a1e d98a3d ecc994 f4e5c5 8f1d14 earth
sage       1b1a12 3d3f2b 7d7c4f c99d56 e3cf9f f3e8cc a8401e earth
nordic     1b222a 3c4d5c 7c93a3 d8b9a0 d5dee2 f4f4ef d1495b airy cold
sand       2b211b 6b4a3a b98b6d e0b898 eadfce f8f3ea 2f6f73 airy earth
lilac      231c33 4e3f75 8f7fc0 f0a7a0 dcd3ee f8f4f7 ffb400 airy romance
mint       12251f 24574a 5aa58e f2b880 cfe8dc f5f7ef e4572e airy organic
cobalt     060b1f 0d1f63 1f46d1 ff7043 a9c1ff f3f5ff ffd60a flat sport bright
crimson    12080a 4f0d17 d1152c ff6a3d ffc2ad fff4ee ffe14d flat sport hot
lime       0f140c 23391a 6da32f c9e265 e6f3b5 f9fbe9 ff3d7f flat sport
"""

PALETTES: Final = tuple(_parse(line) for line in _TABLE.strip().splitlines())
