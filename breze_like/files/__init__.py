"""Reading and writing files: nothing on disk is lost, and what is damaged is named in one line."""

from breze_like.files.whole import (
    PathLike,
    alone,
    file_name,
    open_regular,
    replacing,
    sync,
    unfinished,
    writing,
)

__all__ = ["PathLike", "alone", "file_name", "open_regular", "replacing", "sync", "unfinished", "writing"]
