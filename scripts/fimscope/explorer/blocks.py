"""Data that a page opened from the disk can load.

`fetch` may read nothing from the disk, but a script element may. So a block of data is a script of
one call with one string in it: JSON, deflated, in base64. Deflated, as an example's tables are
mostly repetition; every browser inflates it with DecompressionStream. In the single-file page the
same string is the text of an element that never runs.
"""

import base64
import json
import zlib
from typing import Any


def pack(value: Any) -> str:
    """JSON, deflated without a header, in base64; the same bytes for the same value."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    deflate = zlib.compressobj(level=9, wbits=-15)
    data = deflate.compress(text.encode("utf-8", "surrogatepass")) + deflate.flush()
    return base64.b64encode(data).decode("ascii")


def unpack(block: str) -> Any:
    """The value that was packed."""
    return json.loads(zlib.decompress(base64.b64decode(block), wbits=-15))


def block_script(name: str, block: str) -> str:
    """The file of a block: it hands the block to the page that loads it."""
    return f'fimscope("{name}","{block}");\n'


def block_element(name: str, block: str) -> str:
    """The block as an element of the single-file page."""
    return f'<script type="text/plain" id="block-{name}">{block}</script>\n'
