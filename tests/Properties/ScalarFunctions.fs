module Properties.ScalarFunctions

open System
open System.Reflection
open Ad.Functional.Scalar

/// A function of one number, with an interval on which it is smooth.
type Smooth =
    { Low: float
      High: float
      F: IScalarFunction }

/// The generic functions of Real whose arguments are all numbers, by how many they take.
let private functions (arity: int) : MethodInfo list =
    let real =
        typeof<Adjoint<float>>.Assembly.GetType("Ad.Functional.Scalar.Real", true)
        |> nonNull

    [ for f in real.GetMethods(BindingFlags.Static ||| BindingFlags.Public) do
          let parameters = f.GetParameters()

          if
              parameters.Length = arity
              && parameters |> Array.forall _.ParameterType.IsGenericParameter
          then
              f ]

let private call<'T> (f: MethodInfo) (xs: 'T array) : 'T =
    let f = f.MakeGenericMethod typeof<'T>

    match xs with
    | [| x |] -> f.CreateDelegate<Func<'T, 'T>>().Invoke x
    | [| x; y |] -> f.CreateDelegate<Func<'T, 'T, 'T>>().Invoke(x, y)
    | [| x; y; z |] -> f.CreateDelegate<Func<'T, 'T, 'T, 'T>>().Invoke(x, y, z)
    | _ -> invalidArg (nameof xs) "A function here takes one to three numbers."

let private interval =
    function
    | "exp"
    | "exp2"
    | "expM1"
    | "exp2M1"
    | "sin"
    | "cos"
    | "atan"
    | "atanPi" -> -3.0, 3.0
    | "sinh"
    | "cosh"
    | "tanh"
    | "asinh" -> -3.0, 3.0
    | "exp10"
    | "exp10M1" -> -2.0, 2.0
    | "sinPi"
    | "cosPi"
    | "asin"
    | "acos"
    | "asinPi"
    | "acosPi"
    | "atanh"
    | "tan" -> -0.8, 0.8
    | "tanPi" -> -0.3, 0.3
    | "logP1"
    | "log2P1"
    | "log10P1" -> -0.5, 3.0
    | "acosh" -> 1.5, 5.0
    // Inside every other domain.
    | _ -> 0.4, 0.9

/// The elementary functions of one number, by name.
let unary: Map<string, Smooth> =
    let row name f =
        let low, high = interval name
        name, { Low = low; High = high; F = f }

    Map
        [ for f in functions 1 do
              row
                  f.Name
                  { new IScalarFunction with
                      member _.Invoke x = call f [| x |] }

          row
              "negate"
              { new IScalarFunction with
                  member _.Invoke x = -x }
          row
              "reciprocal"
              { new IScalarFunction with
                  member _.Invoke x = 1G / x }
          row
              "square"
              { new IScalarFunction with
                  member _.Invoke x = x * x }
          row
              "fifth root"
              { new IScalarFunction with
                  member _.Invoke x = Real.rootN 5 x }
          row
              "third root's reciprocal"
              { new IScalarFunction with
                  member _.Invoke x = Real.rootN -3 x }
          row
              "eightfold"
              { new IScalarFunction with
                  member _.Invoke x = Real.scaleB 3 x } ]

/// The elementary functions of two or three numbers; smooth near (0.7, 1.2, 1.5).
let several: Map<string, IVectorFunction> =
    Map
        [ for arity in 2..3 do
              for f in functions arity do
                  f.Name,
                  { new IVectorFunction with
                      member _.Invoke x = call f (Array.truncate arity x) }

          "add",
          { new IVectorFunction with
              member _.Invoke x = x[0] + x[1] }
          "subtract",
          { new IVectorFunction with
              member _.Invoke x = x[0] - x[1] }
          "multiply",
          { new IVectorFunction with
              member _.Invoke x = x[0] * x[1] }
          "divide",
          { new IVectorFunction with
              member _.Invoke x = x[0] / x[1] }
          "modulus",
          { new IVectorFunction with
              member _.Invoke x = x[2] % x[1] } ]

/// A derivative by central differences, extrapolated to step zero (Ridders, 1982).
let numeric (f: float -> float) (x: float) : float =
    let steps = [| for k in 0..3 -> 0.02 / float (1 <<< k) |]
    let table = steps |> Array.map (fun h -> (f (x + h) - f (x - h)) / (2.0 * h))

    for order in 1..3 do
        for k in 3 .. -1 .. order do
            let factor = float (1 <<< (2 * order))
            table[k] <- (factor * table[k] - table[k - 1]) / (factor - 1.0)

    table[3]
