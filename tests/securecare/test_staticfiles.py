import re
import shutil
from pathlib import Path

from django.conf import settings

from securecare.staticfiles import StaticFilesStorage

MODULES = sorted((settings.BASE_DIR / "static" / "js").glob("*.js"))


def published(folder: Path) -> StaticFilesStorage:
    """Our own modules as `collectstatic` leaves them."""
    shutil.copytree(settings.BASE_DIR / "static" / "js", folder / "js")
    storage = StaticFilesStorage(location=str(folder), base_url="/static/")
    files = {f"js/{module.name}": (storage, f"js/{module.name}") for module in MODULES}
    failures = [outcome for _, _, outcome in storage.post_process(files) if isinstance(outcome, Exception)]
    assert failures == []
    return storage


def test_modules_import_each_other_by_the_published_name(tmp_path: Path) -> None:
    storage = published(tmp_path)
    imports = {
        name
        for module in MODULES
        for name in re.findall(
            r'^(?:import|export) .*"(\./[^"]+)"',
            (tmp_path / storage.stored_name(f"js/{module.name}")).read_text(),
            re.M,
        )
    }
    names = {f"./{Path(storage.stored_name(f'js/{module.name}')).name}" for module in MODULES}

    assert "./placing.js" not in imports
    assert imports <= names
    assert len(imports) >= 2
