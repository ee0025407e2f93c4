import CTopKLoss
import Foundation
import Testing

@Suite(.enabled(if: InstructionSet.isFirst)) struct `The library says what it is` {
  @Test func `its version is the header's, and it comes out of a shared object of its own`() throws
  {
    #expect(String(cString: topkloss_version()) == TOPKLOSS_VERSION)
    #expect(topkloss_abi_version() == TOPKLOSS_ABI_VERSION)
    // Were its code linked into this program, the tests would not be about the file that is shipped.
    #expect(try libraryFile().hasSuffix("/libtopkloss.so"))
    #expect(try mappedLibraries().count == 1)
    #expect(["avx512", "avx2", "portable", "neon"].contains(String(cString: topkloss_simd())))
  }

  @Test func `every status has a name`() {
    let names = [
      "OK", "ERROR_NULL_POINTER", "ERROR_STRUCT_SIZE", "ERROR_SIZE", "ERROR_ENUMERATOR",
      "ERROR_OPTION", "ERROR_CLASS_COUNT", "ERROR_LABEL", "ERROR_NOT_FINITE", "ERROR_ALIASING",
      "ERROR_OUT_OF_MEMORY", "ERROR_EXECUTOR", "ERROR_DEVICE", "ERROR_UNSUPPORTED",
    ]
    for (status, name) in names.enumerated() {
      #expect(String(cString: topkloss_status_name(Int32(status))) == "TOPKLOSS_\(name)")
    }
    for status in [14, -1, Int32.max, .min] {
      #expect(String(cString: topkloss_status_name(status)) == "unknown status")
    }
  }
}

@Suite(.enabled(if: InstructionSet.isFirst)) struct `The last error belongs to its thread` {
  private static var message: String { String(cString: topkloss_last_error()) }

  private final class Box<Content>: @unchecked Sendable { var content: Content? }

  /// Runs a body on a thread of its own and waits for it.
  private func onNewThread<Result: Sendable>(
    _ body: @escaping @Sendable () -> Result
  ) throws -> Result {
    let box = Box<Result>()
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      box.content = body()
      done.signal()
    }
    thread.start()
    done.wait()
    return try #require(box.content)
  }

  @Test func `it survives calls that succeed and yields to the next that fails`() throws {
    let size = MemoryLayout<topkloss_batch>.size
    var batch = topkloss_batch()
    #expect(topkloss_batch_init(&batch, 3) == 2)
    let (mine, address) = (Self.message, topkloss_last_error())
    let messages = try onNewThread {
      var batch = topkloss_batch()
      var messages = [Self.message]
      for size in [5, -1, size, 7] {
        _ = size < 0 ? topkloss_batch_init(nil, 0) : topkloss_batch_init(&batch, size)
        messages.append(Self.message)
      }
      return messages
    }
    #expect(messages[0].isEmpty && messages[1].contains("5") && messages[2].contains("batch"))
    #expect(messages[3] == messages[2] && messages[4].contains("7"))
    // Neither the other thread's failures nor success move this one's.
    #expect(topkloss_batch_init(&batch, size) == 0)
    #expect(Self.message == mine && topkloss_last_error() == address && mine.contains("3"))
  }

  @Test func `threads come and go without end`() throws {
    for size in 0..<200 {
      let message = try onNewThread {
        var batch = topkloss_batch()
        _ = topkloss_batch_init(&batch, size % 100)
        return Self.message
      }
      #expect(message.contains("\(size % 100)"))
    }
  }
}
