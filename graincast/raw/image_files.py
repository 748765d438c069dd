"""Opening image files, which may be damaged or hostile."""

import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from graincast.microstructure import BadInput
from graincast.raw.limits import MAX_SITES, content_errors, regular_file

TOO_LARGE = f"an image of too many pixels (over {MAX_SITES}); shrink it, or take a part of it"


@contextlib.contextmanager
def opened(path: str | os.PathLike, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """Yield an image that one of Pillow's `formats` reads, whatever its name says.

    Raises BadInput, without the file's name, for any error in its content, and for more pixels than memory is taken for
    (`check_size` for each further page).
    """
    regular_file(Path(path))
    with content_errors("not an image file, or cut short"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata, and of a size that is checked below
        try:
            image = Image.open(path, formats=formats)
        except Image.DecompressionBombError:
            raise BadInput(TOO_LARGE) from None
        except UnidentifiedImageError:
            raise BadInput(f"not an image file, or cut short, or none of {', '.join(formats)}") from None
        with image:
            check_size(image)
            yield image


def check_size(image: Image.Image, pages: int = 1) -> None:
    """Raise BadInput for an image of too many pixels."""
    if image.width * image.height * pages > MAX_SITES:
        raise BadInput(TOO_LARGE)
