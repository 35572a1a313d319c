namespace Ad.Functional.Scalar

open System

/// Forward differentiation of functions of numbers, for C#: `ScalarForward.Derivative(x => x * x, 3.0)`.
[<AbstractClass; Sealed>]
type ScalarForward private () =
    /// The derivative of a function of one number: f'(x).
    static member Derivative(f: Func<Dual<'T>, Dual<'T>>, x: 'T) : 'T =
        ArgumentNullException.ThrowIfNull f
        Forward.derivative f.Invoke x

    /// The value and the derivative along a direction: f(x) and J(x) v.
    static member Jvp
        (f: Func<Dual<'T> array, Dual<'T> array>, x: 'T array, v: 'T array)
        : struct ('T array * 'T array) =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        ArgumentNullException.ThrowIfNull v
        Forward.jvp f.Invoke x v |> fun (y, dy) -> struct (y, dy)

    /// The partial derivatives, one pass for each.
    static member Gradient(f: Func<Dual<'T> array, Dual<'T>>, x: 'T array) : 'T array =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Forward.gradient f.Invoke x

    /// The matrix of partial derivatives, outputs by inputs, one pass for each input.
    static member Jacobian(f: Func<Dual<'T> array, Dual<'T> array>, x: 'T array) : 'T array2d =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Forward.jacobian f.Invoke x

/// Reverse differentiation of functions of numbers, for C#: `ScalarReverse.Gradient(x => x[0] * x[1], [3.0, 2.0])`.
[<AbstractClass; Sealed>]
type ScalarReverse private () =
    /// The derivative of a function of one number: f'(x).
    static member Derivative(f: Func<Adjoint<'T>, Adjoint<'T>>, x: 'T) : 'T =
        ArgumentNullException.ThrowIfNull f
        Reverse.derivative f.Invoke x

    /// The value and its pullback, the function from g to J(x)^T g.
    static member Vjp
        (f: Func<Adjoint<'T> array, Adjoint<'T> array>, x: 'T array)
        : struct ('T array * Func<'T array, 'T array>) =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        let y, pullback = Reverse.vjp f.Invoke x
        struct (y, Func<_, _> pullback)

    /// The partial derivatives, in one pass.
    static member Gradient(f: Func<Adjoint<'T> array, Adjoint<'T>>, x: 'T array) : 'T array =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Reverse.gradient f.Invoke x

    /// The matrix of partial derivatives, outputs by inputs, one pass for each output.
    static member Jacobian(f: Func<Adjoint<'T> array, Adjoint<'T> array>, x: 'T array) : 'T array2d =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Reverse.jacobian f.Invoke x

    /// The matrix of second derivatives, forward over reverse.
    static member Hessian(f: Func<Adjoint<Dual<'T>> array, Adjoint<Dual<'T>>>, x: 'T array) : 'T array2d =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Reverse.hessian f.Invoke x

/// Differentiation of generic methods to any order, for C#.
[<AbstractClass; Sealed>]
type ScalarAutodiff private () =
    /// The derivative of this order; order 0 is the value.
    static member Derivative(f: IScalarFunction, x: 'T, order: int) : 'T =
        ArgumentNullException.ThrowIfNull f
        Generic.derivative order f x

    /// The first derivative.
    static member Derivative(f: IScalarFunction, x: 'T) : 'T = ScalarAutodiff.Derivative(f, x, 1)

    /// The partial derivatives, in one reverse pass.
    static member Gradient(f: IVectorFunction, x: 'T array) : 'T array =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Generic.gradient f x

    /// The matrix of second derivatives, forward over reverse.
    static member Hessian(f: IVectorFunction, x: 'T array) : 'T array2d =
        ArgumentNullException.ThrowIfNull f
        ArgumentNullException.ThrowIfNull x
        Generic.hessian f x
