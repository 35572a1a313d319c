// Derivatives where calculus gives none, or more than one: kinks, ties, zeros, infinities. Both modes must say the same.
#load "lib/Prelude.fsx"

open System
open Ad.Functional

let infinite = Double.PositiveInfinity

let number (x: float) = if x = 0.0 then "0" else x.ToString "G6"

// The value and the derivatives of f at numbers, by reverse mode, if forward mode gives the same to the bit.
let at (values: float list) (f: Tensor list -> Tensor) =
    let x = values |> List.map Tensor.scalar
    let y = f x
    let reverse = Reverse.gradient f x |> List.map Tensor.toScalar
    let forward = Forward.gradient f x |> List.map Tensor.toScalar

    if not (List.forall2 (fun (a: float) b -> a.Equals b) forward reverse) then
        failwith $"forward {forward}, reverse {reverse}"

    $"{number (Tensor.toScalar y)}, " + String.Join(" ", List.map number reverse)

let one name (f: Tensor -> Tensor) points =
    for point in points do
        printfn $"{name, -22} at {number point}: {at [ point ] (fun x -> f x[0])}"

let two name (f: Tensor -> Tensor -> Tensor) points =
    for a, b in points do
        printfn $"{name, -22} at ({number a}, {number b}): {at [ a; b ] (fun x -> f x[0] x[1])}"

printfn "function               at point: value, derivative(s)"
one "abs x" abs [ 0.0 ]
one "relu x" Tensor.relu [ 0.0 ]
one "sign x" Tensor.sign [ 0.0; 2.0 ]
one "floor x" floor [ 2.0; 2.5 ]
one "round x" round [ 0.5; 1.5 ]
one "clip 0 1 x" (Tensor.clip 0.0 1.0) [ -1.0; 0.0; 0.5; 1.0; 2.0 ]
two "max x y" Tensor.maximum [ 1.0, 1.0; 1.0, 2.0 ]
two "min x y" Tensor.minimum [ (1.0, 1.0) ]
one "leakyRelu 0.1 x" (Tensor.leakyRelu 0.1) [ 0.0 ]
one "elu 1 x" (Activations.elu 1.0) [ 0.0 ]
one "elu 2 x" (Activations.elu 2.0) [ 0.0 ]
//> function               at point: value, derivative(s)
//> abs x                  at 0: 0, 0
//> relu x                 at 0: 0, 0
//> sign x                 at 0: 0, 0
//> sign x                 at 2: 1, 0
//> floor x                at 2: 2, 0
//> floor x                at 2.5: 2, 0
//> round x                at 0.5: 0, 0
//> round x                at 1.5: 2, 0
//> clip 0 1 x             at -1: 0, 0
//> clip 0 1 x             at 0: 0, 0
//> clip 0 1 x             at 0.5: 0.5, 1
//> clip 0 1 x             at 1: 1, 0
//> clip 0 1 x             at 2: 1, 0
//> max x y                at (1, 1): 1, 0.5 0.5
//> max x y                at (1, 2): 2, 0 1
//> min x y                at (1, 1): 1, 0.5 0.5
//> leakyRelu 0.1 x        at 0: 0, 0.1
//> elu 1 x                at 0: 0, 1
//> elu 2 x                at 0: 0, 2

