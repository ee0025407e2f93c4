import CTopKLoss
import CXLA

/// Why a call cannot be done: an error of XLA's, made where it was found.
struct Fault: Error {
  /// Its address: the error is passed on, whatever thread this runs on.
  private let address: Int

  var error: OpaquePointer? { OpaquePointer(bitPattern: address) }

  init(_ api: Interface, _ code: Int, message: UnsafePointer<CChar>) {
    var arguments = xla_error_create()
    arguments.struct_size = Int(XLA_ERROR_CREATE_SIZE)
    arguments.message = message
    arguments.code = Int32(truncatingIfNeeded: code)
    address = Int(bitPattern: api.functions.pointee.error_create(&arguments))
  }

  /// - Parameter format: of printf: a %.*s for the name, then up to two %lld.
  init(
    _ api: Interface, _ format: StaticString, _ name: Name, _ first: Int = 0, _ second: Int = 0,
    code: Int = Int(XLA_INVALID_ARGUMENT)
  ) {
    var made = 0
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
      guard let start = text.baseAddress else { return }
      xla_write_text(
        start, text.count, format.cString, name.start, name.count, Int64(first), Int64(second))
      made = Fault(api, code, message: start).address
    }
    address = made
  }

  /// What libtopkloss.so says of a call that it has refused.
  init(_ api: Interface, _ status: topkloss_status, _ library: Library) {
    let code =
      Int(status) == TOPKLOSS_ERROR_OUT_OF_MEMORY ? XLA_RESOURCE_EXHAUSTED : XLA_INVALID_ARGUMENT
    let unknown: StaticString = "topkloss: unknown error"
    self.init(api, Int(code), message: library.lastError() ?? unknown.cString)
  }

  static func noMemory(_ api: Interface) -> Fault {
    Fault(api, "topkloss: no memory%.*s", Name(""), code: Int(XLA_RESOURCE_EXHAUSTED))
  }
}

/// Text that need not end with a zero.
struct Name {
  let start: UnsafePointer<CChar>
  let count: Int

  init(_ text: StaticString) { (start, count) = (text.cString, text.utf8CodeUnitCount) }

  /// Labelled: a literal must not become a temporary copy that ends with the expression.
  init(cString text: UnsafePointer<CChar>) { (start, count) = (text, strlen(text)) }

  init(_ start: UnsafePointer<CChar>, count: Int) { (self.start, self.count) = (start, count) }

  init?(_ span: xla_span) {
    guard let start = span.start, span.count <= 1 << 30 else { return nil }
    self.init(start, count: span.count)
  }

  static func == (left: Name, right: Name) -> Bool {
    left.count == right.count && memcmp(left.start, right.start, left.count) == 0
  }

  static func == (left: Name, right: StaticString) -> Bool { left == Name(right) }
}

extension StaticString {
  /// The text as C has it.
  var cString: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
