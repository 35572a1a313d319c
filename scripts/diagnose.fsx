// Where does the NaN come from? The first operation that made one of finite numbers, in the value or in either derivative pass.
#load "lib/Prelude.fsx"

open Ad.Functional

let entropy (p: Tensor) = -(Tensor.sum (p * log p))
let p = Tensor.vector [ 0.5; 0.5; 0.0 ]
printfn $"{entropy p}"
//> NaN : float64[]
printfn "%s" (string (Diagnose.nonFinite entropy p).Value)
//> The value of log at diagnose.fsx:6 is [-0.693147, -0.693147, -Infinity] : float64[3], given [0.5, 0.5, 0.0] : float64[3].

// A value may be finite and its derivative not.
let root (x: Tensor) = Tensor.sum (sqrt x)
let found = (Diagnose.nonFinite root (Tensor.vector [ 4.0; 0.0 ])).Value
printfn $"{found.Pass} of {found.Operation}, called for at {found.Source.Value}"
//> Tangents of sqrt, called for at diagnose.fsx:15

let safe (p: Tensor) = Tensor.where (Tensor.greater p (Tensor.zerosLike p)) (p * log p) (Tensor.zerosLike p)
printfn $"{grad (safe >> Tensor.sum) p}"
//> [0.306853, 0.306853, 0.0] : float64[3]

// Within a loop the step is named too.
let toZero (x: Tensor) = iterate 5 (fun _ y -> sqrt (y - 1.0)) x |> Tensor.sum
printfn "%s" (string (Diagnose.nonFinite toZero (Tensor.vector [ 6.0 ])).Value)
//> The value of sqrt at diagnose.fsx:24, in step 3 of scan is [NaN] : float64[1], given [-0.665656] : float64[1].
