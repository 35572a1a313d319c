module Properties.ArrangingLaws

open System
open Xunit
open FsCheck.FSharp
open Ad.Tensors
open Ad.Functional
open Properties.Check

let private key = Key.ofSeed 31L
let private same (a: Tensor) (b: Tensor) = Assert.Equal(string a, string b)

/// Shapes of rank 1 to 4 with sizes 0 to 5, and one of their axes, counted from either end.
let private shapes =
    gen {
        let! rank = Gen.choose (1, 4)
        let! sizes = Gen.listOfLength rank (Gen.choose (0, 5))
        let! axis = Gen.choose (-rank, rank - 1)
        return sizes, axis
    }
    |> Arb.fromGen

[<Fact>]
let ``concat undoes split and chunk, stack undoes unstack`` () =
    forAll shapes (fun (sizes, axis) ->
        let x = Random.normal key sizes
        let n = x.Shape[(axis + x.Rank) % x.Rank]
        same x (Tensor.concat axis (Tensor.split axis [ n / 3; 0; n - n / 3 ] x))
        same x (Tensor.concat axis (Tensor.chunk axis (max 1 n) x))

        if n > 0 then
            same x (Tensor.stack ((axis + x.Rank) % x.Rank) (Tensor.unstack axis x)))

[<Fact>]
let ``an axis that is moved and moved back is where it was`` () =
    forAll shapes (fun (sizes, axis) ->
        let x = Random.normal key sizes

        for into in 0 .. x.Rank - 1 do
            let moved = Tensor.moveAxis axis into x
            Assert.Equal(x.Shape[(axis + x.Rank) % x.Rank], moved.Shape[into])
            same x (Tensor.moveAxis into axis moved))

[<Fact>]
let ``sumTo is the transpose of broadcastTo`` () =
    forAll shapes (fun (sizes, axis) ->
        let large = Random.normal key (2 :: sizes)

        let shape =
            sizes
            |> List.mapi (fun i n -> if i = (axis + sizes.Length) % sizes.Length then 1 else n)

        let small = Random.normal (Key.foldIn 1 key) shape
        let one = Tensor.sum (Tensor.broadcastTo large.Shape small * large) |> Tensor.toScalar
        let other = Tensor.sum (small * Tensor.sumTo shape large) |> Tensor.toScalar
        Assert.Equal(one, other, 1e-9))

[<Fact>]
let ``a part that is set or added lies where it was put, and its derivative with it`` () =
    let whole = Random.normal key [ 4; 5 ]
    let part = Random.normal (Key.foldIn 1 key) [ 2; 3 ]
    let at = [ 1; 2 ]
    let cut t = Tensor.slice [ 1, 3, 1; 2, 5, 1 ] t
    same part (cut (Tensor.setSlice at part whole))
    same (cut whole + part) (cut (Tensor.addSlice at part whole))
    let weights = Random.normal (Key.foldIn 2 key) [ 4; 5 ]
    let total put (part, whole) = Tensor.sum (weights * put at part whole)

    for gradient in [ Reverse.gradient; Forward.gradient ] do
        let byPart, byWhole = gradient (total Tensor.addSlice) (part, whole)
        same (cut weights) byPart
        same weights byWhole
        let byPart, byWhole = gradient (total Tensor.setSlice) (part, whole)
        same (cut weights) byPart
        same (Tensor.setSlice at (Tensor.zerosLike part) weights) byWhole

[<Fact>]
let ``a grid's coordinates change along their own axes`` () =
    match Tensor.meshgrid [ Tensor.vector [ 1.0; 2.0 ]; Tensor.vector [ 3.0; 4.0; 5.0 ] ] with
    | [ x; y ] ->
        same (Tensor.matrix [ [ 1.0; 1.0; 1.0 ]; [ 2.0; 2.0; 2.0 ] ]) x
        same (Tensor.matrix [ [ 3.0; 4.0; 5.0 ]; [ 3.0; 4.0; 5.0 ] ]) y
    | other -> failwith $"{other.Length} coordinates"

[<Fact>]
let ``logarithms to other bases, and numbers evenly spaced on a logarithmic scale`` () =
    let powers = Tensor.logspace DType.Float64 -2.0 3.0 6
    Assert.True(Tensor.allClose 1e-15 0.0 (Tensor.vector [ 0.01; 0.1; 1.0; 10.0; 100.0; 1000.0 ]) powers)
    Assert.True(Tensor.allClose 1e-14 1e-14 (Tensor.linspace DType.Float64 -2.0 3.0 6) (Tensor.log10 powers))

    Assert.True(
        Tensor.allClose 1e-15 0.0 (Tensor.vector [ 3.0; -1.0 ]) (Tensor.log2 (Tensor.vector [ 8.0; 0.5 ]))
    )

