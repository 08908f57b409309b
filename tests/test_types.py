import subprocess
import sys


def test_types_and_images_need_no_torch() -> None:
    code = "import drbn_lightning.types, drbn_lightning.images.photo, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
