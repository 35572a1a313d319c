module Properties.Generators

open FsCheck
open FsCheck.FSharp

/// A float of ordinary size, on a grid so that counterexamples read well.
type Ordinary = Ordinary of float

/// Floats spread evenly over an interval, shrinking toward its middle.
let floatIn (low: float) (high: float) : Arbitrary<float> =
    let middle = (low + high) / 2.0

    let gen =
        Gen.choose (0, 1_000_000)
        |> Gen.map (fun i -> low + (high - low) * float i / 1e6)

    let shrink x =
        [ middle; (x + middle) / 2.0; round x ]
        |> Seq.filter (fun y -> low <= y && y <= high && abs (y - middle) < abs (x - middle))

    Arb.fromGenShrink (gen, shrink)

/// The arbitraries that properties find by type.
type Arbitraries =
    static member Ordinary() : Arbitrary<Ordinary> =
        floatIn -3.0 3.0 |> Arb.convert Ordinary (fun (Ordinary x) -> x)
