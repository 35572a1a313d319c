/// Points where other systems have been seen to give wrong values or derivatives.
module Properties.HardPoints

open System
open Xunit
open Ad.Functional
open Ad.Checks

let private value (t: Tensor) = Tensor.toScalar t
let private floats (t: Tensor) = Tensor.toArray<float> t

let private both (f: Tensor -> Tensor) (x: float) =
    let x = Tensor.scalar x
    value (Forward.gradient f x), value (Reverse.gradient f x)

let private gives expected f x = Assert.Equal((expected, expected), both f x)

let private rows = Tensor.matrix [ [ 0.0; 0.0 ]; [ 1000.0; 1000.0 ] ]

[<Fact>]
let ``softmax subtracts each row's own maximum`` () =
    Assert.Equal<float[]>([| 0.5; 0.5; 0.5; 0.5 |], floats (Tensor.softmax 1 rows))

[<Fact>]
let ``logSumExp subtracts each row's own maximum`` () =
    let result = floats (Tensor.logSumExpOver [ 1 ] rows)
    Assert.Equal(log 2.0, result[0], 15)
    Assert.Equal(1000.0 + log 2.0, result[1], 12)
    let wide = Tensor.logSumExpOver [ 1 ] (Tensor.matrix [ [ 0.0f; 0.0f ]; [ 200.0f; 200.0f ] ])
    Assert.Equal<float32[]>([| float32 (log 2.0); 200.0f + float32 (log 2.0) |], Tensor.toArray<float32> wide)

[<Fact>]
let ``cross entropy of that batch is log 2`` () =
    Assert.Equal(log 2.0, value (Losses.crossEntropy rows (Tensor.vector [ 0; 1 ])), 12)

[<Fact>]
let ``dropout keeps the expectation, in training and in prediction`` () =
    let x = Tensor.ones Float64 [ 100_000 ]
    let layer = Layer.dropout 0.5
    let trained = value (Tensor.mean (layer.Apply (Training(Key.ofSeed 3L)) () x))
    Assert.InRange(trained, 0.99, 1.01)
    Assert.Equal(1.0, value (Tensor.mean (layer.Apply Inference () x)))

[<Fact>]
let ``the maximum of -1e8 and 1 is 1`` () =
    Assert.Equal(1.0, value (Tensor.maximum (Tensor.scalar -1e8f) (Tensor.scalar 1.0f)))

[<Fact>]
let ``x to the 0 has derivative 0 at 0`` () =
    gives 0.0 (fun x -> x ** 0.0) 0.0
    gives 0.0 (fun x -> Tensor.pow x (Tensor.zerosLike x)) 0.0

[<Fact>]
let ``x to the 1 has second derivative 0 at 0`` () =
    gives 0.0 (Reverse.gradient (fun x -> Tensor.pow x (Tensor.onesLike x))) 0.0
    gives 0.0 (Forward.gradient (fun x -> x ** 1.0)) 0.0

[<Fact>]
let ``a power varies with its exponent where the exponent is zero`` () =
    let f (p: Tensor) = Tensor.pow p[0] p[1]

    let nestings =
        [ hessian f
          Forward.jacobian (Forward.gradient f)
          Reverse.jacobian (Reverse.gradient f)
          Reverse.jacobian (Forward.gradient f) ]

    for x in [ 0.5; 2.0; 4.0 ] do
        for y in [ -1.0; 0.0; 1.0; 2.0 ] do
            let mixed = x ** (y - 1.0) * (1.0 + y * log x)
            let expected = [| y * (y - 1.0) * x ** (y - 2.0); mixed; mixed; x ** y * log x ** 2.0 |]

            for nesting in nestings do
                Seq.iter2
                    (fun (a: float) (b: float) -> Assert.Equal(a, b, 1e-13))
                    expected
                    (floats (nesting (Tensor.vector [ x; y ])))