[<Fact>]
let ``differences undo running sums, and of fewer than two there are none`` () =
    forAll shapes (fun (sizes, axis) ->
        let x = Tensor.cast DType.Int32 (5.0 * Random.normal key sizes)
        let n = x.Shape[(axis + x.Rank) % x.Rank]
        same (Tensor.sliceAxis axis (min 1 n) n 1 x) (Tensor.diff axis (Tensor.cumsum axis x)))

[<Fact>]
let ``a cross product is at right angles to both, turns its sign with their order, and takes only three components``
    ()
    =
    let a, b = Random.normal key [ 4; 3 ], Random.normal (Key.ofSeed 32L) [ 2; 1; 3 ]
    let c = Tensor.cross -1 a b
    Assert.Equal<int>([ 2; 4; 3 ], Seq.toList c.Shape)

    for v in [ a; b ] do
        Assert.True(Tensor.toScalar (Tensor.max (abs (Tensor.sumOver [ -1 ] (v * c)))) < 1e-14)

    same c (-(Tensor.cross -1 b a))
    let swap = Tensor.swapAxes 0 1 (Tensor.cross 0 (Tensor.transpose a) (Tensor.transpose (a * a)))
    same swap (Tensor.cross 1 a (a * a))
    let refused = Assert.Throws<ArgumentException>(fun () -> Tensor.cross 0 a a |> ignore)
    Assert.Contains("three components", refused.Message)

[<Fact>]
let ``lengths of two, whole parts and finite numbers at their hard points, in value and in both derivatives``
    ()
    =
    let both (value: float, slopes: float list) f (x: float list) =
        let x = Tensor.vector x
        let f x = Tensor.sum (f x)

        for expected, actual in
            [ Tensor.scalar value, f x
              Tensor.vector slopes, grad f x
              Tensor.vector slopes, Forward.gradient f x ] do
            Assert.True(Tensor.allClose 1e-15 0.0 expected actual, $"{actual} for {expected} at {x}")

    let ofTwo f (x: Tensor) = f x[0] x[1]
    both (5.0, [ 0.6; 0.8 ]) (ofTwo Tensor.hypot) [ 3.0; 4.0 ]
    both (0.0, [ 0.0; 0.0 ]) (ofTwo Tensor.hypot) [ 0.0; 0.0 ]
    both (5e200, [ 0.6; -0.8 ]) (fun x -> ofTwo Tensor.hypot x) [ 3e200; -4e200 ]
    both (0.0, [ 0.0; 0.0 ]) (ofTwo Tensor.xlogy) [ 0.0; 0.0 ]
    both (0.0, [ log 2.0; 0.0 ]) (ofTwo Tensor.xlogy) [ 0.0; 2.0 ]
    both (0.0, [ 0.0; 0.0 ]) (ofTwo Tensor.xlogy) [ 0.0; infinity ]
    both (3.0 * log 2.0, [ log 2.0; 1.5 ]) (ofTwo Tensor.xlogy) [ 3.0; 2.0 ]
    both (0.0, [ 4.0 ]) Tensor.logit [ 0.5 ]
    both (1.0, [ 0.0; 0.0; 0.0 ]) Tensor.trunc [ -2.7; 3.9; 0.5 ]
    both (2.0, [ 1.0; 0.0 ]) Tensor.nanToNum [ 2.0; nan ]
    Assert.True(Double.IsNaN(Tensor.toScalar (Tensor.xlogy (Tensor.scalar 0.0) (Tensor.scalar nan))))

    same
        (Tensor.vector [ infinity; infinity ])
        (Tensor.hypot (Tensor.vector [ infinity; 1.0 ]) (Tensor.vector [ 2.0; -infinity ]))

    for dtype in [ DType.Float16; DType.BFloat16; DType.Float32; DType.Float64 ] do
        let x = Tensor.cast dtype (Tensor.vector [ infinity; -infinity; 1.0 ])
        let finite = Tensor.nanToNum x
        Assert.Equal(1.0, Tensor.toScalar (Tensor.all (Tensor.isFinite finite)))
        // The next number up is infinite.
        Assert.Equal(1.0, Tensor.toScalar (Tensor.any (Tensor.isInfinite (finite * 1.01))))

