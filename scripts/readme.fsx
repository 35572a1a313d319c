// What README shows.
#load "lib/Prelude.fsx"

open Ad.Functional

type Line = { Slope: Tensor; Offset: Tensor }

let x = Tensor.vector [ 0.0; 1.0; 2.0; 3.0 ]
let y = Tensor.vector [ 1.0; 3.0; 5.0; 7.0 ]
let loss line = Losses.meanSquared (line.Slope * x + line.Offset) y

let start =
    { Slope = Tensor.scalar 0.0
      Offset = Tensor.scalar 0.0 }

printfn $"{(Reverse.gradient loss start).Slope}, in one pass; {(Forward.gradient loss start).Slope}, in two"
//> -17.0 : float64[], in one pass; -17.0 : float64[], in two

let step = jit (fun line -> Tree.map2 (fun p g -> p - 0.1 * g) line (grad loss line))
let fitted = Seq.init 200 ignore |> Seq.fold (fun line () -> step line) start
printfn $"y = {Tensor.toScalar fitted.Slope:F3} x + {Tensor.toScalar fitted.Offset:F3}"
//> y = 2.000 x + 1.000