[<Fact>]
let ``squareplus neither overflows nor loses digits`` () =
    let f = Activations.squareplus 4.0
    Assert.Equal<float[]>([| 0.0; 1.0; infinity |], floats (f (Tensor.vector [ -infinity; 0.0; infinity ])))
    gives 0.0 f -infinity
    gives 0.5 f 0.0
    gives 1.0 f infinity
    gives 1.0 f 1e200
    Assert.Equal<float32[]>([| 1e20f |], Tensor.toArray<float32>(f (Tensor.vector [ 1e20f ])))

    // The values at x and -x have the product b / 4, and the derivative is the value over sqrt(x^2 + b).
    for x in [ 1e-9; 0.3; 1.0; 7.0; 1e3; 1e9; 1e150 ] do
        let above, below = value (f (Tensor.scalar x)), value (f (Tensor.scalar -x))
        Assert.Equal(1.0, above * below, 1e-15)
        let forward, reverse = both f -x
        Assert.Equal(1.0, forward / (below / Math.Sqrt(x * x + 4.0)), 1e-14)
        Assert.Equal(forward, reverse, 1e-15)

[<Fact>]
let ``x to the y has gradient 0, 0 at 0, 2`` () =
    let f (x: Tensor, y: Tensor) = Tensor.pow x y
    let zero = Tensor.scalar 0.0
    Assert.Equal((zero, zero), Reverse.gradient f (zero, Tensor.scalar 2.0))
    Assert.Equal((zero, zero), Forward.gradient f (zero, Tensor.scalar 2.0))

[<Fact>]
let ``sqrt x times 0 has derivative 0 at 0`` () = gives 0.0 (fun x -> sqrt x * 0.0) 0.0

[<Fact>]
let ``the gradient of a function of a matrix is a matrix`` () =
    let m = Tensor.matrix [ [ 1.0; 2.0 ]; [ 3.0; 4.0 ] ]
    Assert.Equal(2.0 * m, Reverse.gradient (fun m -> Tensor.sum (m * m)) m)
    Assert.Equal(2.0 * m, Forward.gradient (fun m -> Tensor.sum (m * m)) m)

[<Fact>]
let ``a sum of 2^24 + 8 ones is exact in float32`` () =
    let n = (1 <<< 24) + 8
    Assert.Equal(float n, value (Tensor.sum (Tensor.ones Float32 [ n ])))
    Assert.Equal(float n, value (Tensor.sum (Tensor.ofArray [ n ] (Array.create n 1.0f))))

[<Fact>]
let ``the mean of ten million tenths is a tenth in float32`` () =
    let x = Tensor.ofArray [ 10_000_000 ] (Array.create 10_000_000 0.1f)
    Assert.Equal(0.1, value (Tensor.mean x), 7)

[<Fact>]
let ``the gradient of the norm at 0 is 0, of every order`` () =
    let zero = Tensor.zeros Float64 [ 3 ]
    Assert.Equal(zero, Reverse.gradient Tensor.norm zero)
    Assert.Equal(zero, Forward.gradient Tensor.norm zero)

[<Fact>]
let ``the norm neither overflows nor underflows where its elements do not`` () =
    let check (x: Tensor) (norm: float) =
        let y, g = Reverse.valueAndGradient Tensor.norm x
        Assert.Equal(norm, value y)
        Assert.Equal(Tensor.vector [ 1.0f; 0.0f ], g)
        Assert.Equal(Tensor.vector [ 1.0f; 0.0f ], Forward.gradient Tensor.norm x)

    check (Tensor.vector [ 1e-23f; 0.0f ]) (float 1e-23f)
    check (Tensor.vector [ 1e20f; 0.0f ]) (float 1e20f)
    Assert.Equal(infinity, value (Tensor.norm (Tensor.vector [ infinity; 1.0 ])))
    Assert.Equal(0.0, value (Tensor.norm (Tensor.zeros Float64 [ 0 ])))

[<Fact>]
let ``a class that there is no logit for is an error, not another class`` () =
    for wrong in [ -1; 3 ] do
        let loss = Losses.crossEntropy (Tensor.zeros Float64 [ 1; 3 ]) (Tensor.vector [ wrong ])
        Assert.ThrowsAny<Exception>(fun () -> value loss |> ignore) |> ignore

[<Fact>]
let ``max pooling of very small entries gives the entries`` () =
    let x = Tensor.full Float32 [ 1; 1; 4; 4 ] -3e7
    Assert.Equal(Tensor.full Float32 [ 1; 1; 2; 2 ] -3e7, Tensor.maxPool [ 2; 2 ] [ 2; 2 ] x)

