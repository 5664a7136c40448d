"""Who runs a server and who may reach its files."""

import contextlib
import os
import pwd
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ACCOUNT = "embedded_postgres"


class EmbeddedServerError(Exception):
    """The server cannot run here; the message says what to do."""


@dataclass(frozen=True)
class Account:
    """A system account; `switch` tells whether programs have to be started as it."""

    uid: int
    gid: int
    switch: bool

    @classmethod
    def for_data(cls, data_dir: Path) -> Self:
        """Whoever runs this, except root, as whom PostgreSQL refuses to run: then the data's owner or an own account."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switch=False)
        owner = data_dir.stat().st_uid
        entry = pwd.getpwuid(owner) if owner else own_account()
        return cls(entry.pw_uid, entry.pw_gid, switch=True)

    def for_subprocess(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}

    def take_over(self, directory: Path) -> None:
        """Make the folder this account's own and private. Raises EmbeddedServerError when it is somebody else's."""
        directory.mkdir(mode=0o700, exist_ok=True)
        if self.switch and directory.lstat().st_uid == 0:
            os.chown(directory, self.uid, self.gid, follow_symlinks=False)
        status = directory.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != self.uid:
            raise EmbeddedServerError(
                f"{directory} must be a folder of {user_name(self.uid)}. Remove it and start again."
            )
        directory.chmod(0o700)


def own_account() -> pwd.struct_passwd:
    for _ in range(20):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(ACCOUNT)
        options = ["--system", "--no-create-home", "--home-dir=/nonexistent", "--shell=/usr/sbin/nologin"]
        subprocess.run(["useradd", *options, ACCOUNT], check=False)  # noqa: S607  # its place varies
        time.sleep(0.1)
    raise EmbeddedServerError(
        f"The account {ACCOUNT} cannot be created. Run as an ordinary user instead of root."
    )


def let_through(path: Path) -> None:
    """Search permission, and no more, on the folders above, for the account that the server runs as."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def require_own_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{data_dir} cannot be created by {user_name(os.geteuid())}. Set DATA_DIR to a folder you may write to."
        ) from error
    owner = data_dir.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise EmbeddedServerError(
            f"{data_dir} belongs to {user_name(owner)} and you are {user_name(os.geteuid())}. "
            f"Run as {user_name(owner)}, remove that folder, or set DATA_DIR to another one."
        )


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
