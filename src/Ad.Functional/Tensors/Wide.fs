namespace Ad.Functional

open System
open Ad.Tensors

/// What special functions are composed with.
module internal Wide =
    let zero (like: Tensor) = Tensor.zerosLike like
    let number (like: Tensor) (value: float) = Tensor.fullLike like value
    let isAbove (limit: float) (x: Tensor) = Tensor.greater x (number x limit)

    let both a b = Tensor.logicalAnd a b
    let last (t: Tensor) = Tensor.expandDims -1 t

    /// Sum c_k x^k, the first coefficient first.
    let polynomial (coefficients: float list) (x: Tensor) =
        (List.last coefficients |> number x, List.rev coefficients |> List.tail)
        ||> List.fold (fun sum c -> sum * x + c)

    // B_2, B_4, ...: the Bernoulli numbers.
    let bernoulli =
        [| 1.0 / 6.0
           -1.0 / 30.0
           1.0 / 42.0
           -1.0 / 30.0
           5.0 / 66.0
           -691.0 / 2730.0
           7.0 / 6.0
           -3617.0 / 510.0
           43867.0 / 798.0
           -174611.0 / 330.0 |]

    /// A function of float64 on floats of one type, which broadcast: narrower ones go through it, so that they are right to rounding.
    let inDouble name (inputs: Tensor[]) (f: Tensor[] -> Tensor) : Tensor =
        let kind = inputs[0].DType

        if inputs |> Array.exists (fun t -> t.DType <> kind || not (t.DType.IsFloat())) then
            let given = String.Join(" and ", inputs |> Array.map _.Signature)
            Shapes.refuse name $"takes floats of one type, but was given {given}."

        let wide = inputs |> Array.map (Tensor.cast DType.Float64)
        let all = zero (Array.reduce (+) wide)
        Tensor.cast kind (f (wide |> Array.map (fun t -> t + all)))

    /// y with another value where a condition holds, and its own derivatives.
    let valued (condition: Tensor) (value: float) (y: Tensor) =
        Tensor.where condition (y + Tensor.stopGradient (value - y)) y

    /// y where a condition holds, else NaN.
    let within (condition: Tensor) (y: Tensor) = Tensor.where condition y (number y nan)