[<Fact>]
let ``average pooling works along one axis and has the mean's derivative`` () =
    let x = Tensor.matrix [ [ 1.0; 2.0; 3.0; 4.0 ] ]
    Assert.Equal(Tensor.matrix [ [ 1.5; 3.5 ] ], Tensor.avgPool [ 2 ] [ 2 ] x)

    Assert.Equal(
        Tensor.full Float64 [ 1; 4 ] 0.5,
        Reverse.gradient (Tensor.avgPool [ 2 ] [ 2 ] >> Tensor.sum) x
    )

[<Fact>]
let ``the largest and the smallest of numbers with a NaN are NaN, wherever it stands`` () =
    for place in 0..2 do
        let x = Tensor.vector (Array.init 3 (fun i -> if i = place then nan else float i))
        Assert.True(Double.IsNaN(value (Tensor.max x)))
        Assert.True(Double.IsNaN(value (Tensor.min x)))

[<Fact>]
let ``the identity passes derivatives on`` () = gives 2.0 (fun x -> Tensor.identity x * 2.0) 1.0

[<Fact>]
let ``two types meet only by a cast, which derivatives pass`` () =
    let x = Tensor.scalar 2.0f
    let c = Tensor.scalar 3.0
    let error = Assert.Throws<ArgumentException>(fun () -> Reverse.gradient (fun x -> x * c) x |> ignore)
    Assert.Contains("float32", error.Message)
    Assert.Contains("float64", error.Message)
    Assert.Equal(Tensor.scalar 3.0f, Reverse.gradient (fun x -> x * Tensor.cast Float32 c) x)

[<Fact>]
let ``a plain number takes the tensor's type`` () =
    Assert.Equal(Float32, Tensor.dtype (2.0 * Tensor.scalar 1.0f + 1.0))
    Assert.Equal(Int32, Tensor.dtype (2 * Tensor.scalar 1 + 1))

[<Fact>]
let ``a vector of length 0 has a gradient of length 0`` () =
    let empty = Tensor.zeros Float64 [ 0 ]
    Assert.Equal(empty, Reverse.gradient (fun x -> Tensor.sum (sin x)) empty)
    Assert.Equal(empty, Forward.gradient (fun x -> Tensor.sum (sin x)) empty)

[<Fact>]
let ``a tensor does not change when the array it was made of does`` () =
    let data = [| 1.0f; 2.0f |]
    let x = Tensor.ofArray [ 2 ] data
    data[0] <- 9.0f
    Assert.Equal(Tensor.vector [ 1.0f; 2.0f ], x)
    (Tensor.toArray<float32> x)[0] <- 9.0f
    Assert.Equal(Tensor.vector [ 1.0f; 2.0f ], x)

[<Fact>]
let ``a range keeps its axis, however its bounds are written`` () =
    let p = Tensor.arange Float64 5
    Assert.Equal<int list>([ 1 ], Tensor.shape p[4..4])
    Assert.Equal<int list>([ 1 ], Tensor.shape p[4..])
    Assert.Equal<int list>([ 0 ], Tensor.shape p[5..])
    Assert.Equal<int list>([], Tensor.shape p[4])
    Assert.Equal(4.0, value p[-1])

[<Fact>]
let ``equality compares types, shapes and elements, and raises nothing`` () =
    Assert.NotEqual(Tensor.scalar 1.0f :> obj, Tensor.scalar 1.0)
    Assert.NotEqual(Tensor.vector [ 1.0 ], Tensor.scalar 1.0)
    Assert.Equal(Tensor.vector [ 1.0; nan ], Tensor.vector [ 1.0; nan ])
    Assert.Equal(Tensor.vector [ 3.0 ], Tensor.vector [ 1.0 ] + 2.0)
    Assert.Equal((Tensor.vector [ 3.0 ]).GetHashCode(), (Tensor.vector [ 1.0 ] + 2.0).GetHashCode())

[<Fact>]
let ``where never leaks a NaN from the side not taken`` () =
    gives 1.0 (fun x -> Tensor.where (Tensor.greater x (Tensor.fullLike x 5.0)) (log (x - 7.0)) x) 2.0

    gives
        0.0
        (fun x -> Tensor.where (Tensor.greater x (Tensor.zerosLike x)) (sqrt x) (Tensor.zerosLike x))
        0.0

    gives 1.0 (fun x -> Tensor.where (Tensor.less x (Tensor.fullLike x 10.0)) (exp x) x) 1000.0

    gives
        0.0
        (Reverse.gradient (fun x -> Tensor.where (Tensor.less x (Tensor.fullLike x 10.0)) (exp x) x))
        1000.0

