// swift-tools-version: 6.2
import PackageDescription

// One shared library, written in Embedded Swift so that it needs libc alone (libm, libpthread and libdl are parts of it), in front of row kernels
// that are compiled once for every instruction set. The modules, from the outside in:
//
//   CTopKLoss      the C header: the contract, checked by the compiler against what implements it
//   TopKLoss       entry points, prepared losses, threads, errors
//   CKernels       the internal C header between TopKLoss and the kernels
//   Kernels<ISA>   the row kernels, the same sources for each instruction set
//   CSystem        what is used of libc, libm and pthread

let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"),
  // Sections that the linker can leave out: functions that a conformance brings along.
  .unsafeFlags([
    "-wmo", "-Xfrontend", "-function-sections",
    // Else every object carries a hash of what the compiler made on the way, the folder's path among it.
    "-Xfrontend", "-disable-incremental-llvm-codegen",
  ]),
]

/// The row kernels for one instruction set. `clangFlags` choose the processor for Swift code too.
func kernels(
  _ name: String, define: String, clangFlags: [String] = [], swiftFlags: [String] = []
) -> Target {
  .target(
    name: name,
    dependencies: ["CKernels", "CSystem"],
    swiftSettings: embedded + [
      .define(define),
      .unsafeFlags(clangFlags.flatMap { ["-Xcc", $0] } + swiftFlags),
    ])
}

#if arch(x86_64)
  let host = "x86_64"
#else
  let host = "aarch64"
#endif
/// The processor to build for. Another one than the host's is asked for by packaging/aarch64/build.py, which reads here how.
let processor = Context.environment["TOPKLOSS_PROCESSOR"] ?? host

/// To try a change out in a third of the time: TOPKLOSS_KERNELS=avx2 in the environment leaves the other kernels out, and
/// AVX2's stand for them. Such a library is for this machine alone.
let onlyAVX2 = processor == "x86_64" && Context.environment["TOPKLOSS_KERNELS"] == "avx2"
let standIns = onlyAVX2 ? ["baseline", "avx512"] : []

// Vectors of 64 bytes are four of SSE2's: unrolled, the kernels for processors from before 2013 would be the largest part.
let kernelsOfX86 = [
  kernels(
    "Kernels", define: "KERNELS_PORTABLE",
    // What many places do alike is a function: the portable kernels are the largest part.
    swiftFlags: ["-Osize", "-Xllvm", "-enable-machine-outliner=always"]),
  kernels("KernelsAVX2", define: "KERNELS_AVX2", clangFlags: ["-march=x86-64-v3"]),
  kernels(
    "KernelsAVX512", define: "KERNELS_AVX512",
    clangFlags: ["-march=x86-64-v4", "-mprefer-vector-width=512"]),
]
let kernelTargets =
  processor == "x86_64"
  ? kernelsOfX86.filter { !onlyAVX2 || $0.name == "KernelsAVX2" }
  : [kernels("Kernels", define: "KERNELS_NEON")]

/// For what is generated from the header and includes it.
let seesHeader: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-I\(Context.packageDirectory)/include"])]

/// How a library is linked that finds libtopkloss.so in the process when it runs.
func besideTheLibrary(_ target: String, soname: String) -> [LinkerSetting] {
  [
    .unsafeFlags([
      "-Xlinker", "--push-state", "-Xlinker", "--no-as-needed", "-Xlinker", "-l:libdl.so.2",
      "-Xlinker", "--pop-state",
      "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/\(target)/exports.map",
      "-Xlinker", "-soname", "-Xlinker", soname,
      "-Xlinker", "-z", "-Xlinker", "nodelete", "-Xlinker", "-z", "-Xlinker", "now",
      "-Xlinker", "--gc-sections", "-Xlinker", "--icf=all", "-Xlinker", "-O2",
      "-Xlinker", "--hash-style=gnu", "-use-ld=lld",
    ]),
    .unsafeFlags(["-Xlinker", "--strip-debug"], .when(configuration: .release)),
  ]
}

