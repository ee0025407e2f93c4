import CSystem
import CTopKLoss

/// Why a call cannot be done: the status for the program, the message for the person.
struct Failure: Error {
  let status: topkloss_status
  let message: String

  static func nullPointer(_ name: StaticString) -> Failure {
    Failure(TOPKLOSS_ERROR_NULL_POINTER, "\(name) is NULL")
  }

  static func outOfMemory(bytes: Int) -> Failure {
    Failure(TOPKLOSS_ERROR_OUT_OF_MEMORY, "the system gave no memory for \(bytes) bytes")
  }

  static var infiniteWeights: Failure {
    Failure(TOPKLOSS_ERROR_NOT_FINITE, "the weights of all rows together are infinite")
  }

  static func notFinite(_ matrix: StaticString, _ row: Int, _ classIndex: Int64) -> Failure {
    Failure(TOPKLOSS_ERROR_NOT_FINITE, "\(matrix)[\(row), \(classIndex)] is NaN or +infinity")
  }

  /// A number, or the entry of that index, that is not what it must be. One place, for texts with values in them are large
  /// code.
  @inline(never)
  static func number(
    _ name: StaticString, _ value: Double, at index: Int? = nil, mustBe rule: StaticString,
    _ status: Int = TOPKLOSS_ERROR_OPTION
  ) -> Failure {
    Failure(
      status, "\(name)\(index.map { "[\($0)]" } ?? "") is \(text(value)): it must be \(rule)")
  }

  init(_ status: Int, _ message: @autoclosure () -> Message) {
    self.status = topkloss_status(truncatingIfNeeded: status)
    self.message = Memory.isShort ? "" : message().text
  }
}

/// Runs the body of an entry point: its failure becomes the status, and the thread's last error.
///
/// A host may round otherwise, flush subnormals or trap exceptions: its floating-point environment is put aside.
func reportingFailure(_ body: () throws(Failure) -> Void) -> topkloss_status {
  let environment = system_standard_arithmetic()
  let state = ThreadState.current()
  // Of a call that the host's executor may be in the middle of.
  let outer = state?.hostsArithmetic
  state?.hostsArithmetic = environment
  let status = attempt(body)
  if let outer { state?.hostsArithmetic = outer }
  system_restore_arithmetic(environment)
  return status
}

@inline(never)
private func attempt(_ body: () throws(Failure) -> Void) -> topkloss_status {
  do {
    try body()
    return topkloss_status(TOPKLOSS_OK)
  } catch {
    ThreadState.current()?.setLastError(error.message)
    return error.status
  }
}

/// The pointer, or the failure that names it.
func required<T>(
  _ pointer: UnsafePointer<T>?, _ name: StaticString
) throws(Failure) -> UnsafePointer<T> {
  guard let pointer else { throw .nullPointer(name) }
  return pointer
}

/// The pointer, or the failure that names it.
func required<T>(
  _ pointer: UnsafeMutablePointer<T>?, _ name: StaticString
) throws(Failure) -> UnsafeMutablePointer<T> {
  guard let pointer else { throw .nullPointer(name) }
  return pointer
}

/// The pointer, or the failure that names it.
func required(
  _ pointer: UnsafeRawPointer?, _ name: StaticString
) throws(Failure) -> UnsafeRawPointer {
  guard let pointer else { throw .nullPointer(name) }
  return pointer
}

extension StaticString {
  /// The text as C has it.
  var cString: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

/// A number as text, to nine significant digits.
func text(_ number: Double) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
    guard let base = buffer.baseAddress,
      system_format_double(base, buffer.count, number) > 0
    else { return "a number" }
    return String(cString: base)
  }
}
