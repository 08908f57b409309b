import zlib
from pathlib import Path

import numpy as np
import torch

from drbn_lightning.data import fingerprints
from drbn_lightning.data.decoding import decode, decoded
from drbn_lightning.images.rgb import write_png


def test_decodes_in_order_and_describes_what_is_kept_and_the_whole(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 12, 18, 3), dtype=np.uint8)
    files = [tmp_path / f"{number}.png" for number in range(len(values))]
    for file, image in zip(files, values, strict=True):
        write_png(file, image)
    for short_side in (None, 6):
        for file, image, waiting in zip(files, values, decoded(files, short_side), strict=True):
            pixels, entry = waiting.result()
            whole = torch.from_numpy(image).permute(2, 0, 1)
            assert entry[:4] == (str(file), file.name, (3, 12, 18) if short_side is None else (3, 6, 9), 0)
            assert entry.checksum == zlib.crc32(pixels.tobytes())
            assert (entry.digest, entry.signature) == (fingerprints.digest(whole), fingerprints.signature(whole))
    assert np.array_equal(decode(files[3], None)[0].transpose(1, 2, 0), values[3])
