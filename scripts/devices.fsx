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

// One step of all devices of a group over a batch that they share out: here one; with more GPUs, DeviceGroup.Of [| Cuda 0; Cuda 1 |].
let group = Ad.Tensors.DeviceGroup.Of [| device |]
let distance p (x, y) = Losses.meanSquared (Tensor.matmul x p) y
let optimizer = Optimizer.sgd 0.1
let step = DataParallel.step group optimizer distance
let inputs, targets = Tensor.matrix [ [ 1.0; 0.0 ]; [ 0.0; 2.0 ] ], Tensor.vector [ 1.0; -2.0 ]
let p = Tensor.zeros Float64 [ 2 ]
let replicas = DataParallel.replicate group (p, optimizer.Init p)
let after, value = step replicas (inputs, targets)
printfn $"{fst after[0]}, after a loss of {value}"
//> [0.1, -0.4] : float64[2], after a loss of 2.5 : float64[]
