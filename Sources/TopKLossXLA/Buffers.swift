import CXLA

/// The arrays of a list, to be taken by what they are.
struct Buffers {
  private let api: Interface
  private let list: xla_arguments
  private let words: Name
  private var taken = 0

  /// - Parameter words: what they are, in order, with a space between.
  init(_ api: Interface, _ list: xla_arguments, _ words: Name) throws(Fault) {
    guard list.struct_size >= Int(XLA_ARGUMENTS_SIZE), list.count >= 0,
      list.count == 0 || (list.types != nil && list.values != nil)
    else { throw Fault(api, "topkloss: the frame's %.*s are not as XLA has them", Name("arrays")) }
    (self.api, self.list, self.words) = (api, list, words)
  }

  /// The array of that name, if there is one.
  mutating func take(_ name: StaticString) throws(Fault) -> xla_buffer? {
    var (index, start) = (0, 0)
    while start < words.count {
      var end = start
      while end < words.count, words.start[end] != CChar(UInt8(ascii: " ")) { end += 1 }
      let word = Name(words.start + start, count: end - start)
      if word == name {
        taken += 1
        return try buffer(index, word)
      }
      (index, start) = (index + 1, end + 1)
    }
    return nil
  }

  /// Sees that no array is left, one of no name or of a name that another has.
  func checkAllTaken() throws(Fault) {
    guard taken == Int(list.count) else {
      throw Fault(
        api, "topkloss: of the call's arrays, %.*s, there are %lld, of which %lld have a meaning",
        words, Int(list.count), taken)
    }
  }

  private func buffer(_ index: Int, _ word: Name) throws(Fault) -> xla_buffer {
    guard index < Int(list.count), list.types[index] == Int32(XLA_BUFFER),
      let place = list.values[index]
    else { throw Fault(api, "topkloss: the call has no array for %.*s", word) }
    let buffer = place.assumingMemoryBound(to: xla_buffer.self).pointee
    guard buffer.struct_size >= Int(XLA_BUFFER_SIZE), buffer.rank >= 0, buffer.rank <= 64,
      buffer.rank == 0 || buffer.dims != nil
    else { throw Fault(api, "topkloss: %.*s is no array as XLA has them", word) }
    for axis in 0..<Int(buffer.rank) where buffer.dims[axis] < 0 {
      throw Fault(api, "topkloss: an axis of %.*s is %lld long", word, Int(buffer.dims[axis]))
    }
    return buffer
  }
}
