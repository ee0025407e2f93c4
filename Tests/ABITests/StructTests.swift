import CTopKLoss
import Testing

// struct_size tells the library which version of a struct the caller was compiled with. A longer struct, of a newer
// header, is welcome as long as the members that this library does not know are zero.

/// One of the interface's structs: how big it is, how it is initialised, and a call that reads it.
struct StructKind: Sendable, CustomStringConvertible {
  /// What messages call it.
  let argument: String
  let description: String
  let size: Int
  let initialize: @Sendable (UnsafeMutableRawPointer?, Int) -> topkloss_status
  /// Sets what has no default and makes a call with the struct; struct_size stays as it is.
  let use: @Sendable (UnsafeMutableRawPointer) throws -> Void

  static let all =
    LossType.all.compactMap { type in
      LossCase.kinds(classes: 3).first { $0.name == type.name }.map(StructKind.init)
    } + others

  /// Options of a loss.
  private init(_ loss: LossCase) {
    let type = loss.type
    (argument, description, size) = ("options", loss.name, type.size)
    initialize = { type.initialize($0, $1) }
    use = { address in
      let good = try loss.memory()
      try withExtendedLifetime(good) {
        // Everything but struct_size, the first member.
        (address + 8).copyMemory(from: good.address + 8, byteCount: type.size - 8)
        _ = try Loss { type.create(address, $0) }
      }
    }
  }

  private init<Struct>(
    _ argument: String, _ type: Struct.Type,
    _ initialize: @escaping @Sendable (UnsafeMutablePointer<Struct>?, Int) -> topkloss_status,
    use: @escaping @Sendable (UnsafeMutablePointer<Struct>, Stage, Loss) throws -> Void
  ) {
    (self.argument, description, size) = (argument, "\(type)", MemoryLayout<Struct>.size)
    self.initialize = { initialize($0?.assumingMemoryBound(to: Struct.self), $1) }
    self.use = { address in
      let stage = try Stage(Problem(random: 1, rows: 2, classes: 3))
      let loss = try LossCase("cross_entropy", classes: 3).make()
      try use(address.assumingMemoryBound(to: Struct.self), stage, loss)
    }
  }

  private nonisolated(unsafe) static let counts: UnsafePointer<Double> =
    UnsafePointer(Memory.forever([3.0, 2, 1]).numbers)

  private static let others = [
    StructKind(
      "batch", topkloss_batch.self, { topkloss_batch_init($0, $1) },
      use: { batch, stage, loss in
        (batch.pointee.rows, batch.pointee.classes) = (2, 3)
        (batch.pointee.logits, batch.pointee.labels) = (stage.batch.logits, stage.batch.labels)
        try check(topkloss_evaluate(loss.handle, batch, &stage.result))
      }),
    StructKind(
      "result", topkloss_result.self, { topkloss_result_init($0, $1) },
      use: { result, stage, loss in
        try check(topkloss_evaluate(loss.handle, &stage.batch, result))
      }),
    StructKind(
      "executor", topkloss_executor.self, { topkloss_executor_init($0, $1) },
      use: { executor, stage, loss in
        executor.pointee.parallel_for = { _, count, task, context in
          for index in 0..<count { task?(context, index) }
        }
        executor.pointee.concurrency = 2
        stage.batch.executor = UnsafePointer(executor)
        try stage.evaluate(loss)
      }),
    StructKind(
      "threshold", topkloss_threshold.self, { topkloss_threshold_init($0, $1) },
      use: { threshold, stage, _ in
        var ends = [Int64](repeating: 0, count: 3)
        try check(topkloss_predict_sets(threshold, 0, &stage.batch, &ends, nil, 0))
        try check(topkloss_average_k_threshold(1, &stage.batch, threshold))
      }),
    StructKind(
      "options", topkloss_logit_adjust_options.self, { topkloss_logit_adjust_options_init($0, $1) },
      use: { options, stage, _ in
        (options.pointee.classes, options.pointee.class_counts) = (3, counts)
        try check(topkloss_logit_adjust(options, &stage.batch, stage.gradient.address, 0))
      }),
    StructKind(
      "options", topkloss_topk_accuracy_options.self,
      { topkloss_topk_accuracy_options_init($0, $1) },
      use: { options, stage, _ in
        options.pointee.k = 1
        var accuracy = 0.0
        try check(topkloss_topk_accuracy(options, &stage.batch, &accuracy))
      }),
    StructKind(
      "options", topkloss_average_k_accuracy_options.self,
      { topkloss_average_k_accuracy_options_init($0, $1) },
      use: { options, stage, _ in
        options.pointee.k = 1
        var accuracy = 0.0
        try check(topkloss_average_k_accuracy(options, &stage.batch, &accuracy))
      }),
    StructKind(
      "options", topkloss_shot_accuracy_options.self,
      { topkloss_shot_accuracy_options_init($0, $1) },
      use: { options, stage, _ in
        (options.pointee.classes, options.pointee.class_counts) = (3, counts)
        options.pointee.k = 1
        var accuracies = [0.0, 0, 0]
        try check(topkloss_shot_accuracy(options, &stage.batch, &accuracies))
      }),
  ]
}