[<Fact>]
let ``close is what differs little, infinities only themselves and NaN nothing`` () =
    let close a b = Tensor.allClose 1e-3 1e-6 (Tensor.vector [ a ]) (Tensor.vector [ b ])
    Assert.True(close 1.0 1.0009 && close 0.0 1e-6 && close infinity infinity)

    Assert.False(
        close 1.0 1.002
        || close 0.0 1.1e-6
        || close infinity -infinity
        || close 1e300 infinity
        || close nan nan
    )

    Assert.True(Tensor.allClose 0.0 0.0 (Tensor.vector [ 1; 2 ]) (Tensor.vector [ 1; 2 ]))

[<Fact>]
let ``any and all are the or and and of booleans`` () =
    let x = Tensor.vector [ 1.0; infinity; nan ]
    Assert.Equal(1.0, Tensor.toScalar (Tensor.any (Tensor.isInfinite x)))
    Assert.Equal(0.0, Tensor.toScalar (Tensor.all (Tensor.isInfinite x)))
    Assert.Equal(1.0, Tensor.toScalar (Tensor.all (Tensor.isInfinite x[1..1])))
    Assert.Throws<ArgumentException>(fun () -> Tensor.any x |> ignore) |> ignore

[<Fact>]
let ``what does not fit is an error that names it`` () =
    let x = Random.normal key [ 4; 5 ]

    let says (text: string) (f: unit -> obj) =
        let e = Assert.Throws<ArgumentException>(fun () -> f () |> ignore)
        Assert.Contains(text, e.Message)

    says "do not add up to the 5 elements along axis 1" (fun () -> Tensor.split 1 [ 2; 2 ] x)
    says "into 3 pieces of one size" (fun () -> Tensor.chunk 1 3 x)
    says "does not lie within" (fun () -> Tensor.addSlice [ 3; 0 ] (Tensor.ones DType.Float64 [ 2; 1 ]) x)
    says "cannot be repeated to" (fun () -> Tensor.sumTo [ 3; 5 ] x)
    says "takes vectors" (fun () -> Tensor.meshgrid [ x ])

[<Fact>]
let ``whole powers of integers are products`` () =
    let x = Tensor.vector [ -3; -1; 0; 1; 2; 7 ]

    for n in 0..7 do
        let product = Seq.fold (fun y _ -> y * x) (Tensor.onesLike x) (seq { 1..n })
        same product (x ** n)
        same product (x ** float n)

    same (Tensor.vector [ 1L <<< 62 ]) (Tensor.vector [ 2L ] ** 62)

[<Fact>]
let ``a float is printed as one, where rounding makes it whole too`` () =
    Assert.Equal(
        "[-1.0, 2.0, 1.0, 1E-07] : float64[4]",
        string (Tensor.vector [ -1.0000000000000002; 1.9999999999; 1.0; 1e-7 ])
    )

[<Fact>]
let ``negative padding undoes padding, and may cut off more at one end than there is`` () =
    forAll shapes (fun (sizes, _) ->
        let x = Random.normal key sizes
        let widths = sizes |> List.mapi (fun a _ -> a, 2 * a + 1)
        same x (Tensor.pad widths x |> Tensor.pad [ for low, high in widths -> -low, -high ])
        let isLeft = sizes |> List.mapi (fun a n -> if a = 0 then -n - 2, n + 3 else 0, 0)
        let zeros = sizes |> List.mapi (fun a n -> if a = 0 then n + 1 else n)
        same (Tensor.zeros Float64 zeros) (Tensor.pad isLeft x)
        let objective x = Tensor.sum (Tensor.square (Tensor.pad [ for n in sizes -> -(n / 2), 1 ] x))
        same (Forward.gradient objective x) (Reverse.gradient objective x))

[<Fact>]
let ``tile repeats the last axes, and makes new ones in front`` () =
    let x = Tensor.vector [ 1; 2 ]
    same (Tensor.vector [ 1; 2; 1; 2; 1; 2 ]) (Tensor.tile [ 3 ] x)
    same (Tensor.matrix [ [ 1; 2; 1; 2 ]; [ 1; 2; 1; 2 ]; [ 1; 2; 1; 2 ] ]) (Tensor.tile [ 3; 2 ] x)
    let rows = Tensor.matrix [ [ 1; 2 ]; [ 3; 4 ] ]
    same (Tensor.matrix [ [ 1; 2; 1; 2 ]; [ 3; 4; 3; 4 ] ]) (Tensor.tile [ 2 ] rows)
    same (Tensor.vector [ 5; 5 ]) (Tensor.tile [ 2 ] (Tensor.scalar 5))

    Assert.Throws<ArgumentException>(fun () -> Tensor.tile [ -1 ] x |> ignore)
    |> ignore