printfn "zeros"
one "sqrt x" sqrt [ 0.0 ]
one "sqrt x * 0" (fun x -> sqrt x * 0.0) [ 0.0 ]
one "sqrt (x * x)" (fun x -> sqrt (x * x)) [ 0.0 ]
one "x ** 0" (fun x -> x ** 0.0) [ 0.0; 2.0 ]
one "x ** 1" (fun x -> x ** 1.0) [ 0.0 ]
one "x ** 2" (fun x -> x ** 2.0) [ 0.0 ]
one "x ** 0.5" (fun x -> x ** 0.5) [ 0.0 ]
one "x ** -1" (fun x -> x ** -1.0) [ 0.0 ]
two "x ** y" (fun x y -> x ** y) [ 0.0, 0.0; 0.0, 1.0; 0.0, 2.0; -2.0, 3.0 ]
one "log x" log [ 0.0; -1.0 ]
two "x / y" (fun x y -> x / y) [ 0.0, 0.0; 1.0, 0.0 ]
two "atan2 y x" Tensor.atan2 [ 0.0, 0.0; 0.0, -1.0; 1.0, 0.0 ]
one "digamma x" Tensor.digamma [ 0.0; -1.0 ]
one "erfinv x" Tensor.erfinv [ 1.0 ]
one "erfcinv x" Tensor.erfcinv [ 0.0 ]
one "logNdtr x" Tensor.logNdtr [ -1e6 ]
one "besselIe 0 x" (Tensor.besselIe 0) [ 0.0 ]
one "sinc x" Tensor.sinc [ 0.0; 1.0 ]
one "entr x" Tensor.entr [ 0.0; -1.0 ]
two "relEntr x y" Tensor.relEntr [ 0.0, 1.0; 0.0, 0.0; 1.0, 0.0 ]
two "klDiv x y" Tensor.klDiv [ 0.0, 1.0; 1.0, 1.0 ]
one "gammainc 2 x" (Tensor.gammainc (Tensor.scalar 2.0)) [ 0.0; -1.0 ]
two "zeta s q" Tensor.zeta [ 1.0, 1.0; 2.0, 0.0 ]
//> zeros
//> sqrt x                 at 0: 0, Infinity
//> sqrt x * 0             at 0: 0, 0
//> sqrt (x * x)           at 0: 0, 0
//> x ** 0                 at 0: 1, 0
//> x ** 0                 at 2: 1, 0
//> x ** 1                 at 0: 0, 1
//> x ** 2                 at 0: 0, 0
//> x ** 0.5               at 0: 0, Infinity
//> x ** -1                at 0: Infinity, -Infinity
//> x ** y                 at (0, 0): 1, 0 0
//> x ** y                 at (0, 1): 0, 1 0
//> x ** y                 at (0, 2): 0, 0 0
//> x ** y                 at (-2, 3): -8, 12 NaN
//> log x                  at 0: -Infinity, Infinity
//> log x                  at -1: NaN, -1
//> x / y                  at (0, 0): NaN, Infinity NaN
//> x / y                  at (1, 0): Infinity, Infinity -Infinity
//> atan2 y x              at (0, 0): 0, 0 0
//> atan2 y x              at (0, -1): 3.14159, -1 0
//> atan2 y x              at (1, 0): 1.5708, 0 -1
//> digamma x              at 0: -Infinity, Infinity
//> digamma x              at -1: NaN, Infinity
//> erfinv x               at 1: Infinity, Infinity
//> erfcinv x              at 0: Infinity, -Infinity
//> logNdtr x              at -1E+06: -5E+11, 1E+06
//> besselIe 0 x           at 0: 1, 0
//> sinc x                 at 0: 1, 0
//> sinc x                 at 1: 0, -1
//> entr x                 at 0: 0, 0
//> entr x                 at -1: -Infinity, 0
//> relEntr x y            at (0, 1): 0, 0 0
//> relEntr x y            at (0, 0): 0, 0 0
//> relEntr x y            at (1, 0): Infinity, 0 0
//> klDiv x y              at (0, 1): 1, 0 1
//> klDiv x y              at (1, 1): 0, 0 0
//> gammainc 2 x           at 0: 0, 0
//> gammainc 2 x           at -1: NaN, 0
//> zeta s q               at (1, 1): Infinity, -2.02824E+31 -1.64493
//> zeta s q               at (2, 0): Infinity, Infinity -Infinity

let vector name (f: Tensor -> Tensor) (values: float list) =
    let x = Tensor.vector values
    let reverse, forward = Reverse.gradient f x, Forward.gradient f x

    if reverse <> forward then
        failwith $"forward {forward}, reverse {reverse}"

    let text (t: Tensor) = Tensor.toArray<float> t |> Array.map number |> String.concat " "

    printfn $"{name, -22} at [{text x}]: {number (Tensor.toScalar (f x))}, {text reverse}"

