import CDevice

/// The vectors of a loss that its kernels read, one after another: on the host to be written, on the device to be found again.
struct Constants {
  /// Where each vector begins; kernels load four float32 numbers at once, and others follow on lines of their own.
  private static let alignment = 256

  private(set) var bytes = 0

  /// Goes over the vectors of a call, in the one order that there is. The body gets where a vector of the host's is, its bytes,
  /// and where it begins among the constants; it returns where the kernels find it.
  static func visit(
    _ call: inout TopkDeviceCall,
    _ body: (_ numbers: UnsafeRawPointer, _ bytes: Int, _ start: Int) -> UnsafeRawPointer?
  ) -> Int {
    var constants = Constants()
    let classes = Int(call.classes)
    constants.visit(&call.softmax_margin.class_scale, classes, of: Float.self, body)
    constants.visit(&call.softmax_margin.offset, classes, of: Float.self, body)
    constants.visit(&call.softmax_margin.margin, classes, of: Double.self, body)
    constants.visit(&call.softmax_margin.smoothing, classes, of: Float.self, body)
    constants.visit(&call.softmax_margin.target_weight, classes, of: Float.self, body)
    constants.visit(&call.softmax_margin.target_margin, classes, of: Float.self, body)
    constants.visit(&call.softmax_margin.mitigation, classes, of: Float.self, body)
    constants.visit(&call.class_weight, classes, of: Double.self, body)
    constants.visit(&call.teacher, classes, of: Double.self, body)
    constants.visit(&call.noised_topk.class_margin, classes, of: Double.self, body)
    constants.visit(
      &call.topk_cross_entropy.weights, Int(call.topk_cross_entropy.k), of: Double.self, body)
    return constants.bytes
  }

  private mutating func visit<Number>(
    _ vector: inout DeviceVector, _ count: Int, of: Number.Type,
    _ body: (UnsafeRawPointer, Int, Int) -> UnsafeRawPointer?
  ) {
    guard let numbers = vector.numbers else { return }
    let size = count &* MemoryLayout<Number>.size
    vector.numbers = body(numbers, size, bytes)
    bytes = Workspace.aligned(bytes &+ size)
  }
}
