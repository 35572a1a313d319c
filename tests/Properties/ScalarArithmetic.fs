/// Sums and products are written to be inlined, apart from the other functions: constants in every place, zeros and infinities.
module Properties.ScalarArithmetic

open System
open System.Globalization
open System.Numerics
open FsCheck.FSharp
open Xunit
open Ad.Checks
open Ad.Functional.Scalar
open Properties.Generators
open Properties.ScalarFunctions

let severalNames = TheoryData<string>(Map.keys several)

let private special = [ 0.0; -0.0; 1.0; -2.5; infinity; -infinity; nan ]

let private wins (p: float) (d: float) = if p = 0.0 || d = 0.0 then 0.0 else p * d

/// Equal, where NaN is, and zeros have no sign: a tangent that is nothing may come of either.
let private same (x: float) (y: float) = x = y || Double.IsNaN x && Double.IsNaN y

let private everyProduct (check: float -> float -> float -> float -> unit) =
    for p, d in Seq.allPairs special special do
        for q, e in Seq.allPairs special special do
            check p d q e

[<Fact>]
let ``the tangent of a product is the product rule, where a zero wins, at all special values`` () =
    everyProduct (fun p d q e ->
        let actual = Dual.tangent (Dual.create p d * Dual.create q e)
        Assert.True(same (wins q d + wins p e) actual, $"({p}, {d}) ({q}, {e}): {actual}"))

[<Fact>]
let ``single precision has the same special products`` () =
    everyProduct (fun p d q e ->
        let number (x: float) (dx: float) = Dual.create (float32 x) (float32 dx)
        let actual = Dual.tangent (number p d * number q e)
        Assert.True(same (wins q d + wins p e) (float actual), $"({p}, {d}) ({q}, {e}): {actual}"))

[<Fact>]
let ``numbers of numbers have the same special products, part by part`` () =
    everyProduct (fun p d q e ->
        let inner x = Dual.create x 3.0
        let actual = Dual.tangent (Dual.create (inner p) (inner d) * Dual.create (inner q) (inner e))
        Assert.True(same (wins q d + wins p e) (Dual.value actual), $"({p}, {d}) ({q}, {e}): {actual}")

        let slope = wins q 3.0 + wins 3.0 d + (wins p 3.0 + wins 3.0 e)
        Assert.True(same slope (Dual.tangent actual), $"({p}, {d}) ({q}, {e}): {actual}, not {slope}"))

[<Fact>]
let ``forward, reverse and four tangents at a time agree on special products`` () =
    let f =
        { new IVectorFunction with
            member _.Invoke x = Real.sqrt x[0] * x[1] }

    for x in special do
        for y in special do
            let at = [| x; y |]
            let forward = Forward.gradient f.Invoke at

            for other in [ Reverse.gradient f.Invoke at; Chunked.gradient f.Invoke at ] do
                Assert.True(Array.forall2 same forward other, $"%A{at}: %A{forward} against %A{other}")

[<Theory; MemberData(nameof severalNames)>]
let ``among constants a derivative is the partial derivative, whichever place varies`` name =
    let f = several[name]

    Check.forAll (floatIn 1.1 1.3) (fun x ->
        let xs = [| 0.6 * x; x; 1.25 * x |]
        let gradient, hessian = Reverse.gradient f.Invoke xs, Forward.hessian f.Invoke xs
        let among constant i x = f.Invoke(xs |> Array.mapi (fun j y -> if i = j then x else constant y))
        let nested i = Reverse.derivative (among (Dual.constant >> Adjoint.constant) i)

        [ for i in 0 .. xs.Length - 1 do
              Close.within 4 gradient[i] (Forward.derivative (among Dual.constant i) xs[i])
              Close.within 4 gradient[i] (Reverse.derivative (among Adjoint.constant i) xs[i])

              abs (hessian[i, i] - Forward.derivative (nested i) xs[i])
              <= 1e-14 * (1.0 + abs hessian[i, i]) ]
        |> List.forall id)

let inline private ofConstants (lift: float -> 'T) (x: 'T) : 'T =
    let a, b = lift 2.0, lift 3.0
    Real.fusedMultiplyAdd a b -a * x + (a - b) / (a + b * a)

[<Fact>]
let ``what is computed of constants alone is constant in either mode`` () =
    Assert.Equal(4.0, Forward.derivative (ofConstants Dual.constant) 5.0)
    Assert.Equal(4.0, Reverse.derivative (ofConstants Adjoint.constant) 5.0)
    Assert.Equal(0.0, Forward.derivative (fun _ -> ofConstants Dual.constant (Dual.constant 1.0)) 5.0)
    Assert.Equal(0.0, Reverse.derivative (fun _ -> ofConstants Adjoint.constant (Adjoint.constant 1.0)) 5.0)

    let described =
        (ofConstants Dual.constant (Dual.constant 1.0)).ToString("F3", CultureInfo.InvariantCulture)

    Assert.Equal("3.875", described)

let private checkedly (x: 'A :> INumberBase<'A>) : 'B :> INumberBase<'B> = 'B.CreateChecked x
let private saturating (x: 'A :> INumberBase<'A>) : 'B :> INumberBase<'B> = 'B.CreateSaturating x
let private truncating (x: 'A :> INumberBase<'A>) : 'B :> INumberBase<'B> = 'B.CreateTruncating x

[<Fact>]
let ``a number becomes another by its value, and one of the same type stays itself`` () =
    let x = Dual.create 2.5 7.0
    let all: Dual<float> list = [ checkedly x; saturating x; truncating x ]
    Assert.Equal<float list>([ 7.0; 7.0; 7.0 ], List.map Dual.tangent all)
    Assert.Equal(0.0f, Dual.tangent (checkedly x: Dual<float32>))
    Assert.Equal(2.5f, Dual.value (checkedly x: Dual<float32>))
    Assert.Equal(7.0, Dual.tangent (Dual.value (checkedly x: Dual<Dual<float>>)))
    Assert.Equal(2.5f, Adjoint.value (checkedly (Dual.create x x): Adjoint<float32>))

[<Fact>]
let ``a number is made of what its value is made of`` () =
    Assert.Equal(infinityf, Dual.value (checkedly 1e300: Dual<float32>))
    Assert.Equal(float Int128.MaxValue, Dual.value (checkedly Int128.MaxValue: Dual<float>))
    Assert.Equal(1.0, Dual.value (checkedly Complex.One: Dual<float>))
