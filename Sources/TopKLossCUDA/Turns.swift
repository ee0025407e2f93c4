import CDevice

/// Rows whose elements do not lie one after another: copied into the workspace before kernels see them, and gradients back.
struct Turns {
  // Of logits and of the second matrix.
  private var first: DeviceTurn?
  private var second: DeviceTurn?
  private var firstBack: DeviceTurn?
  private var secondBack: DeviceTurn?
  private var kernel = Self.kernel(elementBytes: 4)

  static func kernel(elementBytes: Int) -> Kernel {
    Kernel(
      .turn, elementBytes == 4 ? "topk_turn_4" : "topk_turn_2", threads: 256,
      sharedBytes: Int(TOPK_DEVICE_TURN_BYTES))
  }

  /// Takes room for what is to be turned, and has the call look there.
  mutating func plan(
    _ call: inout TopkDeviceCall, _ description: TopkDeviceDescription, _ memory: inout Workspace
  ) {
    let elementBytes = call.dtype == TOPK_DEVICE_FLOAT32 ? 4 : 2
    kernel = Self.kernel(elementBytes: elementBytes)
    let room = Room(
      rows: Int(call.rows), classes: Int(call.classes), elementBytes: elementBytes)
    first = room.plan(&call.logits, description.logits, isBack: false, &memory)
    second = room.plan(&call.second, description.second, isBack: false, &memory)
    firstBack = room.plan(&call.gradient, description.gradient, isBack: true, &memory)
    secondBack = room.plan(
      &call.second_gradient, description.second_gradient, isBack: true, &memory)
  }

  mutating func turn<L: Launches>(_ launches: inout L) throws(Fault) {
    try launch(first, &launches)
    try launch(second, &launches)
  }

  mutating func turnBack<L: Launches>(_ launches: inout L) throws(Fault) {
    try launch(firstBack, &launches)
    try launch(secondBack, &launches)
  }

  private static let mostBlocks = 1 << 16

  private func launch<L: Launches>(_ turn: DeviceTurn?, _ launches: inout L) throws(Fault) {
    guard var turn else { return }
    let tiles = ((Int(turn.rows) &+ 31) / 32).multipliedReportingOverflow(
      by: (Int(turn.classes) &+ 31) / 32)
    try withUnsafeMutablePointer(to: &turn) { turn throws(Fault) in
      try launches.launch(
        kernel, blocks: tiles.overflow ? Self.mostBlocks : min(tiles.partialValue, Self.mostBlocks),
        UnsafeMutableRawPointer(turn))
    }
  }
}

/// Of a matrix in the workspace.
private struct Room {
  let rows: Int
  let classes: Int
  let elementBytes: Int

  /// Nil where kernels can read or write a matrix as it is, or there is none.
  func plan(
    _ matrix: inout DeviceMatrix, _ layout: DeviceLayout, isBack: Bool, _ memory: inout Workspace
  ) -> DeviceTurn? {
    guard let given = matrix.elements, layout.is_plain == 0 else { return nil }
    let (count, isTooMany) = rows.multipliedReportingOverflow(by: classes)
    let copy = memory.take(isTooMany ? Int.max : count, of: elementBytes)
    matrix = DeviceMatrix(elements: copy ?? given, stride: Int64(classes))
    guard let copy else { return nil }
    var layout = layout
    layout.rows_per_group = max(layout.rows_per_group, 1)
    return DeviceTurn(
      source: isBack ? copy : given, target: isBack ? given : copy, is_back: isBack ? 1 : 0,
      rows: Int64(rows), classes: Int64(classes), layout: layout)
  }
}
