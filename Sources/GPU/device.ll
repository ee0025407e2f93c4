; What Sources/CGPU/gpu.h declares, on an NVIDIA GPU.
target triple = "nvptx64-nvidia-cuda"
@shared = external addrspace(3) global [0 x i8], align 16

define linkonce_odr i32 @gpu_thread() alwaysinline { %r = call i32 @llvm.nvvm.read.ptx.sreg.tid.x() ret i32 %r }
define linkonce_odr i32 @gpu_threads() alwaysinline { %r = call i32 @llvm.nvvm.read.ptx.sreg.ntid.x() ret i32 %r }
define linkonce_odr i32 @gpu_block() alwaysinline { %r = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x() ret i32 %r }
define linkonce_odr i32 @gpu_blocks() alwaysinline { %r = call i32 @llvm.nvvm.read.ptx.sreg.nctaid.x() ret i32 %r }
define linkonce_odr ptr @gpu_shared() alwaysinline { ret ptr addrspacecast (ptr addrspace(3) @shared to ptr) }
define linkonce_odr void @gpu_barrier() alwaysinline convergent { call void @llvm.nvvm.barrier0() ret void }
define linkonce_odr void @gpu_warp_barrier() alwaysinline convergent { call void @llvm.nvvm.bar.warp.sync(i32 -1) ret void }
define linkonce_odr i32 @gpu_shuffle_xor_u32(i32 %v, i32 %l) alwaysinline convergent {
  %r = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %v, i32 %l, i32 31) ret i32 %r }
define linkonce_odr i32 @gpu_shuffle_u32(i32 %v, i32 %l) alwaysinline convergent {
  %r = call i32 @llvm.nvvm.shfl.sync.idx.i32(i32 -1, i32 %v, i32 %l, i32 31) ret i32 %r }
; Put together by assembler: LLVM would shift and merge, four instructions for one.
define linkonce_odr i64 @gpu_shuffle_xor_u64(i64 %v, i32 %l) alwaysinline convergent {
  %halves = bitcast i64 %v to <2 x i32>
  %low = extractelement <2 x i32> %halves, i32 0
  %high = extractelement <2 x i32> %halves, i32 1
  %a = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %low, i32 %l, i32 31)
  %b = call i32 @llvm.nvvm.shfl.sync.bfly.i32(i32 -1, i32 %high, i32 %l, i32 31)
  %r = call i64 asm "mov.b64 $0, {$1, $2};", "=l,r,r"(i32 %a, i32 %b) nounwind memory(none)
  ret i64 %r }
define linkonce_odr i32 @gpu_ballot(i1 %v) alwaysinline convergent {
  %r = call i32 @llvm.nvvm.vote.ballot.sync(i32 -1, i1 %v) ret i32 %r }
define linkonce_odr float @gpu_fma(float %a, float %b, float %c) alwaysinline {
  %r = call float @llvm.fma.f32(float %a, float %b, float %c) ret float %r }
define linkonce_odr double @gpu_fma_f64(double %a, double %b, double %c) alwaysinline {
  %r = call double @llvm.fma.f64(double %a, double %b, double %c) ret double %r }
define linkonce_odr float @gpu_exp2(float %x) alwaysinline { %r = call float @llvm.nvvm.ex2.approx.ftz.f(float %x) ret float %r }
define linkonce_odr float @gpu_sqrt(float %x) alwaysinline { %r = call float @llvm.sqrt.f32(float %x) ret float %r }
define linkonce_odr float @gpu_max(float %a, float %b) alwaysinline {
  %r = call float @llvm.maxnum.f32(float %a, float %b) ret float %r }
; As assembler, or LLVM takes them apart and puts them together with the loads of single elements beside them.
define linkonce_odr <4 x float> @gpu_load4_f32(ptr %p) alwaysinline {
  %r = call { float, float, float, float } asm "ld.v4.f32 {$0, $1, $2, $3}, [$4];", "=f,=f,=f,=f,l"(ptr %p) nounwind memory(read)
  %a = extractvalue { float, float, float, float } %r, 0
  %b = extractvalue { float, float, float, float } %r, 1
  %c = extractvalue { float, float, float, float } %r, 2
  %d = extractvalue { float, float, float, float } %r, 3
  %v0 = insertelement <4 x float> poison, float %a, i32 0
  %v1 = insertelement <4 x float> %v0, float %b, i32 1
  %v2 = insertelement <4 x float> %v1, float %c, i32 2
  %v3 = insertelement <4 x float> %v2, float %d, i32 3
  ret <4 x float> %v3 }
define linkonce_odr i64 @gpu_load8(ptr %p) alwaysinline {
  %r = call i64 asm "ld.b64 $0, [$1];", "=l,l"(ptr %p) nounwind memory(read)
  ret i64 %r }

define linkonce_odr i32 @gpu_atomic_add_u32(ptr %p, i32 %v) alwaysinline {
  %r = atomicrmw add ptr %p, i32 %v monotonic ret i32 %r }

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ntid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.nctaid.x()
declare void @llvm.nvvm.barrier0()
declare void @llvm.nvvm.bar.warp.sync(i32)
declare i32 @llvm.nvvm.shfl.sync.bfly.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.shfl.sync.idx.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.vote.ballot.sync(i32, i1)
declare float @llvm.fma.f32(float, float, float)
declare double @llvm.fma.f64(double, double, double)
declare float @llvm.maxnum.f32(float, float)
declare float @llvm.nvvm.ex2.approx.ftz.f(float)
declare float @llvm.sqrt.f32(float)
