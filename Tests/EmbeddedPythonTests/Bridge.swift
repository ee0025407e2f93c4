import CPython

/// The Python side of the tests: a module whose functions take a text and return one.
struct Bridge {
  private let name = "topkloss_bridge"

  /// Arrays are the caller's own memory, given by address, so that neither side copies.
  private let source = """
    import ctypes
    import json
    import struct
    import sys
    import warnings

    import ml_dtypes  # makes bfloat16 known to NumPy
    import numpy as np
    import topkloss

    # The logits here are no cosines.
    warnings.filterwarnings("ignore", message=".*cosines")

    def _array(spec):
        raw = (ctypes.c_uint8 * spec["bytes"]).from_address(spec["address"])
        return np.frombuffer(raw, dtype=np.dtype(spec["dtype"])).reshape(spec["shape"])

    # The header's names without underscores are the classes' in small letters.
    # Not what is loaded on first use, the frameworks' modules.
    _LOSSES = {name.lower(): getattr(topkloss, name) for name in topkloss.__all__ if name.endswith("Loss")}

    def _call(name, options, arrays):
        if name != "noised_topk_operator":
            loss = _LOSSES[name.replace("_", "") + "loss"]
            return loss(**options).value_and_grad(**arrays)
        x, out = arrays.pop("logits"), arrays.pop("out")
        values = topkloss.noised_topk(x, **options, **arrays)
        gradient = topkloss.noised_topk_vjp(x, **options, **arrays, out=out)
        arrays["out"] = out
        return values, gradient

    def evaluate(text):
        request = json.loads(text)
        arrays = {name: _array(spec) for name, spec in request["arrays"].items()}
        row_values = arrays.pop("row_values")
        if request["in_place"]:
            arrays["out"] = arrays["logits"]
        if request["step"] is not None:
            arrays["step"] = request["step"]
            if "multi_label_out" in arrays:
                arrays["multi_label_out"] = arrays["multi_label_logits"]
        try:
            value, gradient = _call(request["loss"], request["options"], arrays)
        except topkloss.TopKLossError as error:
            return json.dumps({"error": str(error), "status": error.status})
        if "multi_label_out" in arrays:
            assert gradient[1] is arrays["multi_label_out"]
            gradient = gradient[0]
        assert gradient is arrays["out"]
        if request["options"].get("reduction", "none") == "none":
            row_values[:, 0] = value
            return json.dumps({})
        return json.dumps({"value": struct.pack(">d", value).hex()})

    def set_num_threads(count):
        try:
            topkloss.set_num_threads(int(count))
        except topkloss.TopKLossError as error:
            return str(error)
        return ""

    def get_num_threads(_):
        return str(topkloss.get_num_threads())

    def last_error(_):
        library = ctypes.CDLL(topkloss_file)
        library.topkloss_last_error.restype = ctypes.c_char_p
        return library.topkloss_last_error().decode()

    def simd(_):
        return topkloss.simd

    def set_switch_interval(seconds):
        sys.setswitchinterval(float(seconds))
        return ""

    import os
    topkloss_file = os.environ["TOPKLOSS_LIBRARY"]
    """

  /// Imports what the bridge needs and defines its functions. The interpreter lock is held.
  func run() throws {
    guard let module = PyImport_AddModule(name), let names = PyModule_GetDict(module),
      let builtins = PyEval_GetBuiltins()
    else { throw Interpreter.exception() }
    PyDict_SetItemString(names, "__builtins__", builtins)
    guard let code = Py_CompileString(source, name, Py_file_input) else {
      throw Interpreter.exception()
    }
    defer { Py_DecRef(code) }
    guard let result = PyEval_EvalCode(code, names, names) else { throw Interpreter.exception() }
    Py_DecRef(result)
  }

  /// Calls one of the functions above. The interpreter lock is held.
  func call(_ function: String, _ argument: String) throws -> String {
    guard let module = PyImport_AddModule(name),
      let callable = PyObject_GetAttrString(module, function)
    else { throw Interpreter.exception() }
    defer { Py_DecRef(callable) }
    guard let text = PyUnicode_FromString(argument) else { throw Interpreter.exception() }
    defer { Py_DecRef(text) }
    guard let result = PyObject_CallOneArg(callable, text) else { throw Interpreter.exception() }
    defer { Py_DecRef(result) }
    guard let answer = PyUnicode_AsUTF8(result) else { throw Interpreter.exception() }
    return String(cString: answer)
  }
}