printfn "vectors"
vector "norm" Tensor.norm [ 0.0; 0.0 ]
vector "norm" Tensor.norm [ 1e-200; 0.0 ]
vector "max" Tensor.max [ 1.0; 3.0; 3.0 ]
vector "min" Tensor.min [ 2.0; 2.0; 2.0; 2.0 ]
vector "prod" Tensor.prod [ 0.0; 2.0; 3.0 ]
vector "prod" Tensor.prod [ 0.0; 0.0; 3.0 ]
vector "logSumExp" Tensor.logSumExp [ -infinite; -infinite ]
vector "logSumExp" Tensor.logSumExp [ -infinite; 0.0 ]
vector "logSumExp" Tensor.logSumExp [ infinite; 0.0 ]
vector "logSumExp" Tensor.logSumExp [ 1000.0; 1000.0 ]
vector "variance" Tensor.variance [ 5.0 ]
//> vectors
//> norm                   at [0 0]: 0, 0 0
//> norm                   at [1E-200 0]: 1E-200, 1 0
//> max                    at [1 3 3]: 3, 0 0.5 0.5
//> min                    at [2 2 2 2]: 2, 0.25 0.25 0.25 0.25
//> prod                   at [0 2 3]: 0, 6 0 0
//> prod                   at [0 0 3]: 0, 0 0 0
//> logSumExp              at [-Infinity -Infinity]: -Infinity, 0 0
//> logSumExp              at [-Infinity 0]: 0, 0 1
//> logSumExp              at [Infinity 0]: Infinity, 0 0
//> logSumExp              at [1000 1000]: 1000.69, 0.5 0.5
//> variance               at [5]: 0, 0

// Windows share among all that tie, as reductions do.
let ofImage pool (x: Tensor) = Tensor.sum (pool (Tensor.reshape [ 1; 1; 2; 2 ] x))
printfn "windows"
vector "max pool 2 by 2" (ofImage (Pool.max Pool.defaults [ 2; 2 ])) [ 1.0; 3.0; 3.0; 2.0 ]
vector "max pool 2 by 2" (ofImage (Pool.max Pool.defaults [ 2; 2 ])) [ 1.0; 1.0; 1.0; 1.0 ]
vector "global max pool" (ofImage Pool.globalMax) [ -2.0; -2.0; -3.0; -4.0 ]
vector "average pool" (ofImage (Pool.average Pool.defaults [ 2; 2 ])) [ 1.0; 3.0; 3.0; 2.0 ]
//> windows
//> max pool 2 by 2        at [1 3 3 2]: 3, 0 0.5 0.5 0
//> max pool 2 by 2        at [1 1 1 1]: 1, 0.25 0.25 0.25 0.25
//> global max pool        at [-2 -2 -3 -4]: -2, 0.5 0.5 0 0
//> average pool           at [1 3 3 2]: 2.25, 0.25 0.25 0.25 0.25

// Matrices without full rank, and repeated eigenvalues.
let square f (x: Tensor) = Tensor.sum (f (Tensor.reshape [ 2; 2 ] x))
printfn "matrices"
vector "det" (square Linalg.det) [ 1.0; 2.0; 2.0; 4.0 ]
vector "nuclear norm" (square Linalg.nuclearNorm) [ 0.0; 0.0; 0.0; 0.0 ]
vector "sum of eigenvalues" (square (Linalg.eigh >> fst)) [ 1.0; 0.0; 0.0; 1.0 ]
vector "quantile 0.5" (Ordering.quantile 0.5 0) [ 1.0; 2.0; 2.0; 4.0 ]
//> matrices
//> det                    at [1 2 2 4]: 0, 4 -2 -2 1
//> nuclear norm           at [0 0 0 0]: 0, 1 0 0 1
//> sum of eigenvalues     at [1 0 0 1]: 2, 1 0 0 1
//> quantile 0.5           at [1 2 2 4]: 2, 0 0.5 0.5 0

