import CLosses
import CTopKLoss

/// One of the header's losses: the members of its options, by the header's names, and how it is created.
struct LossType: @unchecked Sendable {
  let name: String
  let size: Int
  let members: [option_member]
  fileprivate let functions: loss_type

  static let all: [LossType] = (0..<Int32(LOSS_TYPES)).compactMap {
    loss_type_at($0).map { LossType($0.pointee) }
  }

  private init(_ type: loss_type) {
    name = String(cString: type.name)
    size = type.size
    members = Array(UnsafeBufferPointer(start: type.members, count: Int(type.member_count)))
    functions = type
  }

  static func named(_ name: String) -> LossType {
    guard let type = all.first(where: { $0.name == name }) else {
      preconditionFailure("no loss \(name)")
    }
    return type
  }

  func member(_ name: String) -> option_member? {
    members.first { String(cString: $0.name) == name }
  }

  func initialize(_ options: UnsafeMutableRawPointer?, _ size: Int) -> topkloss_status {
    functions.initialize(options, size)
  }

  func create(
    _ options: UnsafeRawPointer?, _ handle: UnsafeMutablePointer<OpaquePointer?>?
  ) -> topkloss_status {
    functions.create(options, handle)
  }
}

extension option_member {
  enum Kind: Int32 { case number, integer, word, code, vector, classes }

  var text: String { String(cString: name) }

  var type: Kind? { Kind(rawValue: kind) }
}

/// A value of an option, as tests write it down.
enum Option: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral
{
  case number(Double)
  case integer(Int64)
  case vector([Double])

  init(floatLiteral number: Double) { self = .number(number) }
  init(integerLiteral number: Int64) { self = .integer(number) }
  init(arrayLiteral numbers: Double...) { self = .vector(numbers) }

  var number: Double {
    switch self {
    case .number(let number): number
    case .integer(let number): Double(number)
    case .vector: .nan
    }
  }

  var integer: Int64 {
    if case .integer(let number) = self { return number }
    return Int64(exactly: number) ?? 0
  }
}

/// Options in memory, as the interface takes them: defaults at first.
final class LossOptions {
  private let type: LossType
  private let memory: Memory
  private var vectors: [Memory] = []

  init(_ type: LossType) throws {
    self.type = type
    memory = Memory([UInt8](repeating: 0, count: type.size))
    try check(type.initialize(memory.address, type.size))
  }

  var address: UnsafeMutableRawPointer { memory.address }

  func set(_ member: option_member, _ option: Option) {
    let place = address + member.offset
    switch member.type {
    case .number: place.storeBytes(of: option.number, as: Double.self)
    case .integer, .classes: place.storeBytes(of: option.integer, as: Int64.self)
    case .word: place.storeBytes(of: UInt64(bitPattern: option.integer), as: UInt64.self)
    case .code: place.storeBytes(of: Int32(truncatingIfNeeded: option.integer), as: Int32.self)
    case .vector, nil:
      guard case .vector(let numbers) = option else { return }
      let memory = Memory(numbers)
      vectors.append(memory)
      place.storeBytes(of: UnsafeRawPointer(memory.address), as: UnsafeRawPointer.self)
    }
  }

  /// A number as it stands there; NaN of a vector.
  func number(_ member: option_member) -> Double {
    let place = address + member.offset
    switch member.type {
    case .number: return place.load(as: Double.self)
    case .integer, .classes: return Double(place.load(as: Int64.self))
    case .word: return Double(place.load(as: UInt64.self))
    case .code: return Double(place.load(as: Int32.self))
    case .vector, nil: return .nan
    }
  }
}

/// A loss handle, freed with its last reference. Handles may be used by many threads at once.
final class Loss: @unchecked Sendable {
  let handle: OpaquePointer

  /// - Parameter create: one of the create functions, with its options filled in.
  init(_ create: (UnsafeMutablePointer<OpaquePointer?>) -> topkloss_status) throws {
    var created: OpaquePointer?
    try check(create(&created))
    guard let created else { throw NoHandle() }
    handle = created
  }

  deinit { topkloss_loss_destroy(handle) }

  /// A create function said that it succeeded and gave nothing.
  struct NoHandle: Error {}
}
