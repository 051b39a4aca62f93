"""One way to write: aside, flushed to the disk, and renamed into place.

Whoever is killed, and however full the disk is: what was there stays whole until what is new is. What is being written lies in a
dot-folder beside its place, and its writer holds a lock on it, which the system releases when the writer dies. So the next who
writes there tells what the dead have left from what others are at, and removes it. Where there are no such locks (Windows, some
network file systems), left-overs stay.

whole_file(path)          a file
write_text, write_json    a file of text
whole_files(folder)       files that belong together; `settled(folder)` reads them
folder_aside, put_folder  a folder whose name is chosen when it is whole
Claim(folder)             the right to be the only one at work in a folder
check_free(folder)        refuses to write among somebody's own files
"""

from __future__ import annotations

from tfgen.writing._claims import Claim, check_free
from tfgen.writing._files import whole_file, write_json, write_text
from tfgen.writing._folders import folder_aside, put_folder, settled, whole_files

__all__ = [
    "Claim",
    "check_free",
    "folder_aside",
    "put_folder",
    "settled",
    "whole_file",
    "whole_files",
    "write_json",
    "write_text",
]
