import CTopKLoss
import Testing

// struct_size tells the library which version of a struct the caller was compiled with. A longer
// struct, of a newer header, is welcome as long as the members that this library does not know are
// zero.

@Suite struct `Structs may grow, and sizes that cannot be are refused` {
  private static let room = 512

  /// Memory that holds `size` as struct_size, 0 up to that size, and the sentinel beyond.
  private func withStruct(
    _ kind: StructKind, size: Int, _ body: (UnsafeMutableRawPointer) throws -> Void
  ) rethrows {
    let memory = Memory([UInt8](repeating: Matrix.sentinel, count: Self.room))
    memory.address.initializeMemory(as: UInt8.self, repeating: 0, count: min(size, Self.room))
    memory.address.storeBytes(of: size, as: Int.self)
    try body(memory.address)
  }

  @Test(arguments: StructKind.all)
  func `the size of its own version is accepted`(kind: StructKind) throws {
    try withStruct(kind, size: kind.size) { try kind.use($0) }
  }

  @Test(arguments: StructKind.all)
  func `a longer struct with a tail of zeros is accepted`(kind: StructKind) throws {
    for extra in [8, 16, 200] {
      try withStruct(kind, size: kind.size + extra) { try kind.use($0) }
    }
  }

  @Test(arguments: StructKind.all)
  func `a longer struct with members that are not known is refused`(kind: StructKind) {
    for (extra, place) in [(8, 0), (8, 7), (200, 100), (200, 199)] {
      withStruct(kind, size: kind.size + extra) { memory in
        memory.storeBytes(of: 1, toByteOffset: kind.size + place, as: UInt8.self)
        expectFailure(
          .structSize, naming: ["\(kind.argument).struct_size", "\(kind.size + extra)"]
        ) {
          try kind.use(memory)
        }
      }
    }
  }

  @Test(arguments: StructKind.all)
  func `sizes below the first version's and beyond all reason are refused`(kind: StructKind) {
    for size in [0, 1, 7, 8, kind.size - 8, kind.size - 1, Int.max, -1] {
      withStruct(kind, size: kind.size) { memory in
        memory.storeBytes(of: size, as: Int.self)
        let words = [
          "\(kind.argument).struct_size", "\(UInt(bitPattern: size))", "\(kind.size)",
        ]
        expectFailure(.structSize, naming: words) { try kind.use(memory) }
      }
    }
  }

  @Test(arguments: StructKind.all)
  func `an init function writes the size that it is given and nothing beyond`(
    kind: StructKind
  ) throws {
    guard let initialize = kind.initialize else { return }
    for size in [kind.size, kind.size + 8, kind.size + 200] {
      let memory = Memory([UInt8](repeating: Matrix.sentinel, count: Self.room))
      try check(initialize(memory.address, size))
      #expect(memory.address.load(as: Int.self) == size)
      let bytes = UnsafeRawBufferPointer(start: memory.address, count: Self.room)
      #expect(bytes[kind.size..<size].allSatisfy { $0 == 0 })
      #expect(bytes[size...].allSatisfy { $0 == Matrix.sentinel })
      try kind.use(memory.address)
    }
  }

  @Test(arguments: StructKind.all)
  func `an init function refuses sizes that cannot be, and writes nothing`(kind: StructKind) {
    guard let initialize = kind.initialize else { return }
    for size in [0, 1, 7, 8, kind.size - 1, Int.max, -1] {
      let memory = Memory([UInt8](repeating: Matrix.sentinel, count: Self.room))
      expectFailure(.structSize, naming: ["struct_size", "\(UInt(bitPattern: size))"]) {
        try check(initialize(memory.address, size))
      }
      let bytes = UnsafeRawBufferPointer(start: memory.address, count: Self.room)
      #expect(bytes.allSatisfy { $0 == Matrix.sentinel })
    }
  }
}
