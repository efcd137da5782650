"""Numba's files of compiled code, with a digest in each: damaged code is compiled again.

Numba reads truncated or changed files without checks: unpickling fails, or the process crashes in what is no
longer its code. It also fails if a file can't be written, for example on a full disk.
"""

import hashlib
import pickle
from contextlib import suppress

# Numba does not promise to keep these; tests/test_native.py tells when one has gone.
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc
from numba.core.runtime import rtsys

from breze_like.native.parts import Whole

N_DIGEST = hashlib.sha256().digest_size


def make_cfunc(signature, function, options):
    """What `numba.cfunc` gives with a cache, but for such files, and before it is compiled."""
    types = signature.args, signature.return_type
    code = CFunc(function, types, locals={}, options=options, pipeline_class=Whole)
    code._cache = _Cache(function)
    use_digests(code)
    return code


def is_kept(code):
    """Whether what `make_cfunc` gives is in the cache."""
    key = code._cache._index_key(code._sig, code._targetdescr.target_context.codegen())
    return code._cache._cache_file.load(key) is not None


def use_digests(code):
    """Have what Numba compiles, and keeps, be kept in such files."""
    code._cache._cache_file.__class__ = _CheckedFile


class _Cache(FunctionCache):
    def load_overload(self, signature, context):
        """Numba would get ready to compile, before it looks whether it has to, and not just to allocate."""
        rtsys.initialize(context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(signature, context)


class _CheckedFile(IndexDataCacheFile):
    """An index and its data, each followed by its digest, which `pickle` does not read."""

    def save(self, key, data):
        """Keep it, if that is possible."""
        with suppress(OSError):
            super().save(key, data)

    def _dump(self, obj):
        content = super()._dump(obj)
        return content + hashlib.sha256(content).digest()

    def _load_index(self):
        """The names of data files by their keys, none if the index is damaged."""
        try:
            with open(self._index_path, "rb") as file:
                pickle.load(file)  # the version
                _check(file.read())
            return super()._load_index()
        except Exception:  # unpickling of what is damaged raises any
            return {}

    def _load_data(self, name):
        """Raise OSError if it is damaged: then it counts as missing."""
        with open(self._data_path(name), "rb") as file:
            _check(file.read())
        return super()._load_data(name)


def _check(content):
    if hashlib.sha256(content[:-N_DIGEST]).digest() != content[-N_DIGEST:]:
        raise OSError("damaged")
