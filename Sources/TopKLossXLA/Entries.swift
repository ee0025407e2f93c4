// swift-format-ignore-file: AlwaysUseLowerCamelCase
// Entry points have the names that the C header gives them.

import CTopKLossXLA
import CXLA

@implementation @_cdecl("topkloss_xla_instantiate")
public func topkloss_xla_instantiate(_ call_frame: OpaquePointer!) -> OpaquePointer! {
  handle(call_frame, XLA_INSTANTIATE) { (frame, api) throws(Fault) in
    let attributes = try Attributes(api, frame.attributes)
    let library = try Library.required(api)
    let loss = try makeLoss(api, attributes, library)
    var isKept = false
    defer { if !isKept { library.destroy(loss.handle) } }
    isKept = try State.keep(loss, frame, api)
  }
}

@implementation @_cdecl("topkloss_xla_evaluate")
public func topkloss_xla_evaluate(_ call_frame: OpaquePointer!) -> OpaquePointer! {
  handle(call_frame, XLA_EXECUTE) { (frame, api) throws(Fault) in
    let attributes = try Attributes(api, frame.attributes)
    let library = try Library.required(api)
    let kept = State.loss(frame, api)
    let loss: MadeLoss
    if let kept { loss = kept } else { loss = try makeLoss(api, attributes, library) }
    defer { if kept == nil { library.destroy(loss.handle) } }
    let call = try Call(frame, api, attributes, samples: loss.samples)
    try evaluate(call, loss.handle, library, api)
  }
}

/// What both stages do with a frame: answers the question for the version, and checks the rest.
private func handle(
  _ frame: OpaquePointer?, _ stage: some BinaryInteger,
  _ body: (xla_call_frame, Interface) throws(Fault) -> Void
) -> OpaquePointer? {
  guard let frame = frame.map({ UnsafeMutablePointer<xla_call_frame>($0) }),
    frame.pointee.struct_size >= Int(XLA_FRAME_HEAD_SIZE)
  else { return nil }
  if let question = question(frame.pointee.extension_start) {
    answer(question, Interface(frame), isStateful: stage == XLA_INSTANTIATE)
    return nil
  }
  guard let api = Interface(frame) else { return nil }
  do throws(Fault) {
    guard frame.pointee.struct_size >= Int(XLA_FRAME_SIZE) else {
      throw Fault(
        api, "topkloss: the %.*s has %lld bytes, and must have %lld", Name("frame of the call"),
        Int(frame.pointee.struct_size), Int(XLA_FRAME_SIZE))
    }
    guard Int(frame.pointee.stage) == Int(stage) else {
      throw Fault(
        api, "topkloss: the %.*s is %lld, and this handler is for %lld", Name("stage"),
        Int(frame.pointee.stage), Int(stage))
    }
    try body(frame.pointee, api)
    return nil
  } catch {
    return error.error
  }
}

/// XLA's question for the version, wherever it stands among the extensions of a frame.
private func question(
  _ first: UnsafeMutablePointer<xla_extension>?
) -> UnsafePointer<xla_metadata_extension>? {
  var next = first
  // No more than a circle would have.
  for _ in 0..<64 {
    guard let one = next, one.pointee.struct_size >= Int(XLA_EXTENSION_SIZE) else { return nil }
    if one.pointee.type == Int32(XLA_METADATA_EXTENSION) {
      return UnsafeRawPointer(one).assumingMemoryBound(to: xla_metadata_extension.self)
    }
    next = one.pointee.next
  }
  return nil
}

private func answer(
  _ question: UnsafePointer<xla_metadata_extension>, _ api: Interface?, isStateful: Bool
) {
  guard let metadata = question.pointee.metadata,
    metadata.pointee.struct_size >= Int(XLA_METADATA_SIZE)
  else { return }
  // XLA of 0.1 asks without its functions.
  let minor = api.map { $0.minorVersion ?? Int(XLA_NEWEST_MINOR) } ?? Int(XLA_OLDEST_MINOR)
  metadata.pointee.api_version = xla_api_version(
    struct_size: Int(XLA_API_VERSION_SIZE), extension_start: nil,
    major_version: Int32(XLA_MAJOR), minor_version: Int32(minor))
  metadata.pointee.traits = 0
  let number = isStateful ? api.map(State.register) ?? 0 : 0
  // Before 0.2 there is no room for it, of which the size says nothing.
  if minor > 1 { metadata.pointee.state_type_id = xla_type_id(number: Int64(number)) }
}
