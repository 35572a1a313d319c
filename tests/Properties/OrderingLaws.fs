module Properties.OrderingLaws

open System
open Xunit
open FsCheck.FSharp
open Ad.Functional
open Properties.Check

let private key = Key.ofSeed 12L

let private close (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let far = Tensor.max (abs (expected - actual)) |> Tensor.toScalar
        Assert.True(far < 1e-12, $"expected {expected}, got {actual}")

/// Few different numbers, so that ties are common; NaN among them.
let private numbers =
    Gen.elements [ -2.0; -1.0; 0.0; 0.5; 3.0; infinity; -infinity; nan ]
    |> Gen.arrayOf
    |> Arb.fromGen

[<Fact>]
let ``sorting is a permutation, in order, ties as they stand and NaN last`` () =
    forAll numbers (fun data ->
        let x = Tensor.vector data
        let order = Tensor.toArray<int>(Ordering.argsort 0 x)
        let sorted = Tensor.toArray<float>(Ordering.sort 0 x)
        let rank v = if Double.IsNaN v then infinity else v

        let expected =
            Array.init data.Length id
            |> Array.sortBy (fun i -> Double.IsNaN data[i], rank data[i], i)

        Assert.Equal<int[]>(expected, order)
        Assert.Equal<float[]>(Array.map (fun i -> data[i]) expected, sorted))

[<Fact>]
let ``descending order of distinct numbers is ascending order turned around`` () =
    let x = Random.normal key [ 3; 7; 2 ]

    for axis in 0..2 do
        close (Tensor.flip [ axis ] (Ordering.sort axis x)) (Ordering.sortDescending axis x)

[<Fact>]
let ``the k largest are the last of the sorted, and their positions are where they are`` () =
    let x = Random.normal key [ 4; 9 ]
    let values, places = Ordering.topK 1 3 x
    close (Tensor.flip [ 1 ] (Ordering.sort 1 x |> Tensor.sliceAxis 1 6 9 1)) values
    close values (Tensor.takeAlong 1 places x)

[<Fact>]
let ``a value goes where as many are below it`` () =
    forAll (Arb.zip (numbers, numbers)) (fun (data, values) ->
        let isNumber v = not (Double.IsNaN v)
        let sorted = data |> Array.filter isNumber |> Array.sort
        let values = Array.filter isNumber values

        let find after =
            Tensor.toArray<int>(Ordering.searchSorted after (Tensor.vector sorted) (Tensor.vector values))

        let count f =
            values
            |> Array.map (fun v -> sorted |> Array.filter (fun s -> f s v) |> Array.length)

        Assert.Equal<int[]>(count (<), find false)
        Assert.Equal<int[]>(count (<=), find true))

[<Fact>]
let ``quantiles lie on straight lines between sorted elements`` () =
    let x = Tensor.vector [ 4.0; 1.0; infinity; 3.0; 2.0 ]
    let at q = Tensor.toScalar (Ordering.quantile q 0 x)
    Assert.Equal<float list>([ 1.0; 2.0; 3.0; 3.5; infinity ], List.map at [ 0.0; 0.25; 0.5; 0.625; 1.0 ])
    let slope = Reverse.gradient (Ordering.median 0) (Tensor.vector [ 5.0; 1.0; 2.0; 9.0 ])
    Assert.Equal(Tensor.vector [ 0.5; 0.0; 0.5; 0.0 ], slope)

[<Fact>]
let ``a mask chooses slices, whose derivatives go back to them`` () =
    let x = Random.normal key [ 3; 2 ]
    let mask = Tensor.vector [ true; false; true ]
    close (Tensor.stack 0 [ x[0]; x[2] ]) (Ordering.masked mask x)
    let whole = Tensor.greater x (Tensor.zerosLike x)
    let positive = Reverse.gradient (fun x -> Tensor.sum (Ordering.masked whole x)) x
    close (Tensor.cast Float64 whole) positive

[<Fact>]
let ``a mask that is not known under jit is refused`` () =
    let positive = jit (fun (x: Tensor) -> Ordering.masked (Tensor.greater x (Tensor.zerosLike x)) x)

    let message =
        Assert.ThrowsAny<Exception>(Action(fun () -> positive (Random.normal key [ 3 ]) |> ignore)).Message

    Assert.Contains("jit", message)

[<Fact>]
let ``norms of every order are what they say, and flat at zero`` () =
    let x = Tensor.vector [ 3.0; -4.0; 0.0 ]
    let at p = Tensor.toScalar (Stats.norm p [ 0 ] x)
    Assert.Equal<float list>([ 7.0; 5.0; 4.0; 0.0; 2.0 ], List.map at [ 1.0; 2.0; infinity; -infinity; 0.0 ])
    Assert.Equal(Math.Pow(27.0 + 64.0, 1.0 / 3.0), at 3.0, 12)
    Assert.Equal(5e200, Tensor.toScalar (Stats.norm 2.0 [ 0 ] (x * 1e200)), 1e186)

    for p in [ 1.0; 2.0; 3.0; infinity ] do
        let zero = Tensor.zeros Float64 [ 3 ]
        Assert.Equal(zero, Reverse.gradient (Stats.norm p [ 0 ]) zero)
        Assert.Equal(zero, Forward.gradient (Stats.norm p [ 0 ]) zero)

[<Fact>]
let ``running sums of exponentials are exact at minus infinity and far from overflow`` () =
    let x = Tensor.vector [ -infinity; -infinity; 1000.0; 1000.0; 2000.0; -infinity ]
    let expected = [| -infinity; -infinity; 1000.0; 1000.0 + log 2.0; 2000.0; 2000.0 |]
    Assert.Equal<float[]>(expected, Tensor.toArray<float>(Stats.logCumSumExp 0 x))
    let y = Random.normal key [ 9 ]
    close (log (Tensor.cumsum 0 (exp y))) (Stats.logCumSumExp 0 y)
    let slope = Reverse.gradient (fun x -> (Stats.logCumSumExp 0 x)[5]) x
    Assert.Equal(Tensor.vector [ 0.0; 0.0; 0.0; 0.0; 1.0; 0.0 ], slope)

[<Fact>]
let ``standardized numbers have mean 0 and deviation 1, and correlations stay`` () =
    let x = Random.normal key [ 20; 3 ] * 5.0 + 2.0
    let z = Stats.standardize [ 0 ] x
    close (Tensor.zeros Float64 [ 3 ]) (Tensor.meanOver [ 0 ] z)
    close (Tensor.ones Float64 [ 3 ]) (Stats.deviationOver [ 0 ] z)
    close (Stats.correlation x) (Stats.covariance z)

[<Fact>]
let ``a quantile of what holds a NaN is NaN, and a NaN is sought last`` () =
    for q in [ 0.0; 0.3; 0.5; 1.0 ] do
        Assert.True(Double.IsNaN(Tensor.toScalar (Ordering.quantile q 0 (Tensor.vector [ 2.0; nan; 3.0 ]))))

    let sorted = Tensor.vector [ 1.0; 2.0; nan ]
    let values = Tensor.vector [ 0.0; 5.0; nan ]
    Assert.Equal<int[]>([| 0; 2; 2 |], Tensor.toArray<int>(Ordering.searchSorted false sorted values))
    Assert.Equal<int[]>([| 0; 2; 3 |], Tensor.toArray<int>(Ordering.searchSorted true sorted values))