@Suite(.enabled(if: InstructionSet.isFirst))
struct `Structs may grow, and sizes that cannot be are refused` {
  private static let room = 512

  private func memory(_ kind: StructKind, size: Int, zeros: Int) -> Memory {
    let memory = Memory.forever([UInt8](repeating: Matrix.sentinel, count: Self.room))
    memory.address.initializeMemory(as: UInt8.self, repeating: 0, count: zeros)
    memory.address.storeBytes(of: size, as: Int.self)
    return memory
  }

  @Test(arguments: StructKind.all)
  func `its own size, and a longer one with a tail of zeros`(kind: StructKind) throws {
    for extra in [0, 8, 16, 200] {
      let size = kind.size + extra
      try kind.use(memory(kind, size: size, zeros: size).address)
      // An init function writes the size that it is given and nothing beyond.
      let written = Memory.forever([UInt8](repeating: Matrix.sentinel, count: Self.room))
      try check(kind.initialize(written.address, size))
      #expect(written.address.load(as: Int.self) == size)
      let bytes = UnsafeRawBufferPointer(start: written.address, count: Self.room)
      #expect(bytes[kind.size..<size].allSatisfy { $0 == 0 })
      #expect(bytes[size...].allSatisfy { $0 == Matrix.sentinel })
      try kind.use(written.address)
    }
  }

  @Test(arguments: StructKind.all)
  func `a longer one with members that are not known is refused`(kind: StructKind) {
    for (extra, place) in [(8, 0), (8, 7), (200, 100), (200, 199)] {
      let size = kind.size + extra
      let memory = memory(kind, size: size, zeros: size)
      memory.address.storeBytes(of: 1, toByteOffset: kind.size + place, as: UInt8.self)
      expectFailure(.structSize, naming: ["\(kind.argument).struct_size", "\(size)"]) {
        try kind.use(memory.address)
      }
    }
  }

  @Test(arguments: StructKind.all)
  func `sizes below the first version's and beyond all reason are refused`(kind: StructKind) {
    for size in [0, 1, 7, 8, kind.size - 8, kind.size - 1, Int.max, -1] {
      expectFailure(
        .structSize,
        naming: ["\(kind.argument).struct_size", "\(UInt(bitPattern: size))", "\(kind.size)"]
      ) { try kind.use(memory(kind, size: size, zeros: kind.size).address) }
      let untouched = Memory.forever([UInt8](repeating: Matrix.sentinel, count: Self.room))
      expectFailure(.structSize, naming: ["struct_size", "\(UInt(bitPattern: size))"]) {
        try check(kind.initialize(untouched.address, size))
      }
      let bytes = UnsafeRawBufferPointer(start: untouched.address, count: Self.room)
      #expect(bytes.allSatisfy { $0 == Matrix.sentinel })
    }
    expectFailure(.nullPointer, naming: [kind.argument]) {
      try check(kind.initialize(nil, kind.size))
    }
  }
}
