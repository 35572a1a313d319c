// Where tensors are computed.
#load "lib/Prelude.fsx"

open Ad.Functional
open Ad.Tensors.Cuda

// The first GPU if this machine has one that works, else the host.
let device = if CudaDevices.Count > 0 then Cuda 0 else Cpu

let x = Tensor.onDevice device (Tensor.vector [ 0.0; 1.0; 2.0 ])
let f (x: Tensor) = Tensor.sum (x * x * x)
printfn $"{grad f x}"
//> [0.0, 3.0, 12.0] : float64[3]

// A random tensor made where its key is; the numbers are the host's.
let key = Key.ofSeed 1L
let there = { Words = Tensor.onDevice device key.Words }
printfn $"{Random.uniform there [ 4 ] = Random.uniform key [ 4 ]}"
//> True
