import CTopKLoss
import Foundation
import Testing

@Suite struct `The last error belongs to its thread` {
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

  @Test func `it is empty on a thread where nothing has failed`() throws {
    #expect(topkloss_batch_init(nil, 136) == 1)
    let message = try onNewThread { Self.message }
    #expect(message.isEmpty)
  }

  @Test func `it survives calls that succeed and yields to the next that fails`() throws {
    let messages = try onNewThread {
      var batch = topkloss_batch()
      var messages: [String] = []
      _ = topkloss_batch_init(nil, 136)
      messages.append(Self.message)
      _ = topkloss_batch_init(&batch, 136)
      messages.append(Self.message)
      _ = topkloss_batch_init(&batch, 135)
      messages.append(Self.message)
      return messages
    }
    #expect(!messages[0].isEmpty)
    #expect(messages[1] == messages[0])
    #expect(messages[2].contains("135") && !messages[0].contains("135"))
  }

  @Test func `another thread's failure does not touch it`() throws {
    var batch = topkloss_batch()
    #expect(topkloss_batch_init(&batch, 3) == 2)
    let mine = Self.message
    let theirs = try onNewThread {
      var batch = topkloss_batch()
      _ = topkloss_batch_init(&batch, 5)
      return Self.message
    }
    #expect(Self.message == mine)
    #expect(mine.contains("3") && theirs.contains("5"))
  }

  @Test func `its text stays where it is until the next failure`() {
    var batch = topkloss_batch()
    #expect(topkloss_batch_init(&batch, 3) == 2)
    let address = topkloss_last_error()
    let text = Self.message
    #expect(topkloss_batch_init(&batch, 136) == 0)
    #expect(topkloss_last_error() == address)
    #expect(Self.message == text)
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
