namespace Ad.Functional.Scalar

open System.Numerics

/// Differentiates functions of numbers by pulling adjoints back along a tape: one pass for each output.
///
/// Functions take `Adjoint<'T>`; to nest, let the inner one take `Adjoint<Adjoint<'T>>`, or another mode's number over this one.
[<RequireQualifiedAccess>]
module Reverse =
    // Runs a function on variables that are the first steps of a new tape.
    let private record (f: Adjoint<'T> array -> 'b) (xs: 'T array) : Tape<'T> * 'b =
        let tape = Tape<'T>()
        let vary x = Adjoint<'T>(x, tape, Place<'T>(tape.Add(0, 'T.Zero, 0, 'T.Zero)))

        try
            tape, f (Array.map vary xs)
        finally
            tape.Close()

    let private pull (tape: Tape<'T>) (inputs: int) (ys: Adjoint<'T> array) (gs: 'T array) : 'T array =
        let seed (y: Adjoint<'T>) g =
            if isNull y.Pass then
                None
            else
                Some(struct (y.In(tape).Index, g))

        tape.Sweep(inputs, Array.map2 seed ys gs |> Array.choose id)

    /// The value and its pullback: f(x), and the function from g to J(x)^T g.
    /// The pullback is a pure value for any number of calls; it raises ArgumentException when g is not as long as f(x).
    let vjp (f: Adjoint<'T> array -> Adjoint<'T> array) (xs: 'T array) : 'T array * ('T array -> 'T array) =
        let tape, ys = record (f >> Array.copy) xs

        let pullback (gs: 'T array) =
            if gs.Length <> ys.Length then
                invalidArg
                    (nameof gs)
                    $"A pullback takes one adjoint for each output: {gs.Length} against {ys.Length}."

            pull tape xs.Length ys gs

        ys |> Array.map _.Value, pullback

    /// The value and the partial derivatives of a function of several numbers, in one pass.
    let valueAndGradient (f: Adjoint<'T> array -> Adjoint<'T>) (xs: 'T array) : 'T * 'T array =
        let tape, y = record f xs
        let slope = pull tape xs.Length [| y |] [| 'T.One |]
        tape.Release()
        y.Value, slope

    /// The value and the derivative of a function of one number: f(x) and f'(x).
    let valueAndDerivative (f: Adjoint<'T> -> Adjoint<'T>) (x: 'T) : 'T * 'T =
        let y, g = valueAndGradient (fun xs -> f xs[0]) [| x |]
        y, g[0]

    /// The derivative of a function of one number: f'(x).
    let derivative (f: Adjoint<'T> -> Adjoint<'T>) (x: 'T) : 'T = snd (valueAndDerivative f x)

    /// The partial derivatives of a function of several numbers, in one pass.
    let gradient (f: Adjoint<'T> array -> Adjoint<'T>) (xs: 'T array) : 'T array = snd (valueAndGradient f xs)

    /// The matrix of partial derivatives, outputs by inputs, one pass for each output.
    let jacobian (f: Adjoint<'T> array -> Adjoint<'T> array) (xs: 'T array) : 'T array2d =
        let ys, pullback = vjp f xs

        let rows =
            Array.init ys.Length (fun i ->
                pullback (Array.init ys.Length (fun j -> if i = j then 'T.One else 'T.Zero)))

        Array2D.init ys.Length xs.Length (fun i j -> rows[i][j])

    /// The matrix of second derivatives: forward over reverse, n passes for n inputs.
    let hessian (f: Adjoint<Dual<'T>> array -> Adjoint<Dual<'T>>) (xs: 'T array) : 'T array2d =
        Forward.jacobian (gradient f) xs

    /// The value of the gradient and its derivative along a direction, forward over reverse: g(x) and H(x) v.
    let hvp
        (f: Adjoint<Dual<'T>> array -> Adjoint<Dual<'T>>)
        (xs: 'T array)
        (vs: 'T array)
        : 'T array * 'T array =
        Forward.jvp (gradient f) xs vs
