"""The README's examples run, one after the other, in an empty folder."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_every_example_of_the_readme_runs(tmp_path):
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    assert len(examples) >= 4
    script = tmp_path / "readme.py"
    script.write_text("\n".join(examples))
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("monocyte"), ran.stdout
    assert (tmp_path / "runs/first/best.safetensors").exists()
