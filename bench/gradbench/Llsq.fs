/// The least-squares fit of a polynomial to the sign function.
module GradBench.Llsq

open Ad.Functional

/// The points from -1 to 1 at which the polynomial is fitted.
let points n = Tensor.linspace Float64 -1.0 1.0 n

// The rows 1, t, t^2, ... up to m of them; each doubling multiplies the rows so far by the next power.
let private powers m (t: Tensor) =
    let rec grow (rows: Tensor) (next: Tensor) =
        let count = rows.Shape[0]

        if count >= m then
            Tensor.sliceAxis 0 0 m 1 rows
        else
            grow (Tensor.concat 0 [ rows; rows * next ]) (next * next)

    grow (Tensor.expandDims 0 (Tensor.onesLike t)) t

/// Half the sum of squares of sign(t) less the polynomial with coefficients x.
let loss (t: Tensor) (x: Tensor) =
    let residual = Tensor.sign t - x *@ powers x.Shape[0] t
    0.5 * Tensor.sum (residual * residual)

let private functionOf f =
    let read json = Read.numbers (Read.field "x" json), Read.int "n" json

    let prepare (x: float array, n) =
        let t = Tensor.eval (points n)
        let f = jit (fun (t, x) -> f (loss t) x)
        fun () -> f (t, Tensor.vector x) |> Tensor.toArray<float>

    Evaluation.functionOf read prepare

let evaluation =
    { Name = "llsq"
      Functions = Map [ "primal", functionOf id (Array.head >> box); "gradient", functionOf grad box ] }
