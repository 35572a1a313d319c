namespace Ad.Functional.Scalar

open System
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics

/// The tangents along four directions of one forward pass, side by side in SIMD lanes.
[<Struct; NoEquality; NoComparison>]
type Tangents =
    val internal Lanes: Vector256<float>
    internal new(lanes) = { Lanes = lanes }

    /// How many directions there are.
    static member internal Count = Vector256<float>.Count

    // As Partials.Product, lane by lane.
    [<MethodImpl(MethodImplOptions.AggressiveInlining)>]
    static member private Product(p: float, lanes: Vector256<float>) : Vector256<float> =
        let p = Vector256.Create p
        let mutable r = p * lanes

        if not (Vector256.EqualsAll(r, r)) then
            let zero = Vector256<float>.Zero
            let silent = Vector256.Equals(p, zero) ||| Vector256.Equals(lanes, zero)
            r <- Vector256.ConditionalSelect(silent, zero, r)

        r

    interface IDerivative<float, Tangents> with
        static member Chain(_, partial, x) = Tangents(Tangents.Product(partial, x.Lanes))

        static member Join(_, da, a, db, b) =
            Tangents(Tangents.Product(da, a.Lanes) + Tangents.Product(db, b.Lanes))

        static member Sum(_, a, b) = Tangents(a.Lanes + b.Lanes)
        static member Difference(_, a, b) = Tangents(a.Lanes - b.Lanes)

        static member Opposite(_, x) = Tangents(-x.Lanes)

        static member Refuse() =
            raise (
                InvalidOperationException
                    "Two chunked passes met in one operation: the inner function uses a variable of the outer pass as its own."
            )

        member x.Describe(_, _) = $" (tangents {x.Lanes})"

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
                Dual4(x, pass, Tangents(if own then lane (i - first) else Vector256<float>.Zero))

            let ys = f (Array.mapi vary xs) |> Array.map _.In(pass).Lanes
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