let package = Package(
  name: "topkloss",
  products: [
    .library(name: "topkloss", type: .dynamic, targets: ["TopKLoss"]),
    .library(name: "topkloss_cuda", type: .dynamic, targets: ["TopKLossCUDA"]),
    .library(name: "topkloss_xla", type: .dynamic, targets: ["TopKLossXLA"]),
  ],
  targets: [
    .systemLibrary(name: "CTopKLoss", path: "include"),
    .systemLibrary(name: "CKernels"),
    .systemLibrary(name: "CSystem"),
    .systemLibrary(name: "CDevice"),
    .target(
      name: "TopKLoss",
      dependencies: ["CTopKLoss", "CKernels", "CSystem", "CDevice"]
        + kernelTargets.map { Target.Dependency(stringLiteral: $0.name) },
      exclude: ["exports.map"],
      swiftSettings: embedded + [
        .enableExperimentalFeature("CImplementation"),
        .unsafeFlags(["-Osize"]),
      ],
      linkerSettings: [
        .linkedLibrary("m"),
        .unsafeFlags([
          // Parts of libc since glibc 2.34, empty there; before, a program need not have loaded them.
          "-Xlinker", "--push-state", "-Xlinker", "--no-as-needed",
          "-Xlinker", "-l:libpthread.so.0", "-Xlinker", "-l:libdl.so.2",
          "-Xlinker", "--pop-state",
          "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/TopKLoss/exports.map",
          // The ABI version, TOPKLOSS_ABI_VERSION in the header: what was linked with one does not load another.
          "-Xlinker", "-soname", "-Xlinker", "libtopkloss.so.1",
          // So that no object for which there is no memory ends the process: ObjectMemory.swift.
          "-Xlinker", "--wrap=posix_memalign", "-Xlinker", "--wrap=free",
          "-Xlinker", "-z", "-Xlinker", "nodelete",
          "-Xlinker", "-z", "-Xlinker", "now",
          "-Xlinker", "--gc-sections",
          // Functions that came out alike are one: nothing here asks whether two addresses differ.
          "-Xlinker", "--icf=all", "-Xlinker", "-O2", "-Xlinker", "--hash-style=gnu",
          // gold lists the library's class metadata among its dynamic symbols.
          "-use-ld=lld",
        ]),
        .unsafeFlags(
          standIns.flatMap { ["-Xlinker", "--defsym=topk_kernels_\($0)=topk_kernels_avx2"] }),
        .unsafeFlags(["-Xlinker", "--strip-debug"], .when(configuration: .release)),
      ]),
    // On NVIDIA GPUs: the driver's use, and the kernels as the driver takes them. It needs libtopkloss.so when it runs, not here.
    .systemLibrary(name: "CCUDA"),
    .target(name: "CPTX", exclude: ["ptx"], cSettings: [.headerSearchPath(".")]),
    .target(
      name: "TopKLossCUDA", dependencies: ["CTopKLoss", "CDevice", "CCUDA", "CPTX"],
      exclude: ["exports.map"],
      swiftSettings: embedded + [
        .enableExperimentalFeature("CImplementation"), .unsafeFlags(["-Osize"]),
      ],
      linkerSettings: besideTheLibrary("TopKLossCUDA", soname: "libtopkloss_cuda.so.1")),
    // Handlers for XLA, and so for JAX: they too need libtopkloss.so when they run.
    .systemLibrary(name: "CXLA"),
    .target(
      name: "TopKLossXLA", dependencies: ["CTopKLoss", "CXLA"], exclude: ["exports.map"],
      swiftSettings: embedded + [
        .enableExperimentalFeature("CImplementation"), .unsafeFlags(["-Osize"]),
      ] + seesHeader,
      linkerSettings: besideTheLibrary("TopKLossXLA", soname: "libtopkloss_xla.so.1")),
    .systemLibrary(
      name: "CPython", path: "Tests/CPython", pkgConfig: "python3-embed",
      providers: [.apt(["libpython3-dev"])]),
    // The losses and their options as a table.
    .systemLibrary(name: "CLosses", path: "Tests/C"),
    // Tests are clients of the ABI: they see the header and are linked with the library's file, nothing else.
    .testTarget(
      name: "ABITests", dependencies: ["CTopKLoss", "CLosses"], swiftSettings: seesHeader,
      linkerSettings: [.linkedLibrary("topkloss")]),
    .testTarget(
      name: "EmbeddedPythonTests", dependencies: ["CTopKLoss", "CLosses", "CPython"],
      swiftSettings: seesHeader,
      linkerSettings: [.linkedLibrary("topkloss")]),
  ] + kernelTargets
)
