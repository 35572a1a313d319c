namespace Ad.Functional.Scalar

open System
open System.Runtime.Intrinsics

/// The tangents along four directions of one forward pass, side by side in SIMD lanes.
[<Struct; NoEquality; NoComparison>]
type Tangents =
    val internal Pass: Pass | null
    val internal Lanes: Vector256<float>
    internal new(pass, lanes) = { Pass = pass; Lanes = lanes }

    /// How many directions there are.
    static member internal Count = Vector256<float>.Count

    /// The tangents in a pass: zero for a constant, an error for a number of another pass.
    member internal x.In(pass: Pass) : Vector256<float> =
        if isNull x.Pass then Vector256<float>.Zero
        elif obj.ReferenceEquals(x.Pass, pass) then x.Lanes
        else Tangents.Mixed().Lanes

    static member private Mixed() : Tangents =
        raise (
            InvalidOperationException
                "Two chunked passes met in one operation: the inner function uses a variable of the outer pass as its own."
        )

    // As Partials.Product, lane by lane.
    static member private Product(p: float, lanes: Vector256<float>) =
        let p = Vector256.Create p
        let r = p * lanes

        if Vector256.EqualsAll(r, r) then
            r
        else
            let zero = Vector256<float>.Zero
            let silent = Vector256.Equals(p, zero) ||| Vector256.Equals(lanes, zero)
            Vector256.ConditionalSelect(silent, zero, r)

    interface IDerivative<float, Tangents> with
        static member None = Unchecked.defaultof<Tangents>

        static member Chain(partial, x) =
            if isNull x.Pass then
                x
            else
                Tangents(x.Pass, Tangents.Product(partial, x.Lanes))

        static member Join(da, a, db, b) =
            if isNull b.Pass then
                (if isNull a.Pass then
                     a
                 else
                     Tangents(a.Pass, Tangents.Product(da, a.Lanes)))
            elif isNull a.Pass then
                Tangents(b.Pass, Tangents.Product(db, b.Lanes))
            elif obj.ReferenceEquals(a.Pass, b.Pass) then
                Tangents(a.Pass, Tangents.Product(da, a.Lanes) + Tangents.Product(db, b.Lanes))
            else
                Tangents.Mixed()

        member x.Describe(_, _) = if isNull x.Pass then "" else $" (tangents {x.Lanes})"

/// A float with four tangents of one forward pass.
type Dual4 = Number<float, Tangents>

/// Differentiates functions of floats by pushing four tangents forward at a time: a quarter of Forward's passes,
/// with the same results to the bit.
[<RequireQualifiedAccess>]
module Chunked =
    // The outputs' tangents along each input, four inputs to a pass.
    let private columns (f: Dual4 array -> Dual4 array) (xs: float array) : float array array =
        let passFrom first =
            let pass = Pass()
            let lane i = Vector256<float>.Zero.WithElement(i, 1.0)

            let vary i x =
                let own = 0 <= i - first && i - first < Tangents.Count
                Dual4(x, Tangents(pass, (if own then lane (i - first) else Vector256<float>.Zero)))

            let ys = f (Array.mapi vary xs) |> Array.map _.Derivative.In(pass)
            [| for i in 0 .. min Tangents.Count (xs.Length - first) - 1 -> ys |> Array.map _.GetElement(i) |]

        [| for first in 0 .. Tangents.Count .. xs.Length - 1 do
               yield! passFrom first |]

    /// The partial derivatives of a function of several numbers, four to a pass.
    let gradient (f: Dual4 array -> Dual4) (xs: float array) : float array =
        columns (fun xs -> [| f xs |]) xs |> Array.map Array.head

    /// The matrix of partial derivatives, outputs by inputs, four inputs to a pass.
    let jacobian (f: Dual4 array -> Dual4 array) (xs: float array) : float array2d =
        let columns = columns f xs
        let outputs = if columns.Length = 0 then 0 else columns[0].Length
        Array2D.init outputs xs.Length (fun i j -> columns[j][i])
