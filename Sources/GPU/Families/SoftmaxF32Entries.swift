import CDevice

@c(topk_softmax_margin_plain_f32)
public func softmaxMarginPlain(_ call: UnsafePointer<TopkDeviceCall>) {
  simpleSoftmax(call, PlainTransform.self, Float.self)
}

@c(topk_softmax_margin_offset_f32)
public func softmaxMarginOffset(_ call: UnsafePointer<TopkDeviceCall>) {
  simpleSoftmax(call, OffsetTransform.self, Float.self)
}
