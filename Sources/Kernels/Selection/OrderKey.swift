extension Float {
  /// A whole number in the order of the numbers, one for zeros of both signs, 0 for NaN alone.
  @inline(__always)
  var orderKey: UInt32 {
    let bits = (self + 0).bitPattern
    return isNaN ? 0 : bits &>> 31 == 1 ? ~bits : bits | 1 << 31
  }

  @inline(__always)
  init(orderKey key: UInt32) {
    self.init(bitPattern: key >> 31 == 1 ? key ^ (1 << 31) : ~key)
  }
}
