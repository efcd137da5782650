"""Numba's compiler for functions that are only parts of what XLA calls: see `functions.CALLED`.

Numba optimises each function that it compiles and turns it into machine code, in addition to its copies in
the functions that call it. Here, only unoptimised code is made of a part; a function that XLA calls is
optimised as a whole, with all its parts.
"""

# Numba does not promise to keep these; tests/test_native.py tells when one has gone.
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class Part(Compiler):
    """Compiles a function for those that call it."""

    def define_pipelines(self):
        self.state.library = _Part(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()


class Whole(Compiler):
    """Compiles a function with all that it calls, as if each of these were a function of its own."""

    def define_pipelines(self):
        library = _Whole(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        library.enable_object_caching()
        self.state.library = library
        return super().define_pipelines()


class _Part(JITCodeLibrary):
    @property
    def codegen(self):
        """In place of Numba's, which would look for variables of the machine code."""
        return self

    def set_env(self, name, environment):
        """Nothing: there is no machine code."""

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True


class _Whole(JITCodeLibrary):
    def finalize(self):
        self._own = [f.name for f in self._final_module.functions if not f.is_declaration]
        super().finalize()

    def _optimize_final_module(self):
        # Parts are its own. Else it would share them with what was compiled or loaded before, where they may
        # round differently: who compiles would compute other bits than who reads the cache.
        for function in self._final_module.functions:
            if not function.is_declaration and function.name not in self._own:
                function.linkage = "internal"
        super()._optimize_final_module()
