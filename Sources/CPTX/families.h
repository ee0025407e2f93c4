/* The families of kernels, a module each: its number in Family of TopKLossCUDA, and the name of its file in ptx/. */
FAMILY(0, batch)
FAMILY(1, softmax_margin)
