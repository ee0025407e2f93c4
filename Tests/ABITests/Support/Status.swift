import CTopKLoss

/// The status codes, with their numbers spelled out: they are part of the binary interface.
enum Status: Int32, CaseIterable, Sendable {
  case ok = 0
  case nullPointer = 1
  case structSize = 2
  case size = 3
  case enumerator = 4
  case option = 5
  case classCount = 6
  case label = 7
  case notFinite = 8
  case aliasing = 9
  case outOfMemory = 10
  case executor = 11
}

/// What a call that did not succeed said.
struct Failure: Error, CustomStringConvertible {
  let code: topkloss_status
  let message: String

  /// Reads this thread's message; call it right after the call that failed.
  init(_ code: topkloss_status) {
    self.code = code
    message = String(cString: topkloss_last_error())
  }

  var status: Status? { Status(rawValue: code) }

  var description: String { "\(String(cString: topkloss_status_name(code))): \(message)" }

  func names(_ words: [String]) -> Bool { words.allSatisfy(message.contains) }
}

/// Turns a status into a Swift error.
func check(_ code: topkloss_status) throws {
  if code != 0 { throw Failure(code) }
}
