/// log (sum (exp x)), with its largest element taken out.
module GradBench.Lse

open Ad.Functional

/// max x + log (sum (exp (x - max x))).
let logSumExp (x: Tensor) =
    let largest = Tensor.max x
    largest + log (Tensor.sum (exp (x - largest)))

let private functionOf f =
    let prepare (x: float array) =
        let f = jit f
        fun () -> f (Tensor.vector x) |> Tensor.toArray<float>

    Evaluation.functionOf (Read.field "x" >> Read.numbers) prepare

let evaluation =
    { Name = "lse"
      Functions =
        Map
            [ "primal", functionOf logSumExp (Array.head >> box)
              "gradient", functionOf (grad logSumExp) box ] }
