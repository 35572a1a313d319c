namespace Ad.Functional.Scalar

open System.Numerics

/// Differentiates functions of numbers by pushing tangents forward: one pass for each input.
///
/// Functions take `Dual<'T>`; to nest, let the inner one take `Dual<Dual<'T>>`, or another mode's number over this one.
[<RequireQualifiedAccess>]
module Forward =
    let private vary (pass: Pass) (tangent: 'T :> IFloatingPointIeee754<'T>) (x: 'T) : Dual<'T> =
        Dual<'T>(x, pass, Tangent<'T> tangent)

    // A copy with one number varied costs less than an array made number by number.
    let private along (pass: Pass) (still: Dual<'T> array) (i: int) : Dual<'T> array =
        let xs = Array.copy still
        xs[i] <- vary pass 'T.One xs[i].Value
        xs

    /// The value and the derivative along a direction: f(x) and J(x) v.
    /// Raises ArgumentException when x and v differ in length.
    let jvp (f: Dual<'T> array -> Dual<'T> array) (xs: 'T array) (vs: 'T array) : 'T array * 'T array =
        if xs.Length <> vs.Length then
            invalidArg
                (nameof vs)
                $"Forward.jvp takes a direction as long as its point: {vs.Length} against {xs.Length}."

        let pass = Pass()
        let ys = f (Array.map2 (fun x v -> vary pass v x) xs vs)
        ys |> Array.map _.Value, ys |> Array.map _.In(pass).Value

    /// The value and the derivative of a function of one number: f(x) and f'(x).
    let valueAndDerivative (f: Dual<'T> -> Dual<'T>) (x: 'T) : 'T * 'T =
        let pass = Pass()
        let y = f (vary pass 'T.One x)
        y.Value, y.In(pass).Value

    /// The derivative of a function of one number: f'(x).
    let derivative (f: Dual<'T> -> Dual<'T>) (x: 'T) : 'T = snd (valueAndDerivative f x)

    /// The partial derivatives of a function of several numbers, one pass for each.
    let gradient (f: Dual<'T> array -> Dual<'T>) (xs: 'T array) : 'T array =
        let pass = Pass()
        let still = Array.map (vary pass 'T.Zero) xs
        Array.init xs.Length (fun i -> (f (along pass still i)).In(pass).Value)

    /// The matrix of partial derivatives, outputs by inputs, one pass for each input.
    let jacobian (f: Dual<'T> array -> Dual<'T> array) (xs: 'T array) : 'T array2d =
        let pass = Pass()
        let still = Array.map (vary pass 'T.Zero) xs
        let columns = Array.init xs.Length (fun i -> f (along pass still i) |> Array.map _.In(pass).Value)
        let outputs = if xs.Length = 0 then 0 else columns[0].Length
        Array2D.init outputs xs.Length (fun i j -> columns[j][i])

    /// The matrix of second derivatives: forward over forward, n^2 passes for n inputs.
    let hessian (f: Dual<Dual<'T>> array -> Dual<Dual<'T>>) (xs: 'T array) : 'T array2d =
        jacobian (gradient f) xs
