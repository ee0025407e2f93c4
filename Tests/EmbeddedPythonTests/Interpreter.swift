import CPython
import Foundation

/// The one Python interpreter of this process, started at first use and never stopped: extension
/// modules such as NumPy's do not survive a second start.
///
/// Between calls nobody holds the interpreter lock, so that any thread may call.
final class Interpreter: Sendable {
  /// Why there is no interpreter, or what an exception said.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The folder, or several with colons between them, where topkloss and NumPy are installed.
  static let siteVariable = "TOPKLOSS_TEST_SITE_PACKAGES"

  private static let started = Result { try Interpreter() }

  static func shared() throws -> Interpreter { try started.get() }

  private init() throws {
    guard let folders = ProcessInfo.processInfo.environment[Self.siteVariable], !folders.isEmpty
    else {
      throw Failure(
        description:
          "\(Self.siteVariable) is not set: it names the site-packages folder of a "
          + "virtual environment for Python \(PY_MAJOR_VERSION).\(PY_MINOR_VERSION) with topkloss, "
          + "numpy and ml_dtypes in it")
    }
    // The binding loads the very file that this program is linked with.
    setenv("TOPKLOSS_LIBRARY", try libraryFile(), 1)
    try Self.start()
    let ready = Result { try Self.prepare(folders.split(separator: ":").map(String.init)) }
    PyEval_SaveThread()
    try ready.get()
  }

  /// Starts an interpreter that leaves its host alone: no environment variables of Python's, no
  /// signal handlers, no start-up files.
  private static func start() throws {
    var config = PyConfig()
    PyConfig_InitIsolatedConfig(&config)
    defer { PyConfig_Clear(&config) }
    config.install_signal_handlers = 0
    config.site_import = 0
    let status = Py_InitializeFromConfig(&config)
    if PyStatus_Exception(status) != 0 {
      throw Failure(
        description: status.err_msg.map { String(cString: $0) } ?? "Python did not start")
    }
  }

  private static func prepare(_ folders: [String]) throws {
    guard let path = PySys_GetObject("path") else { throw exception() }
    for folder in folders {
      guard let text = PyUnicode_FromString(folder) else { throw exception() }
      defer { Py_DecRef(text) }
      if PyList_Append(path, text) != 0 { throw exception() }
    }
    try bridge.run()
  }

  private static let bridge = Bridge()

  /// Calls a function of the bridge with a text and returns the text that it returns.
  func call(_ function: String, _ argument: String = "") throws -> String {
    try withLock { try Self.bridge.call(function, argument) }
  }

  /// Runs a body with the interpreter lock held, from any thread.
  func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    let state = PyGILState_Ensure()
    defer { PyGILState_Release(state) }
    return try body()
  }

  /// The exception that has been raised, as text; afterwards it is forgotten.
  static func exception() -> Failure {
    var (type, value, trace): (PythonObject?, PythonObject?, PythonObject?)
    PyErr_Fetch(&type, &value, &trace)
    PyErr_NormalizeException(&type, &value, &trace)
    defer { for object in [type, value, trace] { Py_DecRef(object) } }
    guard let value, let text = PyObject_Repr(value) else {
      return Failure(description: "Python failed without an exception")
    }
    defer { Py_DecRef(text) }
    return Failure(description: PyUnicode_AsUTF8(text).map { String(cString: $0) } ?? "no text")
  }
}

typealias PythonObject = UnsafeMutablePointer<PyObject>
