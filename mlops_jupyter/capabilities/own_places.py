"""Places whose content is relied on, because nobody else can have put anything there."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path

from ..errors import ConfigurationError

_ACCESS_LIST = "system.posix_acl_access"


def check(project: Path, *places: Path) -> None:
    """Refuse places within a project that others could have put something into.

    Owners are this user and root. Root also works in the project of another user, whose code it runs there in any case.
    A place may be writable by a group that has nobody else in it, as is usual where each user has a group of his own.

    Parameters
    ----------
    project
        The project's directory.
    places
        Folders and files in it; those that are missing are passed over.

    Raises
    ------
    ConfigurationError
        When another user owns one or could write to it.
    """
    owners = {os.geteuid(), 0}
    if os.geteuid() == 0:
        owners.add(project.stat().st_uid)
    for place in places:
        try:
            # Who owns a link decides where it leads.
            link, found = place.lstat(), place.stat()
        except FileNotFoundError:
            continue
        if not {link.st_uid, found.st_uid} <= owners:
            raise ConfigurationError(f"{place} belongs to another user", f"ls -ld {place}")
        if found.st_mode & stat.S_IWOTH or (found.st_mode & stat.S_IWGRP and not _alone(place, found.st_gid, owners)):
            raise ConfigurationError(f"other users can write to {place}", f"chmod go-w {place}")


def _alone(place: Path, group: int, owners: set[int]) -> bool:
    """Tell whether nobody but the owners is in the group that can write to a place."""
    if _ACCESS_LIST in os.listxattr(place):
        # Then the group's right stands for that of everybody whom the list names.
        return False
    if group == 0:
        return True
    try:
        known = grp.getgrgid(group)
        members = {pwd.getpwnam(name).pw_uid for name in known.gr_mem}
        own = pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    primary = {one.pw_uid for one in pwd.getpwall() if one.pw_gid == group}
    # Users who are kept elsewhere need not be listed: then a group is its user's own where it has his name.
    named = own.pw_gid == group and own.pw_name == known.gr_name
    return (bool(primary) or named) and members | primary <= owners