printfn "far from zero"
one "sigmoid x" Tensor.sigmoid [ -1000.0; 1000.0 ]
one "softplus x" Tensor.softplus [ -1000.0; 0.0; 1000.0 ]
one "tanh x" tanh [ -1000.0; 1000.0 ]
one "exp x" exp [ -infinite; 1000.0 ]
one "log1p x" Tensor.log1p [ 1e-30 ]
one "expm1 x" Tensor.expm1 [ 1e-30 ]
//> far from zero
//> sigmoid x              at -1000: 0, 0
//> sigmoid x              at 1000: 1, 0
//> softplus x             at -1000: 0, 0
//> softplus x             at 0: 0.693147, 0.5
//> softplus x             at 1000: 1000, 1
//> tanh x                 at -1000: -1, 0
//> tanh x                 at 1000: 1, 0
//> exp x                  at -Infinity: 0, 0
//> exp x                  at 1000: Infinity, Infinity
//> log1p x                at 1E-30: 1E-30, 1
//> expm1 x                at 1E-30: 1E-30, 1

// Second derivatives at zeros.
let twice name f points = one $"d/dx {name}" (Forward.derivative f) points

printfn "once more"
twice "(x ** 2)" (fun x -> x ** 2.0) [ 0.0 ]
twice "(x ** 3)" (fun x -> x ** 3.0) [ 0.0 ]
twice "(x ** y), y = 2" (fun x -> x ** Tensor.scalar 2.0) [ 0.0 ]
twice "abs x" abs [ 0.0 ]
twice "relu x" Tensor.relu [ 0.0 ]
twice "logCosh x" (fun x -> Losses.logCosh x (Tensor.zerosLike x)) [ 0.0 ]
twice "huber 1 x" (fun x -> Losses.huber 1.0 x (Tensor.zerosLike x)) [ 0.0 ]
printfn $"Hessian of prod at [0 2 3]: {hessian Tensor.prod (Tensor.vector [ 0.0; 2.0; 3.0 ])}"
//> once more
//> d/dx (x ** 2)          at 0: 0, 2
//> d/dx (x ** 3)          at 0: 0, 0
//> d/dx (x ** y), y = 2   at 0: 0, 2
//> d/dx abs x             at 0: 0, 0
//> d/dx relu x            at 0: 0, 0
//> d/dx logCosh x         at 0: 0, 1
//> d/dx huber 1 x         at 0: 0, 1
//> Hessian of prod at [0 2 3]: [[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]] : float64[3, 3]

// Rows subtract their own largest element.
printfn $"{Tensor.softmax 1 (Tensor.matrix [ [ 0.0; 0.0 ]; [ 1000.0; 1000.0 ] ])}"
//> [[0.5, 0.5], [0.5, 0.5]] : float64[2, 2]
printfn $"{Tensor.logSumExpOver [ 1 ] (Tensor.matrix [ [ 0.0; 0.0 ]; [ 1000.0; 1000.0 ] ])}"
//> [0.693147, 1000.69] : float64[2]

// Where a condition chooses, the side not taken never shows, NaN or not.
let safe x =
    Tensor.where (Tensor.greater x (Tensor.zerosLike x)) (log x) (Tensor.zerosLike x)
    |> Tensor.sum

vector "where" safe [ -1.0; 0.0; 2.0 ]
//> where                  at [-1 0 2]: 0.693147, 0 0 0.5

// NaN stays NaN, in the value and in the derivative.
one "x * x" (fun x -> x * x) [ nan ]
one "relu x" Tensor.relu [ nan ]
two "max x y" Tensor.maximum [ (nan, 1.0) ]
//> x * x                  at NaN: NaN, NaN
//> relu x                 at NaN: NaN, 1
//> max x y                at (NaN, 1): NaN, 0 0

// A sum of many float32: 2^24 + 8 ones.
printfn $"{Tensor.toScalar (Tensor.sum (Tensor.ones Float32 [ 16777224 ]))}"
//> 16777224