[<Fact>]
let ``kinks have the documented derivative in both modes`` () =
    gives 0.0 abs 0.0
    gives 0.0 Tensor.relu 0.0
    gives 0.0 (Tensor.clip 0.0 1.0) 0.0
    gives 0.0 (Tensor.clip 0.0 1.0) 1.0
    gives 0.5 (fun x -> Tensor.maximum x (Tensor.zerosLike x)) 0.0
    gives 0.5 (fun x -> Tensor.minimum x (Tensor.zerosLike x)) 0.0
    gives 0.0 floor 0.5
    gives infinity sqrt 0.0
    gives 0.5 Tensor.softplus 0.0

[<Fact>]
let ``ties share the derivative evenly`` () =
    let x = Tensor.vector [ 1.0; 3.0; 3.0; 2.0 ]
    Assert.Equal(Tensor.vector [ 0.0; 0.5; 0.5; 0.0 ], Reverse.gradient Tensor.max x)
    Assert.Equal(Tensor.vector [ 0.0; 0.5; 0.5; 0.0 ], Forward.gradient Tensor.max x)

[<Fact>]
let ``a product with zeros has exact derivatives of first and second order`` () =
    let x = Tensor.vector [ 0.0; 2.0; 3.0 ]
    Assert.Equal(Tensor.vector [ 6.0; 0.0; 0.0 ], Reverse.gradient Tensor.prod x)
    let expected = Tensor.matrix [ [ 0.0; 3.0; 2.0 ]; [ 3.0; 0.0; 0.0 ]; [ 2.0; 0.0; 0.0 ] ]
    Assert.Equal(expected, hessian Tensor.prod x)
    let twoZeros = Tensor.vector [ 0.0; 0.0; 3.0 ]
    Assert.Equal(Tensor.zeros Float64 [ 3 ], Reverse.gradient Tensor.prod twoZeros)

[<Fact>]
let ``atan2 at the origin has derivative 0`` () =
    let zero = Tensor.scalar 0.0
    Assert.Equal((zero, zero), Reverse.gradient (fun (y, x) -> Tensor.atan2 y x) (zero, zero))

[<Fact>]
let ``losses stay finite far from their targets, with the right slope`` () =
    for z in [ 1e4; 50.0; -50.0; -1e4 ] do
        let loss z = Losses.binaryCrossEntropy z (Tensor.onesLike z)
        let z = Tensor.vector [ z ]
        let y, g = Reverse.valueAndGradient loss z
        Assert.True(Double.IsFinite(value y))
        Assert.Equal(value (Tensor.sigmoid z - 1.0), value g, 14)

    let extreme = Tensor.matrix [ [ 1000.0; 0.0; -1000.0 ] ]
    let loss z = Losses.crossEntropy z (Tensor.vector [ 2 ])
    let y, g = Reverse.valueAndGradient loss extreme
    Assert.Equal(2000.0, value y)
    Assert.Equal(Tensor.matrix [ [ 1.0; 0.0; -1.0 ] ], g)

[<Fact>]
let ``logSumExp of infinities is what the limit is`` () =
    Assert.Equal(-infinity, value (Tensor.logSumExp (Tensor.vector [ -infinity; -infinity ])))
    Assert.Equal(infinity, value (Tensor.logSumExp (Tensor.vector [ infinity; 0.0 ])))
    Assert.Equal(1.0, value (Tensor.logSumExp (Tensor.vector [ -infinity; 1.0 ])))

[<Fact>]
let ``sigmoid and softplus neither overflow nor lose small values`` () =
    Assert.Equal<float[]>([| 0.0; 1.0 |], floats (Tensor.sigmoid (Tensor.vector [ -1e4; 1e4 ])))
    Assert.True(Close.within 2 (Math.Exp -40.0) (value (Tensor.softplus (Tensor.scalar -40.0))))
    Assert.Equal(1e4, value (Tensor.softplus (Tensor.scalar 1e4)))

[<Fact>]
let ``a chain of a hundred thousand operations neither overflows the stack nor loses its derivative`` () =
    let f (x: Tensor) = Seq.fold (fun y _ -> y + 1e-6) x (seq { 1..100_000 })
    gives 1.0 f 1.0