[<Fact>]
let ``takeAlong repeats axes of size 1, of either side`` () =
    let x = Random.normal key [ 3; 4 ]
    let one = Tensor.ofArray [ 1; 2 ] [| 2; 0 |]
    same (Tensor.takeAlong 1 (Tensor.tile [ 3; 1 ] one) x) (Tensor.takeAlong 1 one x)
    let row, many = x[1..1, *], Tensor.ofArray [ 3; 2 ] [| 0; 1; 2; 3; 3; 3 |]
    same (Tensor.takeAlong 1 many (Tensor.tile [ 3; 1 ] row)) (Tensor.takeAlong 1 many row)

[<Fact>]
let ``element i of diagonal k is element i, i + k, and its gradient goes back there`` () =
    for n, m in [ 0, 3; 1, 1; 3, 3; 2, 5; 5, 2; 4, 3 ] do
        let x = Random.normal key [ 2; n; m ]

        for k in -6 .. 6 do
            let places =
                [ for i in 0 .. n - 1 do
                      if i + k >= 0 && i + k < m then
                          i ]

            let d = Linalg.diagonalAt k x
            Assert.Equal<int list>([ 2; places.Length ], Tensor.shape d)

            for i in places do
                same x[*, i, i + k] d[*, i - places.Head]

            let isThere = Linalg.triu k (Linalg.tril k (Tensor.onesLike x))
            same isThere (grad (fun x -> Tensor.sum (Linalg.diagonalAt k x)) x)

        same (Linalg.diagonalAt 0 x) (Linalg.diagonal x)
        let sum = Tensor.toScalar (Tensor.sum (Linalg.diagonal x[0]))
        Assert.Equal(sum, Tensor.toScalar (Tensor.trace x[0]), 12)

[<Fact>]
let ``dilate puts zeros between, slices with steps take them out, and the derivatives are each other's`` () =
    forAll shapes (fun (sizes, _) ->
        let x = Random.normal key sizes
        let factors = sizes |> List.mapi (fun a _ -> a + 1)
        let wide = Tensor.dilate factors x
        let grown = List.map2 (fun n f -> if n = 0 then 0 else (n - 1) * f + 1) sizes factors
        Assert.Equal<int list>(grown, Tensor.shape wide)
        let taken = Tensor.slice (List.map2 (fun n f -> 0, n, f) grown factors)
        same x (taken wide)
        // Zeros add nothing, but the others are added in another order.
        Assert.True(Tensor.allClose 1e-13 0.0 (Tensor.sum (abs x)) (Tensor.sum (abs wide)))
        let w = Random.normal key grown
        same (taken w) (grad (fun x -> Tensor.sum (w * Tensor.dilate factors x)) x))

[<Fact>]
let ``integers and truths are finite`` () =
    for x in
        [ Tensor.vector [ 3; -1 ]
          Tensor.cast Bool (Tensor.vector [ 1; 0 ])
          Tensor.cast Int64 (Tensor.vector [ 3; -1 ]) ] do
        Assert.Equal<bool[]>([| true; true |], Tensor.toArray<bool>(Tensor.isFinite x))
        Assert.Equal<bool[]>([| false; false |], Tensor.toArray<bool>(Tensor.isInfinite x))
        Assert.Equal<bool[]>([| false; false |], Tensor.toArray<bool>(Tensor.isNaN x))

[<Fact>]
let ``standardized, what is constant is 0, and so is its derivative`` () =
    let x = Tensor.matrix [ [ 2.0; 1.0 ]; [ 2.0; 3.0 ]; [ 2.0; 5.0 ] ]
    same (Tensor.matrix [ [ 0.0; -1.0 ]; [ 0.0; 0.0 ]; [ 0.0; 1.0 ] ]) (Stats.standardize [ 0 ] x)
    same (Tensor.zeros Float64 [ 1 ]) (Stats.standardize [ 0 ] (Tensor.vector [ 7.0 ]))
    let g = grad (fun x -> Tensor.sum (Tensor.square (Stats.standardize [ 0 ] x))) x
    Assert.True(Tensor.toScalar (Tensor.max (abs g)) < 1e-12)
