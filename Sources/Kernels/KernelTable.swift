import CKernels

// The one symbol that a kernel module exports: its table. Written out, because a C function pointer cannot be made
// from a closure that depends on a generic parameter.

private func makeKernelTable() -> KernelTable {
  KernelTable(
    float32: ElementKernels(
      softmax_margin: { softmaxMargin($0.pointee, Float32Element.self) },
      noised_topk: { noisedTopK($0.pointee, Float32Element.self) },
      first_not_finite: { Int64(firstNotFinite($0, Int($1), Float32Element.self)) },
      classes_before: { Int64(classesBefore($0, Int($1), Int($2), Float32Element.self)) },
      add_offset: { addOffset($0, $1, $2, Int($3), Float32Element.self) },
      store: { store($0, $1, Int($2), Float32Element.self) }),
    float64: ElementKernels(
      softmax_margin: { softmaxMargin($0.pointee, Float64Element.self) },
      noised_topk: { noisedTopK($0.pointee, Float64Element.self) },
      first_not_finite: { Int64(firstNotFinite($0, Int($1), Float64Element.self)) },
      classes_before: { Int64(classesBefore($0, Int($1), Int($2), Float64Element.self)) },
      add_offset: { addOffset($0, $1, $2, Int($3), Float64Element.self) },
      store: { store($0, $1, Int($2), Float64Element.self) }),
    float16: ElementKernels(
      softmax_margin: { softmaxMargin($0.pointee, Float16Element.self) },
      noised_topk: { noisedTopK($0.pointee, Float16Element.self) },
      first_not_finite: { Int64(firstNotFinite($0, Int($1), Float16Element.self)) },
      classes_before: { Int64(classesBefore($0, Int($1), Int($2), Float16Element.self)) },
      add_offset: { addOffset($0, $1, $2, Int($3), Float16Element.self) },
      store: { store($0, $1, Int($2), Float16Element.self) }),
    bfloat16: ElementKernels(
      softmax_margin: { softmaxMargin($0.pointee, BFloat16Element.self) },
      noised_topk: { noisedTopK($0.pointee, BFloat16Element.self) },
      first_not_finite: { Int64(firstNotFinite($0, Int($1), BFloat16Element.self)) },
      classes_before: { Int64(classesBefore($0, Int($1), Int($2), BFloat16Element.self)) },
      add_offset: { addOffset($0, $1, $2, Int($3), BFloat16Element.self) },
      store: { store($0, $1, Int($2), BFloat16Element.self) }),
    standard_normal: { seed, step, row, sample, classes, noise in
      RowNoise(seed: seed, step: step, row: row)
        .fill(noise, first: 0, count: Int(classes), sample: Int(sample))
    },
    noised_topk_scratch_bytes: { rank, samples in
      Int64(noisedTopKScratchBytes(rank: Int(rank), samples: Int(samples)))
    })
}

#if KERNELS_PORTABLE
  @_cdecl("topk_kernels_portable")
  public func topkKernelsPortable() -> KernelTable { makeKernelTable() }
#elseif KERNELS_AVX2
  @_cdecl("topk_kernels_avx2")
  public func topkKernelsAVX2() -> KernelTable { makeKernelTable() }
#elseif KERNELS_AVX512
  @_cdecl("topk_kernels_avx512")
  public func topkKernelsAVX512() -> KernelTable { makeKernelTable() }
#endif
